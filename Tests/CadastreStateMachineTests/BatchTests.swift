import CadastreDisk
import CadastreProtocol
import Testing

@testable import CadastreStateMachine

/// Several changes of objects as one: all or none, each upon what those before it leave.
struct BatchTests {
    private func put(
        _ key: String,
        size: UInt64 = 1,
        etag: String = "e",
        in bucket: String = "photos",
        if precondition: Precondition? = nil
    ) -> Batch.Operation {
        .put(
            PutObject(
                bucket: bytes(bucket),
                key: bytes(key),
                size: size,
                etag: bytes(etag),
                precondition: precondition
            )
        )
    }

    private func delete(_ key: String, if precondition: Precondition? = nil) -> Batch.Operation {
        .delete(
            DeleteObject(bucket: bytes("photos"), key: bytes(key), precondition: precondition)
        )
    }

    private func keys(_ world: World) throws -> [[UInt8]] {
        let page = try objectPage(
            world.ask(.listObjects(ObjectListing(bucket: bytes("photos"), maximum: 1_000)))
        )
        return page.items.map(key)
    }

    private func usage(_ world: World, of bucket: [UInt8]? = nil) throws -> Usage {
        guard case .usage(let usage) = try world.ask(.getUsage(bucket: bucket)).get() else {
            throw WrongAnswer()
        }
        return usage
    }

    @Test
    func `all operations are done in their order, each upon what those before it leave`() throws {
        var world = try World()
        try world.put(bytes("old"), size: 7)
        let reply = try world.batch([
            put("a", size: 2, etag: "1", if: .ifAbsent),
            put("a", size: 3, etag: "2", if: .ifMatch([bytes("1")])),
            delete("old", if: .ifPresent),
            delete("old"),
            put("b", size: 4),
            delete("b", if: .ifPresent),
            put("b", size: 5, etag: "3", if: .ifAbsent),
        ])
        #expect(reply.refusal == nil)
        #expect(reply.number == 2)
        #expect(try keys(world) == [bytes("a"), bytes("b")])
        #expect(try usage(world) == Usage(buckets: 1, objects: 2, bytes: 8))
        #expect(try usage(world, of: bytes("photos")).bytes == 8)
        // Each change has a place of its own, the last one is what is answered.
        guard
            case .object(let last) = try world.ask(
                .getObject(bucket: bytes("photos"), key: bytes("b"))
            ).get()
        else { throw WrongAnswer() }
        #expect(last.sequence == reply.sequence)
    }

    @Test
    func `for one that is refused nothing happens, and the reply says which`() throws {
        var world = try World()
        try world.put(bytes("a"), etag: "1")
        let digest = world.machine.digest
        let before = try keys(world)
        for (refusal, operation) in [
            (Refusal.preconditionFailed, put("a", if: .ifAbsent)),
            (.preconditionFailed, put("new", if: .ifAbsent)),
            (.noSuchObject, delete("b", if: .ifPresent)),
            (.noSuchBucket, put("c", in: "elsewhere")),
            (.preconditionFailed, delete("a", if: .ifMatch([bytes("2")]))),
        ] {
            let reply = try world.batch([put("new"), delete("a"), put("a"), operation, put("z")])
            #expect(reply == Reply.refused(refusal, operation: 4))
            #expect(try keys(world) == before)
            // The retry is answered as the first time.
            world.owner.sequence -= 1
            let again = try world.batch([put("new"), delete("a"), put("a"), operation, put("z")])
            #expect(again == reply)
        }
        #expect(try usage(world) == Usage(buckets: 1, objects: 1, bytes: 1))
        // Only slots and sessions may differ: so does the digest, and no object.
        #expect(world.machine.digest != digest)
        #expect(try world.put(bytes("a"), if: .ifMatch([bytes("1")])).refusal == nil)
    }

