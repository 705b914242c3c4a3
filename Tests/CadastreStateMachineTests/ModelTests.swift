import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

/// Random commands against a model that is written down independently.
struct ModelTests {
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
        for _ in 0..<8_000 {
            let envelope = workload.next()
            let entry = TestEntry(machine.applied.index.value + 1, [envelope])
            let reply = try machine.apply(entry)[0]
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
        #expect(machine.digest == rows.digest)
        let recomputed = try machine.recomputeDigest { _ in }
        #expect(recomputed.digest == machine.digest)
        #expect(recomputed.rows == UInt64(rows.rowCount))
        #expect(machine.clusterTime == model.time)
        try compare(machine, model)
        // A workload that never meets a rule proves nothing about it.
        #expect(puts > 500)
        let expected: Set<Refusal> = [
            .notPermitted, .noSuchBucket, .preconditionFailed, .noSuchObject, .requestReused,
            .sequenceOutOfOrder, .quotaExceeded, .tenantExists, .bucketExists, .bucketOwnedByYou,
            .invalidKey, .invalidValue, .noSuchSession, .notSupported, .clockRefused,
        ]
        #expect(expected.subtracting(refusals) == [])
    }

    private func compare(_ machine: StateMachine, _ model: NaiveModel) throws {
        #expect(machine.accessView.tenants.count == model.tenants.count)
        let count = model.buckets.values.reduce(0) { $0 + $1.objects.count }
        #expect(machine.statistics.objects == UInt64(count))
        for (name, tenant) in model.tenants {
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
            for (bucketName, bucket) in mine {
                let principal = Principal.tenant(tenant: name, name: bytes("x"))
                let listing = Query.listObjects(ObjectListing(bucket: bucketName))
                let page = try objectPage(
                    machine.answer(listing, tenant: record.id, principal: principal)
                )
                let sorted = bucket.objects.values.sorted {
                    $0.key.lexicographicallyPrecedes($1.key)
                }
                #expect(page.items.map(key) == sorted.map(\.key))
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
