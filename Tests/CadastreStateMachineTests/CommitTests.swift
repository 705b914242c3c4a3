import CadastreDisk
import CadastreProtocol
import RaftCore
import Testing

@testable import CadastreStateMachine

/// Executing and committing are two things, and so are their failures.
struct CommitTests {
    /// Committed at every entry, checkpointed at every commit.
    private let eager = StateMachineSettings(maximumDirtyRows: 1, checkpointSizeBytes: 1)

    @Test
    func `an entry whose COMMIT succeeded is not applied again though the checkpoint fails`()
        throws
    {
        var kept = 0
        for nth in 1...12 {
            let disk = SimulatedDisk(seed: 1)
            var world = try World(disk, settings: eager)
            try world.machine.commit()
            #expect(try world.put(bytes("a")).sequence > 0)
            let entry = world.machine.applied
            disk.fail(.write, nth: nth)
            guard
                case .mustReapply(let from, _) = failure(of: {
                    try world.machine.endOfTurn(idle: false)
                })
            else { continue }
            // That of the log fails and the entry comes again, or the checkpoint and it does not.
            guard from == entry else { continue }
            kept += 1
            let key = bytes("a")
            _ = try objectRecord(world.ask(.getObject(bucket: bytes("photos"), key: key)))
        }
        #expect(kept > 0)
    }

    @Test
    func `a commit of nothing between two failures does not make them one`() throws {
        let disk = SimulatedDisk(seed: 3)
        var world = try World(disk)
        try world.machine.commit()
        func fail() throws -> StateMachineError? {
            world.owner.sequence = 1
            try world.put(bytes("a"))
            disk.fail(.write, nth: 1)
            return failure { try world.machine.commit() }
        }
        guard case .mustReapply = try fail() else {
            Issue.record("a failed write was not noticed")
            return
        }
        try world.machine.commit()
        try world.machine.endOfTurn(idle: true)
        try world.machine.checkpoint()
        let second = try fail()
        guard case .terminal = second else {
            Issue.record("the second failure was forgiven: \(String(describing: second))")
            return
        }
    }

    @Test
    func `a committed transaction between two failures does`() throws {
        let disk = SimulatedDisk(seed: 3)
        var world = try World(disk)
        try world.machine.commit()
        for _ in 0..<3 {
            world.owner.sequence = 1
            try world.put(bytes("a"))
            disk.fail(.write, nth: 1)
            guard case .mustReapply = failure(of: { try world.machine.commit() }) else {
                Issue.record("a failed write was not noticed")
                return
            }
            try world.machine.apply(
                TestEntry(world.machine.applied.index.value + 1, [], kind: .noOp)
            )
            try world.machine.commit()
        }
    }

    @Test
    func `damaged pages are final at once: reading them again would not mend them`() throws {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        for number in 0..<6_000 { try world.put(bytes("key-\(number)"), etag: "0123456789") }
        try world.machine.close()
        let path = "data/state/state.sqlite"
        var contents = try #require(disk.contents(path))
        // The first pages hold the schema and the small tables.
        for place in stride(from: 40 * 8_192, to: contents.count, by: 8_192) {
            contents[place] = 0xff
        }
        disk.setContents(path, contents)
        world.machine = try makeMachine(disk)
        let error = failure {
            for number in 0..<6_000 {
                let query = Query.getObject(bucket: bytes("photos"), key: bytes("key-\(number)"))
                _ = try world.ask(query)
            }
        }
        guard case .damaged(let words) = error else {
            Issue.record("damage is not final: \(String(describing: error))")
            return
        }
        #expect(words.contains("SQLite code"))
        #expect(failure { try world.machine.commit() } == error)
    }

    // MARK: No room

    /// A machine with a full transaction in the log and no room for the checkpoint, as a process
    /// leaves it that was killed.
    private func fullDisk() throws -> (disk: SimulatedDisk, applied: LogPosition) {
        let disk = SimulatedDisk(seed: 1)
        var world = try World(disk)
        try world.machine.checkpoint()
        for number in 0..<4_000 { try world.put(bytes("key-\(number)"), etag: "before") }
        try world.machine.commit()
        let copy = SimulatedDisk(copying: disk, seed: 2)
        copy.capacity = copy.usedBytes
        return (copy, world.machine.applied)
    }

    @Test
    func `a node starts on a full disk, and checkpoints when there is room`() throws {
        let (disk, applied) = try fullDisk()
        let machine = try makeMachine(disk)
        #expect(machine.applied == applied)
        #expect(machine.isOutOfSpace)
        #expect(machine.durablyApplied == .zero)
        guard case .mustReapply = failure(of: { try machine.endOfTurn(idle: true) }) else {
            Issue.record("a checkpoint that was overdue was not tried")
            return
        }
        #expect(machine.applied == applied)
        disk.capacity = nil
        try machine.endOfTurn(idle: true)
        #expect(!machine.isOutOfSpace)
        #expect(machine.durablyApplied == applied)
        #expect(try machine.recomputeDigest().digest == machine.digest)
    }

    @Test
    func `there is room again when something was committed, not when something was applied`()
        throws
    {
        let disk = SimulatedDisk(seed: 4)
        var world = try World(disk)
        try world.machine.checkpoint()
        disk.capacity = disk.usedBytes
        func fill() throws {
            world.owner.sequence = 1
            for number in 0..<6_000 { try world.put(bytes("key-\(number)"), etag: "full") }
        }
        try fill()
        #expect(!world.machine.isOutOfSpace)
        #expect(failure { try world.machine.commit() } != nil)
        #expect(world.machine.isOutOfSpace)
        try fill()
        #expect(world.machine.isOutOfSpace, "applying proves nothing")
        disk.capacity = nil
        try world.machine.commit()
        #expect(!world.machine.isOutOfSpace)
    }

    @Test
    func `free space is what the disk says`() throws {
        let disk = SimulatedDisk(seed: 4)
        let world = try World(disk)
        disk.capacity = disk.usedBytes + 12_345
        #expect(world.machine.freeSpace == 12_345)
    }

    // MARK: Statements

    @Test
    func `a parameter that SQLite does not take fails the statement`() throws {
        let world = try World()
        let statement = try Statement("SELECT ?1", on: world.machine.rows.connection)
        statement.bind(1, 5 as UInt64)
        #expect(try statement.step())
        #expect(statement.integer(0) == 5)
        statement.reset()
        statement.bind(2, bytes("there is no second parameter"))
        guard case .sqlite(let error) = failure(of: { _ = try statement.step() }) else {
            Issue.record("a parameter was dropped in silence")
            return
        }
        #expect(error.operation.contains("bind"))
        // Once told, it is over.
        statement.bind(1, 6 as UInt64)
        #expect(try statement.step())
    }
}
