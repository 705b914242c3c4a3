import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Glibc
import RaftCore
import TestLanes
import Testing

/// Same log, same rows: whatever the disk, the batches, the crashes and the failures.
@Suite(.heavy)
struct ReplayTests {
    /// A log of blocks of commands, and the digest and the replies after each.
    struct Recorded {
        var entries: [TestEntry] = []
        var digests: [StateDigest] = []
        var replies: [[Reply]] = []
    }

    static func record(seed: UInt64, entries count: Int, commands: Int) throws -> Recorded {
        var recorded = Recorded()
        var workload = Workload(seed: seed)
        let machine = try makeMachine()
        for index in 1...count {
            // Replies of one block are known to the workload only after it.
            var entry = TestEntry(UInt64(index), [])
            if index % 17 == 0 {
                entry.context.kind = .noOp
            } else {
                entry.commands = (0..<commands).map { _ in workload.next() }
            }
            let replies = try machine.apply(entry)
            for (command, reply) in zip(entry.commands, replies) {
                workload.received(reply, to: command)
            }
            recorded.entries.append(entry)
            recorded.digests.append(machine.digest)
            recorded.replies.append(replies)
        }
        return recorded
    }

    @Test(arguments: [1, 5, 100, 1_000_000])
    func `the digest does not depend on how often is committed or on which disk`(
        rows: Int
    ) throws {
        let recorded = try Self.record(seed: 5, entries: 150, commands: 12)
        let directory = "/tmp/cadastre-replay-\(getpid())-\(rows)"
        defer { try? removeAll(directory) }
        let settings = StateMachineSettings(
            maximumDirtyRows: rows,
            checkpointSizeBytes: rows * 1_000
        )
        let machines = try [
            makeMachine(SimulatedDisk(seed: 9), settings: settings),
            makeMachine(PosixDisk(), directory: directory, settings: settings),
        ]
        for machine in machines {
            for (place, entry) in recorded.entries.enumerated() {
                #expect(try machine.apply(entry) == recorded.replies[place])
                try machine.endOfTurn(idle: place % 7 == 0)
                #expect(machine.digest == recorded.digests[place])
            }
            #expect(try machine.recomputeDigest().digest == recorded.digests.last)
            try machine.close()
        }
        #expect(!PosixDiskFiles.exists("\(directory)/state.sqlite-wal"))
    }

    @Test
    func `a crash at any disk operation leaves the state as of one entry, and the log goes on`()
        throws
    {
        let recorded = try Self.record(seed: 6, entries: 150, commands: 8)
        // Enough rows for a transaction to be stored in pieces between entries.
        let settings = StateMachineSettings(maximumDirtyRows: 40, checkpointSizeBytes: 50_000)
        let trial = SimulatedDisk(seed: 1)
        try run(recorded, on: trial, settings: settings)
        let operations = trial.statistics.operations
        #expect(operations > 300)
        var resumed: Set<UInt64> = []
        for nth in stride(from: 1, through: operations, by: Depth.cases(1, quick: 5)) {
            let disk = SimulatedDisk(seed: UInt64(nth))
            disk.crash(atOperation: nth)
            var durable = LogPosition.zero
            do {
                try run(recorded, on: disk, settings: settings) { durable = $0 }
            } catch {
                #expect(disk.isCrashed, "operation \(nth): \(error)")
            }
            if !disk.isCrashed { disk.crash() }
            disk.restart()
            let machine = try makeMachine(disk, settings: settings)
            #expect(machine.applied >= durable, "operation \(nth)")
            resumed.insert(machine.applied.index.value)
            try finish(recorded, machine)
            #expect(try machine.recomputeDigest().digest == recorded.digests.last)
            try machine.close()
        }
        // Crashes that always fall back to nothing would prove nothing.
        #expect(resumed.count > 5)
    }

    @Test(arguments: [SimulatedDisk.Fallible.write, .sync, .read, .open, .syncDirectory])
    func `a failure of any disk call skips no entry`(kind: SimulatedDisk.Fallible) throws {
        let recorded = try Self.record(seed: 7, entries: 80, commands: 8)
        let settings = StateMachineSettings(maximumDirtyRows: 12, checkpointSizeBytes: 50_000)
        var reapplied = 0
        var terminal = 0
        let isRare = kind == .open || kind == .syncDirectory
        for nth in stride(from: 1, through: 60, by: isRare ? 1 : Depth.cases(1, quick: 4)) {
            let disk = SimulatedDisk(seed: UInt64(nth))
            disk.fail(kind, nth: nth)
            switch try outcome(of: recorded, on: disk, settings: settings) {
            case .reached(let count): reapplied += count
            case .terminal:
                terminal += 1
                // After a failed sync nothing is known of the bytes: only a crash settles them.
                disk.forgetFaults()
                disk.crash()
                disk.restart()
                // The next start goes on from what is there.
                try finish(recorded, makeMachine(disk, settings: settings))
            }
        }
        switch kind {
        case .write: #expect(reapplied > 5)
        case .sync: #expect(terminal > 5 && reapplied == 0)
        case .syncDirectory, .open: #expect(terminal > 1)
        default: break
        }
    }