    @Test
    func `a quota is held against what all of them come to`() throws {
        var world = try World(quota: Quota(bytes: 100, objects: 2))
        #expect(try world.batch([put("a", size: 60), put("b", size: 40)]).refusal == nil)
        // On the way more than there may be, in the end not.
        #expect(try world.batch([put("c", size: 90), delete("a"), delete("b")]).refusal == nil)
        #expect(try usage(world) == Usage(buckets: 1, objects: 1, bytes: 90))
        let tooMuch = try world.batch([put("d", size: 5), put("e", size: 1)])
        #expect(tooMuch == Reply.refused(.quotaExceeded))
        #expect(try world.batch([put("d", size: 10)]).refusal == nil)
        // Above a quota that has shrunk, what does not grow passes.
        let update = UpdateTenant(name: bytes("acme"), quota: Quota(bytes: 10, objects: 1))
        try world.machine.apply(world.administrator.next(.updateTenant(update)))
        #expect(try world.batch([put("d", size: 50), put("c", size: 50)]).refusal == nil)
        #expect(try world.batch([put("d", size: 51)]).refusal == .quotaExceeded)
        #expect(try usage(world) == Usage(buckets: 1, objects: 2, bytes: 100))
    }

    @Test
    func `no sum of sizes overflows on the way`() throws {
        var world = try World()
        let half: UInt64 = 1 << 61
        #expect(try world.batch([put("a", size: half), put("b", size: half)]).refusal == nil)
        let reply = try world.batch([
            delete("a"), put("c", size: half), put("d", size: 1 << 62), put("e", size: 1 << 62),
            put("f", size: 1 << 62), put("g", size: 1 << 62), delete("d"),
        ])
        #expect(reply == Reply.refused(.quotaExceeded, operation: 3))
        #expect(try usage(world).bytes == 1 << 62)
    }

    @Test
    func `a suspended tenant removes in batches and puts in none`() throws {
        var world = try World()
        try world.put(bytes("a"))
        try world.put(bytes("b"))
        let suspend = SetTenantStatus(name: bytes("acme"), status: .suspended)
        try world.machine.apply(world.administrator.next(.setTenantStatus(suspend)))
        let mixed = try world.batch([delete("a"), put("a")])
        #expect(mixed == Reply.refused(.tenantSuspended, operation: 2))
        #expect(try world.batch([delete("a"), delete("b")]).number == 2)
    }

    @Test
    func `a bucket's epoch is compared with every bucket of a batch`() throws {
        var world = try World()
        try world.machine.apply(world.owner.next(.createBucket(CreateBucket(name: bytes("films")))))
        var stale = world.owner.next(.batch(Batch([put("a"), put("a", in: "films")])))
        stale.bucketEpoch = 2
        #expect(try world.machine.apply(stale).refusal == .staleBucketEpoch)
        stale.bucketEpoch = 1
        #expect(try world.machine.apply(stale).refusal == nil)
        #expect(try usage(world) == Usage(buckets: 2, objects: 2, bytes: 2))
    }

    @Test
    func `a batch is as durable and as countable as its parts by themselves`() throws {
        let disk = SimulatedDisk(seed: 3)
        var world = try World(disk, settings: StateMachineSettings(maximumDirtyRows: 8))
        for round in 0..<20 {
            let operations = (0..<50).map { number in
                number % 7 == 3
                    ? delete("k\((number * round) % 60)") : put("k\((number + round) % 60)")
            }
            #expect(try world.batch(operations).refusal == nil)
            try world.machine.endOfTurn(idle: false)
        }
        let before = try (keys(world), usage(world), world.machine.digest)
        try world.machine.close()
        let again = try makeMachine(disk)
        #expect(again.digest == before.2)
        world.machine = again
        #expect(try keys(world) == before.0)
        #expect(try usage(world) == before.1)
        #expect(before.1.objects == UInt64(before.0.count))
    }

    // Once stored at the pace of commands: nearly all of a transaction was then stored in one turn.
    @Test
    func `what batches change is stored as fast as it changes`() throws {
        var world = try World(settings: StateMachineSettings(maximumDirtyRows: 200))
        var (turns, longest, transactions) = (0, 0, 0)
        for round in 0..<40 {
            #expect(try world.batch((0..<50).map { put("k\(round)-\($0)") }).refusal == nil)
            try world.machine.endOfTurn(idle: false)
            let isStoring = world.machine.rows.changes.unstoredCount > 0
            if isStoring, turns == 0 { transactions += 1 }
            turns = isStoring ? turns + 1 : 0
            longest = max(longest, turns)
        }
        #expect(transactions > 3)
        #expect(longest <= 2)
    }
}

extension World {
    fileprivate mutating func batch(_ operations: [Batch.Operation]) throws -> Reply {
        try machine.apply(owner.next(.batch(Batch(operations))))
    }
}
