import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

/// Each command and each query, by each kind of principal.
struct AuthorizationTests {
    enum Kind: String, CaseIterable {
        case node, `operator`, grantedService, otherService, owner, otherTenant

        var principal: Principal {
            switch self {
            case .node: .node(1)
            case .operator: .operator(name: bytes("second"))
            case .grantedService: .service(name: bytes("granted"))
            case .otherService: .service(name: bytes("other"))
            case .owner: .tenant(tenant: bytes("acme"), name: bytes("bob"))
            case .otherTenant: .tenant(tenant: bytes("rival"), name: bytes("eve"))
            }
        }
        var mayHold: Bool { self == .grantedService || self == .owner }
    }

    private func makeWorld() throws -> World {
        var world = try World()
        for command in [
            Command.createTenant(CreateTenant(name: bytes("rival"), quota: Quota())),
            .grantService(GrantService(tenant: bytes("acme"), service: bytes("granted"))),
            .grantService(GrantService(tenant: bytes("rival"), service: bytes("other"))),
        ] {
            #expect(try world.machine.apply(world.administrator.next(command)).refusal == nil)
        }
        try world.put(bytes("key"))
        return world
    }

    private func permits(_ tag: CommandTag, _ kind: Kind) -> Bool {
        switch tag {
        case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
            .revokeService:
            kind == .operator
        case .createBucket, .deleteBucket, .putObject, .deleteObject, .batch: kind.mayHold
        case .openSession, .expireSession: kind != .node
        case .tick: kind == .node
        }
    }

    private func sample(_ tag: CommandTag, session: UInt64) -> Command {
        let acme = bytes("acme")
        let photos = bytes("photos")
        return switch tag {
        case .createTenant: .createTenant(CreateTenant(name: bytes("new"), quota: Quota()))
        case .updateTenant: .updateTenant(UpdateTenant(name: acme, quota: Quota(bytes: 9)))
        case .setTenantStatus: .setTenantStatus(SetTenantStatus(name: acme, status: .suspended))
        case .deleteTenant: .deleteTenant(DeleteTenant(name: bytes("rival")))
        case .grantService: .grantService(GrantService(tenant: acme, service: bytes("s")))
        case .revokeService: .revokeService(RevokeService(tenant: acme, service: bytes("granted")))
        case .createBucket: .createBucket(CreateBucket(name: bytes("new-bucket")))
        case .deleteBucket: .deleteBucket(DeleteBucket(name: photos))
        case .putObject: .putObject(PutObject(bucket: photos, key: [1], size: 1))
        case .deleteObject: .deleteObject(DeleteObject(bucket: photos, key: bytes("key")))
        case .batch: .batch(Batch([.put(PutObject(bucket: photos, key: [1], size: 1))]))
        case .openSession: .openSession(OpenSession(slots: 1))
        case .expireSession: .expireSession(ExpireSession(session: session))
        case .tick:
            .tick(Tick(samples: [ClockSample(node: 1, wallMilliseconds: 1_700_000_000_000)]))
        }
    }

    @Test(arguments: CommandTag.allCases, Kind.allCases)
    func `who may not is told so and nothing changes`(tag: CommandTag, kind: Kind) throws {
        let world = try makeWorld()
        // A node has no session; what it sends beside ticks is refused before that matters.
        let needsSession = tag != .openSession && tag != .tick && kind != .node
        let caller =
            needsSession
            ? try Caller(kind.principal, on: world.machine, tenant: world.owner.tenant) : nil
        let envelope = CommandEnvelope(
            principal: kind.principal,
            tenant: world.owner.tenant,
            identity: caller.map { .slot(session: $0.session, slot: 0, sequence: 1) } ?? .none,
            command: sample(tag, session: caller?.session ?? 0)
        )
        let before = world.machine.accessView
        let usage = try world.ask(.getUsage(bucket: nil))
        let reply = try world.machine.apply(envelope)
        if permits(tag, kind) {
            // Permitted, though a bucket that is not empty stays.
            #expect(reply.refusal == (tag == .deleteBucket ? .bucketNotEmpty : nil))
        } else {
            let isHarmless = [.openSession, .expireSession, .tick].contains(tag)
            #expect(reply.refusal == (kind == .node && !isHarmless ? .malformed : .notPermitted))
            #expect(world.machine.accessView.version == before.version)
            #expect(try world.ask(.getUsage(bucket: nil)) == usage)
        }
    }

