import CadastreProtocol
@testable import CadastreStateMachine
import CadastreTLS
import RaftCore
import Testing

@testable import CadastreRuntime

@Suite
struct AuthorizationTests {
    /// Tenants a and b exist; a granted the service "gateway".
    static let access: AccessView = {
        var view = AccessView()
        view.tenants[Array("a".utf8)] = .init(id: TenantID(1), status: .active)
        view.tenants[Array("b".utf8)] = .init(id: TenantID(2), status: .active)
        view.grants[Array("gateway".utf8)] = [TenantID(1)]
        return view
    }()

    /// Callers, by the letters of the table below.
    static let callers: [(String, Principal)] = [
        ("operator", .operator(name: Array("ann".utf8))),
        ("granted service", .service(name: Array("gateway".utf8))),
        ("other service", .service(name: Array("stranger".utf8))),
        ("tenant a", .tenant(tenant: Array("a".utf8), name: Array("x".utf8))),
        ("tenant b", .tenant(tenant: Array("b".utf8), name: Array("x".utf8))),
        ("node", .node(1)),
    ]

    /// What each caller gets when it names tenant a: `+` let in, `-` never, `?` as if the tenant
    /// did not exist.
    static let matrix: [(String, RequestContent, String)] = [
        ("create tenant", .command(SampleRequests.createTenant), "+-----"),
        ("update tenant", .command(SampleRequests.updateTenant), "+-----"),
        ("suspend tenant", .command(SampleRequests.suspend), "+-----"),
        ("delete tenant", .command(SampleRequests.deleteTenant), "+-----"),
        ("grant", .command(SampleRequests.grant), "+-----"),
        ("revoke", .command(SampleRequests.revoke), "+-----"),
        ("create bucket", .command(SampleRequests.createBucket), "-+?+?-"),
        ("delete bucket", .command(SampleRequests.deleteBucket), "-+?+?-"),
        ("put object", .command(SampleRequests.put), "-+?+?-"),
        ("delete object", .command(SampleRequests.deleteObject), "-+?+?-"),
        ("batch", .command(SampleRequests.batch), "-+?+?-"),
        ("open session", .command(.openSession(OpenSession(slots: 1))), "+++++-"),
        ("expire session", .command(.expireSession(ExpireSession(session: 1))), "+++++-"),
        ("tick", .command(.tick(Tick(samples: []))), "------"),
        ("get tenant", .query(.getTenant(name: SampleRequests.a)), "++?+?-"),
        ("list tenants", .query(.listTenants(after: [], maximum: 1)), "+-----"),
        (
            "list grants", .query(.listGrants(tenant: SampleRequests.a, after: [], maximum: 1)),
            "+--+?-"
        ),
        ("get bucket", .query(.getBucket(name: SampleRequests.bucket)), "-+?+?-"),
        ("list buckets", .query(.listBuckets(prefix: [], after: [], maximum: 1)), "-+?+?-"),
        ("get object", .query(.getObject(bucket: SampleRequests.bucket, key: [1])), "-+?+?-"),
        ("list objects", .query(SampleRequests.list), "-+?+?-"),
        ("usage", .query(.getUsage(bucket: nil)), "++?+?-"),
        ("usage of a bucket", .query(.getUsage(bucket: SampleRequests.bucket)), "-+?+?-"),
        ("status", .administration(.status), "+-----"),
        ("members", .administration(.members), "+-----"),
        ("leader transfer", .administration(.transferLeadership(to: nil)), "+-----"),
        ("digest", .administration(.computeDigest(atLeastIndex: 0)), "+-----"),
        (
            "change members", .administration(.changeMembers(.remove(1), isDryRun: false)),
            "+-----"
        ),
        ("policy", .administration(.policy), "+-----"),
        (
            "set the policy",
            .administration(
                .setPolicy(
                    PolicyChange(from: Policy(), to: Policy()),
                    isDryRun: false
                )
            ),
            "+-----"
        ),
        ("plan a change", .administration(.changeMembers(.remove(1), isDryRun: true)), "+-----"),
    ]