    @Test
    func `a second failure in a row is terminal, and stays so`() throws {
        let disk = SimulatedDisk(seed: 3)
        var world = try World(disk)
        try world.machine.commit()
        try world.put(bytes("a"))
        disk.fail(.write, nth: 1)
        disk.fail(.write, nth: 2)
        let before = world.machine.durablyApplied
        guard case .mustReapply(let from, let cause) = failure(of: { try world.machine.commit() })
        else {
            Issue.record("a failed write was not noticed")
            return
        }
        #expect(from >= before && from == world.machine.applied)
        #expect(cause.code == 10)
        let second = failure {
            try world.machine.apply(TestEntry(from.index.value + 1, [], kind: .noOp))
            try world.machine.commit()
        }
        guard case .terminal = second else {
            Issue.record("a second failed write was not noticed: \(String(describing: second))")
            return
        }
        #expect(failure { _ = try world.ask(.getUsage(bucket: nil)) } == second)
    }

    @Test
    func `a full disk is not terminal, and service returns with space`() throws {
        let disk = SimulatedDisk(seed: 4)
        var world = try World(disk)
        try world.machine.checkpoint()
        let digest = world.machine.digest
        disk.capacity = disk.usedBytes
        for _ in 0..<5 {
            world.owner.sequence = 1
            for number in 0..<6_000 { try world.put(bytes("key-\(number)"), etag: "full") }
            guard case .mustReapply(_, let cause) = failure(of: { try world.machine.commit() })
            else {
                Issue.record("a full disk was not noticed")
                return
            }
            #expect(cause.isDiskFull)
            #expect(world.machine.digest == digest)
        }
        disk.capacity = nil
        world.owner.sequence = 1
        try world.put(bytes("key"))
        try world.machine.checkpoint()
        #expect(world.machine.durablyApplied == world.machine.applied)
    }

    /// How a run over a failing disk ended.
    private enum Outcome {
        case reached(reapplied: Int)
        case terminal
    }

    /// Applies the whole log, again from where the machine says whenever it says so.
    private func outcome(
        of recorded: Recorded,
        on disk: SimulatedDisk,
        settings: StateMachineSettings
    ) throws -> Outcome {
        var reapplied = 0
        do {
            let machine = try makeMachine(disk, settings: settings)
            while machine.applied.index.value < UInt64(recorded.entries.count) {
                if try !step(recorded, machine) { reapplied += 1 }
            }
            #expect(machine.digest == recorded.digests.last)
            #expect(try machine.recomputeDigest().digest == recorded.digests.last)
        } catch let error as StateMachineError {
            guard case .terminal = error else { throw error }
            return .terminal
        }
        return .reached(reapplied: reapplied)
    }

    /// Applies the next entry; false if the machine went back instead.
    private func step(_ recorded: Recorded, _ machine: StateMachine) throws -> Bool {
        let place = Int(machine.applied.index.value)
        do {
            let replies = try machine.apply(recorded.entries[place])
            #expect(replies == recorded.replies[place])
            try machine.endOfTurn(idle: false)
            return true
        } catch let error as StateMachineError {
            guard case .mustReapply(let from, _) = error else { throw error }
            #expect(from == machine.applied)
            return false
        }
    }

    private func run(
        _ recorded: Recorded,
        on disk: any Disk,
        settings: StateMachineSettings,
        durable: (LogPosition) -> Void = { _ in }
    ) throws {
        let machine = try makeMachine(disk, settings: settings)
        for entry in recorded.entries {
            try machine.apply(entry)
            try machine.endOfTurn(idle: false)
            durable(machine.durablyApplied)
        }
        try machine.close()
    }

    private func finish(_ recorded: Recorded, _ machine: StateMachine) throws {
        let applied = Int(machine.applied.index.value)
        if applied > 0 { #expect(machine.digest == recorded.digests[applied - 1]) }
        for place in applied..<recorded.entries.count {
            #expect(try machine.apply(recorded.entries[place]) == recorded.replies[place])
        }
        #expect(machine.digest == recorded.digests.last)
    }
}

/// The error with which this ended; nil if with none.
func failure(of work: () throws -> Void) -> StateMachineError? {
    do {
        try work()
        return nil
    } catch {
        return error as? StateMachineError
    }
}

/// What is in the real file system.
enum PosixDiskFiles {
    static func exists(_ path: String) -> Bool { (try? PosixDisk().exists(path)) == true }
}