    @Test(arguments: Kind.allCases)
    func `absent and forbidden look the same`(kind: Kind) throws {
        let world = try makeWorld()
        func ask(_ query: Query, of tenant: TenantID) throws -> Refusal? {
            switch try world.machine.answer(query, tenant: tenant, principal: kind.principal) {
            case .success: nil
            case .failure(let refusal): refusal
            }
        }
        let photos = bytes("photos")
        let object = Query.getObject(bucket: photos, key: bytes("key"))
        let acme = world.owner.tenant
        let rival = try #require(world.machine.accessView.tenants[bytes("rival")]?.id)
        let absent = TenantID(999)
        let queries: [Query] = [
            object, .getBucket(name: photos), .getUsage(bucket: photos),
            .listObjects(ObjectListing(bucket: photos)),
            .listBuckets(prefix: [], after: [], maximum: 10),
        ]
        for query in queries {
            #expect(try ask(query, of: acme) == (kind.mayHold ? nil : .notPermitted))
            #expect(try ask(query, of: absent) == .notPermitted)
        }
        // Whoever may act for the rival sees nothing of acme's bucket through it.
        let seen = try ask(object, of: rival)
        let actsForRival = kind == .otherService || kind == .otherTenant
        #expect(seen == (actsForRival ? .noSuchBucket : .notPermitted))
        let isOperator = kind == .operator
        #expect(
            try ask(.listTenants(after: [], maximum: 5), of: acme)
                == (isOperator ? nil : .notPermitted)
        )
        #expect(
            try ask(.getTenant(name: bytes("acme")), of: acme)
                == (isOperator || kind.mayHold ? nil : .notPermitted)
        )
        #expect(
            try ask(.getTenant(name: bytes("no")), of: acme)
                == (isOperator ? .noSuchTenant : .notPermitted)
        )
        let grants = Query.listGrants(tenant: bytes("acme"), after: [], maximum: 5)
        #expect(try ask(grants, of: acme) == (isOperator || kind == .owner ? nil : .notPermitted))
        #expect(
            try ask(.getUsage(bucket: nil), of: acme)
                == (isOperator || kind.mayHold ? nil : .notPermitted)
        )
    }

    @Test
    func `a revoked grant ends at the next command`() throws {
        var world = try makeWorld()
        var service = try Caller(
            .service(name: bytes("granted")),
            on: world.machine,
            tenant: world.owner.tenant
        )
        let put = Command.putObject(PutObject(bucket: bytes("photos"), key: [1], size: 1))
        #expect(try world.machine.apply(service.next(put)).refusal == nil)
        let version = world.machine.accessView.version
        let revoke = RevokeService(tenant: bytes("acme"), service: bytes("granted"))
        try world.machine.apply(world.administrator.next(.revokeService(revoke)))
        #expect(world.machine.accessView.version > version)
        #expect(
            world.machine.accessView.tenant(named: bytes("acme"), for: service.principal) == nil
        )
        #expect(try world.machine.apply(service.next(put)).refusal == .notPermitted)
    }

    @Test
    func `a suspended tenant reads and deletes and does not grow`() throws {
        var world = try makeWorld()
        let suspend = SetTenantStatus(name: bytes("acme"), status: .suspended)
        try world.machine.apply(world.administrator.next(.setTenantStatus(suspend)))
        #expect(try world.put(bytes("other")).refusal == .tenantSuspended)
        let create = Command.createBucket(CreateBucket(name: bytes("second")))
        #expect(try world.machine.apply(world.owner.next(create)).refusal == .tenantSuspended)
        _ = try objectRecord(world.ask(.getObject(bucket: bytes("photos"), key: bytes("key"))))
        #expect(try world.delete(bytes("key")).number == 1)
    }
}
