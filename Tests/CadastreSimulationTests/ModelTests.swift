import CadastreProtocol
import CadastreSimulation
import RaftCore
import Testing

/// The model says what the rules say, and not what the product does.
struct ModelTests {
    private let administrator = Principal.operator(name: Array("op".utf8))
    private let client = Principal.tenant(tenant: Array("t".utf8), name: Array("c".utf8))
    private let bucket = Array("bucket".utf8)
    private let key = Array("key".utf8)

    /// A tenant with a bucket, and sessions 7 of the administrator and 8 of the client.
    private func founded() throws(Violation) -> Model {
        var model = Model(voters: [1, 2, 3])
        let samples = (1...2).map { ClockSample(node: $0, wallMilliseconds: 1_000) }
        try model.play([], at: LogIndex(1))
        try model.play(
            [
                command(.tick(Tick(samples: samples)), by: .node(1)),
                command(.openSession(OpenSession(slots: 2)), by: administrator),
                command(.openSession(OpenSession(slots: 2)), by: client),
            ],
            at: LogIndex(2)
        )
        try model.learn(7, openedAt: Model.Place(index: LogIndex(2), ordinal: 1))
        try model.learn(8, openedAt: Model.Place(index: LogIndex(2), ordinal: 2))
        try model.play(
            [
                command(
                    .createTenant(CreateTenant(name: Array("t".utf8), quota: Quota())),
                    by: administrator,
                    in: (7, 0, 1)
                ),
                command(
                    .createBucket(CreateBucket(name: bucket)),
                    by: client,
                    of: 1,
                    in: (8, 0, 1)
                ),
            ],
            at: LogIndex(3)
        )
        return model
    }

    private func command(
        _ command: Command,
        by principal: Principal,
        of tenant: UInt64 = 0,
        in place: (session: UInt64, slot: UInt32, sequence: UInt64)? = nil
    ) -> CommandEnvelope {
        CommandEnvelope(
            principal: principal,
            tenant: TenantID(tenant),
            identity: place.map {
                .slot(session: $0.session, slot: $0.slot, sequence: $0.sequence)
            } ?? .none,
            command: command
        )
    }

    private func put(
        _ etag: String,
        _ sequence: UInt64,
        slot: UInt32 = 0,
        size: UInt64 = 10,
        _ precondition: Precondition? = nil
    ) -> CommandEnvelope {
        let put = PutObject(
            bucket: bucket,
            key: key,
            size: size,
            etag: Array(etag.utf8),
            precondition: precondition
        )
        return command(.putObject(put), by: client, of: 1, in: (8, slot, sequence))
    }

    private func reply(_ model: Model, _ index: UInt64, _ ordinal: Int = 0) -> Reply? {
        let place = Model.Place(index: LogIndex(index), ordinal: ordinal)
        guard case .reply(let reply) = model.expected(at: place) else { return nil }
        return reply
    }

    private func etag(_ model: Model, at index: UInt64) -> [UInt8]? {
        let answer = model.answer(
            .getObject(bucket: bucket, key: key),
            of: TenantID(1),
            for: client,
            at: LogIndex(index)
        )
        guard case .success(.object(let object)) = answer else { return nil }
        return object.etag
    }

    @Test
    func `places in the order grow from cluster time, whose first Tick sets it`() throws {
        let model = try founded()
        let first = UInt64(1_000) << 20
        #expect(reply(model, 2) == .done(sequence: first))
        let opened = Model.Place(index: LogIndex(2), ordinal: 2)
        #expect(model.expected(at: opened) == .session(sequence: first + 2))
        #expect(reply(model, 3, 1) == .done(number: 1, sequence: first + 4))
        #expect(model.clusterTime(at: LogIndex(1)) == 0)
        #expect(model.clusterTime(at: LogIndex(3)) == 1_000)
    }

    @Test
    func `a Tick of few clocks, or of one that ran away, does not move cluster time far`() throws {
        var model = try founded()
        func tick(_ walls: [UInt64]) -> CommandEnvelope {
            let samples = walls.enumerated().map {
                ClockSample(node: UInt64($0.offset + 1), wallMilliseconds: $0.element)
            }
            return command(.tick(Tick(samples: samples)), by: .node(1))
        }
        try model.play([tick([90_000])], at: LogIndex(4))
        #expect(reply(model, 4) == .refused(.clockRefused))
        try model.play([tick([2_000, 90_000])], at: LogIndex(5))
        #expect(model.clusterTime == 2_000)
        try model.play([tick([80_000, 90_000, 3_000])], at: LogIndex(6))
        #expect(model.clusterTime == 12_000)
    }

