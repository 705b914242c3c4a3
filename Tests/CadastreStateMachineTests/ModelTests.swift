import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import TestLanes
import Testing

/// Random commands against a model that is written down independently.
@Suite(.heavy)
struct ModelTests {
    @Test
    func `a command that is executed as it was given is the one that its bytes say`() throws {
        // A leader executes what its door decoded, a follower what the entry's bytes say.
        var workload = Workload(seed: 11)
        for _ in 0..<5_000 {
            let envelope = workload.next()
            let bytes = envelope.encode()
            let entry = [0] + bytes + bytes
            let range = 1..<1 + bytes.count
            try #require(CommandEnvelope(decoding: range, of: entry) == envelope)
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `random commands are answered as the naive model answers them`(seed: UInt64) throws {
        let machine = try makeMachine(settings: StateMachineSettings(maximumDirtyRows: 300))
        let rows = MemoryRows()
        let applier = Applier(rows, key: testKey)
        var model = NaiveModel()
        var workload = Workload(seed: seed)
        var refusals: Set<Refusal> = []
        var lastSequence: UInt64 = 0
        var puts = 0
        if seed.isMultiple(of: 2) {
            let voters = Configuration(
                members: (1...3).map { member($0) },
                featureLevel: 1
            )
            try machine.apply(TestEntry(1, [], kind: .configuration(voters)))
            rows.system.voters = [1, 2, 3]
            model.voters = [1, 2, 3]
        }
        func step(_ envelope: CommandEnvelope) throws {
            let entry = TestEntry(machine.applied.index.value + 1, [envelope])
            let reply = try machine.apply(entry)[0]
            try machine.endOfTurn(idle: false)
            workload.received(reply, to: envelope)
            #expect(try applier.apply(envelope, in: entry.context) == reply)
            let expected = model.apply(envelope, actual: reply)
            try #require(reply.refusal == expected.refusal, "\(envelope)")
            try #require(reply.number == expected.number, "\(envelope)")
            try #require((reply.sequence != 0) == expected.changes, "\(envelope)")
            if reply.sequence > lastSequence {
                lastSequence = reply.sequence
                if case .putObject = envelope.command { puts += 1 }
            }
            if let refusal = reply.refusal { refusals.insert(refusal) }
        }
        for _ in 0..<4_000 { try step(workload.next()) }
        #expect(model.sessions.count > 5)
        if seed <= 2 {
            for tick in workload.night() { try step(tick) }
            #expect(model.sessions.isEmpty, "a night ends every session")
        }
        for _ in 0..<4_000 { try step(workload.next()) }
        #expect(model.sessions.count > 5)
        #expect(machine.digest == rows.digest)
        let recomputed = try machine.recomputeDigest()
        #expect(recomputed.digest == machine.digest)
        #expect(recomputed.rows == UInt64(rows.rowCount))
        #expect(machine.clusterTime == model.time)
        try compare(machine, model)
        // A workload that never meets a rule proves nothing about it.
        #expect(puts > 500)
        #expect(Self.met.subtracting(refusals) == [])
    }

    /// Every refusal that the state machine gives and that needs no thousands of rows.
    static let met: Set<Refusal> = [
        .malformed, .notSupported, .invalidName, .invalidKey, .invalidValue, .notPermitted,
        .tenantExists, .noSuchTenant, .tenantNotEmpty, .tenantSuspended, .bucketExists,
        .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty, .noSuchObject, .preconditionFailed,
        .quotaExceeded, .tooManyBuckets, .noSuchSession, .slotOutOfRange, .sequenceOutOfOrder,
        .requestReused, .clockRefused, .staleBucketEpoch, .staleRangeEpoch,
    ]

    @Test(arguments: Refusal.allCases)
    func `every refusal is met by the random commands, or by a test of its limit, or is no outcome`(
        refusal: Refusal
    ) {
        switch refusal {
        // LimitTests, SessionTests.
        case .tooManyTenants, .tooManyGrants, .tooManySessions: #expect(!Self.met.contains(refusal))
        // Given before a command is in the log, or to what is no command.
        case .notLeader, .overloaded, .notReady, .shuttingDown, .deadlinePassed, .diskFull,
            .unknownVerb, .tooLarge, .transferFailed, .notAVoter, .membersChanging, .tooManyMembers,
            .memberExists, .noSuchMember, .addressTaken, .noVoterLeft, .mustBeLearner,
            .notCaughtUp, .quorumUnreachable, .countryNotAllowed, .spreadBroken, .policyChanged,
            .notForWitness:
            #expect(!Self.met.contains(refusal))
        case .malformed, .notSupported, .invalidName, .invalidKey, .invalidValue, .notPermitted,
            .tenantExists, .noSuchTenant, .tenantNotEmpty, .tenantSuspended, .bucketExists,
            .bucketOwnedByYou, .noSuchBucket, .bucketNotEmpty, .noSuchObject, .preconditionFailed,
            .quotaExceeded, .tooManyBuckets, .noSuchSession, .slotOutOfRange, .sequenceOutOfOrder,
            .requestReused, .clockRefused, .staleBucketEpoch, .staleRangeEpoch:
            #expect(Self.met.contains(refusal))
        }
    }

    /// Pages of a bucket, some of them walked through to the end.
    private func comparePages(
        _ keys: [[UInt8]],
        of bucket: [UInt8],
        _ generator: inout SplitMix64,
        ask: (ObjectListing) throws -> ObjectPage
    ) throws {
        let bounds: [[UInt8]] = [
            [], bytes("k"), bytes("k1"), [0x2f], [0], [0xff], [0xcc], bytes("kk"),
            [UInt8](repeating: 0x6b, count: 1_000), bytes("k9/a/a"), bytes("/a/"),
        ]
        for _ in 0..<20 {
            var listing = ObjectListing(
                bucket: bucket,
                prefix: bounds[generator.next(below: bounds.count)],
                delimiter: bounds[generator.next(below: bounds.count)],
                after: generator.next(below: 2) == 0 || keys.isEmpty
                    ? [] : keys[generator.next(below: keys.count)],
                maximum: 1 + generator.next(below: 9)
            )
            while true {
                let page = try ask(listing)
                let (items, isTruncated) = bruteList(keys, listing)
                try #require(page.items.map(key) == items, "\(listing)")
                try #require(page.isTruncated == isTruncated, "\(listing)")
                guard page.isTruncated else { break }
                listing.after = page.next
            }
        }
    }

    private func compare(_ machine: StateMachine, _ model: NaiveModel) throws {
        var generator = SplitMix64(seed: machine.digest.low)
        #expect(machine.accessView.tenants.count == model.tenants.count)
        let count = model.buckets.values.reduce(0) { $0 + $1.objects.count }
        #expect(machine.statistics.objects == UInt64(count))
        for (name, tenant) in model.tenants.sorted(by: { $0.value.id < $1.value.id }) {
            let mine = model.buckets.filter { $0.value.tenant == tenant.id }
            let objects = mine.values.flatMap(\.objects.values)
            let answer = try machine.answer(
                .getTenant(name: name),
                tenant: .none,
                principal: .operator(name: bytes("root"))
            )
            let record = try tenantRecord(answer)
            #expect(record.usage.buckets == UInt64(mine.count))
            #expect(record.usage.objects == UInt64(objects.count))
            #expect(record.usage.bytes == objects.reduce(0) { $0 + $1.size })
            #expect(record.status == tenant.status)
            #expect(record.quota == tenant.quota)
            for service in tenant.services {
                #expect(machine.accessView.grants[service]?.contains(record.id) == true)
            }
            for (bucketName, bucket) in mine.sorted(by: { $0.key.lexicographicallyPrecedes($1.key) }
            ) {
                let principal = Principal.tenant(tenant: name, name: bytes("x"))
                let listing = Query.listObjects(ObjectListing(bucket: bucketName))
                let page = try objectPage(
                    machine.answer(listing, tenant: record.id, principal: principal)
                )
                let sorted = bucket.objects.values.sorted {
                    $0.key.lexicographicallyPrecedes($1.key)
                }
                #expect(page.items.map(key) == sorted.map(\.key))
                try comparePages(sorted.map(\.key), of: bucketName, &generator) { listing in
                    try objectPage(
                        machine.answer(
                            .listObjects(listing),
                            tenant: record.id,
                            principal: principal
                        )
                    )
                }
                for put in sorted {
                    let object = try objectRecord(
                        machine.answer(
                            .getObject(bucket: bucketName, key: put.key),
                            tenant: record.id,
                            principal: principal
                        )
                    )
                    #expect(object.size == put.size && object.etag == put.etag)
                    #expect(object.metadata == put.metadata && object.tags == put.tags)
                    #expect(object.locations == put.locations && object.checksum == put.checksum)
                    #expect(object.contentType == put.contentType)
                    #expect(object.modifiedMilliseconds == put.modifiedMilliseconds)
                }
            }
        }
    }
}

/// A voter with this number.
func member(_ number: UInt64) -> Member {
    Member(
        id: NodeID(number),
        incarnation: Incarnation(high: number, low: 0),
        role: .voter,
        site: "",
        peerAddress: "",
        clientAddress: "",
        administrationAddress: ""
    )
}

/// The answer is not of the kind that was expected.
struct WrongAnswer: Error {}

func tenantRecord(_ answer: Result<Answer, Refusal>) throws -> TenantRecord {
    guard case .tenant(let record) = try answer.get() else { throw WrongAnswer() }
    return record
}

func objectRecord(_ answer: Result<Answer, Refusal>) throws -> ObjectRecord {
    guard case .object(let record) = try answer.get() else { throw WrongAnswer() }
    return record
}

func objectPage(_ answer: Result<Answer, Refusal>) throws -> ObjectPage {
    guard case .objects(let page) = try answer.get() else { throw WrongAnswer() }
    return page
}

/// The key or the common prefix of an item.
func key(_ item: ListItem) -> [UInt8] {
    switch item {
    case .object(let key, _, _, _, _): key
    case .commonPrefix(let prefix): prefix
    }
}