    @Test(arguments: matrix.indices)
    func `each caller may do what the table says, and nothing else`(_ row: Int) {
        let (name, content, expected) = Self.matrix[row]
        for ((caller, principal), sign) in zip(Self.callers, expected) {
            #expect(
                Self.judge(content, SampleRequests.a, principal) == sign,
                "\(caller) asks to \(name)"
            )
        }
    }

    private static func judge(
        _ content: RequestContent,
        _ tenant: [UInt8]?,
        _ caller: Principal
    ) -> Character {
        do throws(Authorization.Denial) {
            _ = try Authorization.judge(content, for: tenant, by: caller, access: access)
            return "+"
        } catch {
            switch error {
            case .never: return "-"
            case .unknownTenant: return "?"
            }
        }
    }

    @Test
    func `absent and forbidden look the same`() {
        let service = Principal.service(name: Array("gateway".utf8))
        for name in ["b", "absent"] {
            #expect(throws: Authorization.Denial.unknownTenant) {
                try Authorization.judge(
                    .query(.listBuckets(prefix: [], after: [], maximum: 1)),
                    for: Array(name.utf8),
                    by: service,
                    access: Self.access
                )
            }
        }
    }

    @Test
    func `a tenant may leave its name out, a service may not`() throws {
        let content = RequestContent.query(.listBuckets(prefix: [], after: [], maximum: 1))
        let tenant = Principal.tenant(tenant: Array("b".utf8), name: Array("x".utf8))
        let found = try Authorization.judge(content, for: nil, by: tenant, access: Self.access)
        #expect(found == TenantID(2))
        #expect(Self.judge(content, nil, .service(name: Array("gateway".utf8))) == "-")
    }

    @Test
    func `a command that changes something needs a slot or a token`() throws {
        let put = RequestMessage(content: .command(SampleRequests.put))
        #expect(throws: ProtocolError.self) { try Authorization.checkIdentity(put) }
        let slot = RequestMessage(
            identity: .slot(session: 1, slot: 0, sequence: 1),
            content: .command(SampleRequests.put)
        )
        try Authorization.checkIdentity(slot)
        let open = RequestMessage(content: .command(.openSession(OpenSession(slots: 1))))
        try Authorization.checkIdentity(open)
    }

    @Test(arguments: Listener.allCases)
    func `each listener takes its own kinds of identities, of its own cluster`(_ listener: Listener)
    {
        let identities: [(Identity, Listener)] = [
            (.node(cluster: "c", id: 1), .peer),
            (.operator(cluster: "c", name: "n"), .administration),
            (.service(cluster: "c", name: "n"), .client),
            (.tenant(cluster: "c", tenant: "t", name: "n"), .client),
        ]
        for (identity, own) in identities {
            let refusal = listener.refusal(of: identity, cluster: "c")
            #expect(refusal?.reason == (own == listener ? nil : .notAccepted))
            #expect(listener.refusal(of: identity, cluster: "d")?.reason == .otherCluster)
        }
    }
}

/// Requests that are right, for tests of what is done with them.
enum SampleRequests {
    static let a = Array("a".utf8)
    static let bucket = Array("bucket".utf8)
    static let createTenant = Command.createTenant(CreateTenant(name: a, quota: Quota()))
    static let updateTenant = Command.updateTenant(UpdateTenant(name: a, quota: Quota()))
    static let suspend = Command.setTenantStatus(SetTenantStatus(name: a, status: .suspended))
    static let deleteTenant = Command.deleteTenant(DeleteTenant(name: a))
    static let grant = Command.grantService(GrantService(tenant: a, service: a))
    static let revoke = Command.revokeService(RevokeService(tenant: a, service: a))
    static let createBucket = Command.createBucket(CreateBucket(name: bucket))
    static let deleteBucket = Command.deleteBucket(DeleteBucket(name: bucket))
    static let put = put(key: "key")
    static let deleteObject = Command.deleteObject(
        DeleteObject(bucket: bucket, key: [1], precondition: nil)
    )
    static let batch = Command.batch(
        Batch([.delete(DeleteObject(bucket: bucket, key: [1], precondition: nil))])
    )
    static let list = Query.listObjects(
        ObjectListing(bucket: bucket, prefix: [], delimiter: [], after: [], maximum: 10)
    )

    static func put(key: String) -> Command {
        .putObject(
            PutObject(
                bucket: bucket,
                key: Array(key.utf8),
                size: 5,
                etag: Array("e".utf8),
                checksum: nil,
                contentType: Array("text/plain".utf8),
                metadata: [],
                tags: [],
                locations: [],
                precondition: nil,
                modifiedMilliseconds: nil
            )
        )
    }
}