    @Test
    func `a value stands from its entry to the next one`() throws {
        var model = try founded()
        try model.play([put("a", 2)], at: LogIndex(4))
        try model.play([], at: LogIndex(5))
        try model.play([put("b", 3)], at: LogIndex(6))
        #expect(etag(model, at: 3) == nil)
        #expect(etag(model, at: 4) == Array("a".utf8))
        #expect(etag(model, at: 5) == Array("a".utf8))
        #expect(etag(model, at: 6) == Array("b".utf8))
        let page = model.answer(
            .listObjects(ObjectListing(bucket: bucket)),
            of: TenantID(1),
            for: client,
            at: LogIndex(5)
        )
        guard case .success(.objects(let objects)) = page else {
            Issue.record("a list is answered \(String(describing: page))")
            return
        }
        #expect(objects.items.count == 1 && !objects.isTruncated)
    }

    @Test
    func `a retry says the same, another payload is refused, and an old one is late`() throws {
        var model = try founded()
        try model.play([put("a", 2), put("a", 2), put("x", 2)], at: LogIndex(4))
        #expect(reply(model, 4) == reply(model, 4, 1))
        #expect(reply(model, 4, 2) == .refused(.requestReused))
        try model.play([put("b", 3), put("a", 2), put("c", 5)], at: LogIndex(5))
        #expect(reply(model, 5, 1) == .refused(.sequenceOutOfOrder))
        #expect(reply(model, 5, 2) == .refused(.sequenceOutOfOrder))
        #expect(etag(model, at: 5) == Array("b".utf8))
        #expect(model.duplicates == 4)
        #expect(model.isApplied(session: 8, slot: 0, sequence: 3))
        #expect(!model.isApplied(session: 8, slot: 0, sequence: 5))
    }

    @Test
    func `conditions are judged on what stands there`() throws {
        var model = try founded()
        try model.play(
            [
                put("a", 2, .ifMatch([Array("a".utf8)])), put("a", 3, .ifPresent),
                put("a", 4, .ifAbsent), put("b", 5, .ifAbsent),
                put("c", 6, .ifMatch([Array("b".utf8)])), put("d", 7, .ifMatch([Array("a".utf8)])),
            ],
            at: LogIndex(4)
        )
        let refusals = (0..<6).map { reply(model, 4, $0)?.refusal }
        #expect(
            refusals == [
                .noSuchObject, .noSuchObject, nil, .preconditionFailed, .preconditionFailed, nil,
            ]
        )
    }

    @Test
    func `a quota stops what grows, and a suspended tenant too`() throws {
        var model = try founded()
        func administer(_ change: Command, _ sequence: UInt64) -> CommandEnvelope {
            command(change, by: administrator, in: (7, 0, sequence))
        }
        let name = Array("t".utf8)
        try model.play(
            [
                put("a", 2, size: 10),
                administer(.updateTenant(UpdateTenant(name: name, quota: Quota(bytes: 5))), 2),
                put("b", 3, size: 11), put("c", 4, size: 9), put("d", 5, size: 9),
                administer(.setTenantStatus(SetTenantStatus(name: name, status: .suspended)), 3),
                put("e", 6, size: 1),
            ],
            at: LogIndex(4)
        )
        #expect(reply(model, 4, 2)?.refusal == .quotaExceeded)
        #expect(reply(model, 4, 3)?.refusal == nil)
        #expect(reply(model, 4, 4)?.refusal == nil)
        #expect(reply(model, 4, 6)?.refusal == .tenantSuspended)
    }

    @Test
    func `a session that was closed is none, and one that nobody opened is caught`() throws {
        var model = try founded()
        let expiry = command(.expireSession(ExpireSession(session: 8)), by: client)
        try model.play([expiry, expiry, put("a", 2)], at: LogIndex(4))
        #expect(reply(model, 4)?.number == 1)
        #expect(reply(model, 4, 1) == .refused(.noSuchSession))
        #expect(reply(model, 4, 2) == .refused(.noSuchSession))
        let stranger = command(
            .deleteObject(DeleteObject(bucket: bucket, key: key)),
            by: client,
            of: 1,
            in: (9, 0, 1)
        )
        let rule = caught { () throws(Violation) in
            try model.play([stranger], at: LogIndex(5))
        }
        #expect(rule == .acknowledgedWrites)
    }

    @Test
    func `two sessions of one number are caught`() throws {
        var model = try founded()
        try model.play(
            [command(.openSession(OpenSession(slots: 1)), by: client)],
            at: LogIndex(4)
        )
        let again = caught { () throws(Violation) in
            try model.learn(8, openedAt: Model.Place(index: LogIndex(4), ordinal: 0))
        }
        #expect(again == .acknowledgedWrites)
    }

    @Test
    func `what a stranger asks is not there`() throws {
        var model = try founded()
        try model.play([put("a", 2)], at: LogIndex(4))
        let stranger = Principal.tenant(tenant: Array("u".utf8), name: Array("c".utf8))
        let answer = model.answer(
            .getObject(bucket: bucket, key: key),
            of: TenantID(1),
            for: stranger,
            at: LogIndex(4)
        )
        #expect(answer == .failure(.notPermitted))
    }

    private func list(_ model: Model, _ listing: ObjectListing) -> ObjectPage? {
        let answer = model.answer(
            .listObjects(listing),
            of: TenantID(1),
            for: client,
            at: LogIndex(4)
        )
        guard case .success(.objects(let page)) = answer else { return nil }
        return page
    }

    private func names(_ page: ObjectPage?) -> [String]? {
        page?.items.map { item in
            switch item {
            case .object(let key, _, _, _, _): String(decoding: key, as: UTF8.self)
            case .commonPrefix(let prefix): String(decoding: prefix, as: UTF8.self) + "*"
            }
        }
    }

    @Test
    func `a list names a group once, and no group again that lies before the page`() throws {
        var model = try founded()
        let keys = ["a", "a/", "a/b", "a/b/c", "a0", "b//c", "b//d", "c"]
        let puts = keys.enumerated().map { place, key in
            let put = PutObject(bucket: bucket, key: Array(key.utf8), size: 1)
            return command(
                .putObject(put),
                by: client,
                of: 1,
                in: (8, 0, UInt64(place) + 2)
            )
        }
        try model.play(puts, at: LogIndex(4))
        var listing = ObjectListing(bucket: bucket, delimiter: Array("/".utf8))
        #expect(names(list(model, listing)) == ["a", "a/*", "a0", "b/*", "c"])
        listing.maximum = 2
        let first = list(model, listing)
        #expect(names(first) == ["a", "a/*"])
        #expect(first?.isTruncated == true && first?.next == Array("a/".utf8))
        listing.after = Array("a/b".utf8)
        #expect(names(list(model, listing)) == ["a0", "b/*"])
        listing.after = Array("b/".utf8)
        #expect(list(model, listing)?.isTruncated == false)
        listing = ObjectListing(
            bucket: bucket,
            prefix: Array("a/".utf8),
            delimiter: Array("/".utf8)
        )
        #expect(names(list(model, listing)) == ["a/", "a/b", "a/b/*"])
        listing.maximum = 0
        let nothing = ObjectPage(items: ListItems(), isTruncated: false, next: [])
        #expect(list(model, listing) == nothing)
    }

    @Test
    func `lists of names go on behind the last one, and tenants are shown to operators`() throws {
        let model = try founded()
        func answer(_ query: Query, _ principal: Principal) -> Result<Answer, Refusal> {
            model.answer(query, of: TenantID(1), for: principal, at: LogIndex(3))
        }
        let buckets = answer(.listBuckets(prefix: [], after: [], maximum: 1), client)
        guard case .success(.buckets(let page)) = buckets else {
            Issue.record("a list is answered \(buckets)")
            return
        }
        #expect(page.elements.map(\.name) == [bucket] && !page.isTruncated)
        let rest = Page<BucketRecord>(elements: [], isTruncated: false)
        #expect(
            answer(.listBuckets(prefix: [], after: bucket, maximum: 1), client)
                == .success(.buckets(rest))
        )
        let tenants = Query.listTenants(after: [], maximum: 1)
        #expect(answer(tenants, client) == .failure(.notPermitted))
        guard case .success(.tenants(let all)) = answer(tenants, administrator) else {
            Issue.record("an operator does not see the tenants")
            return
        }
        #expect(all.elements.map(\.usage.buckets) == [1])
        let nobody = Query.getTenant(name: Array("u".utf8))
        #expect(answer(nobody, client) == .failure(.notPermitted))
        #expect(answer(nobody, administrator) == .failure(.noSuchTenant))
    }
}
