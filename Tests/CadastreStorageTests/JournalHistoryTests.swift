import CadastreDisk
import Glibc
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Random histories of writes, crashes and failures against the naive model.
@Suite(.heavy)
struct JournalHistoryTests {
    /// More of them by `CADASTRE_HISTORIES`, the number in each of ten parts.
    private static let count =
        getenv("CADASTRE_HISTORIES").flatMap { Int(String(cString: $0)) } ?? 25

    @Test(arguments: 0..<10)
    func `whatever happens, acknowledged writes are recovered and nothing else is`(
        part: Int
    ) throws {
        for seed in 0..<Self.count {
            var history = History(seed: UInt64(part * 1_000 + seed))
            try history.run()
        }
    }

    @Test
    func `the histories reach crashes, failures, rolls and unacknowledged batches`() throws {
        var reached = History.Reached()
        for seed in 0..<60 {
            var history = History(seed: UInt64(100_000 + seed))
            try history.run()
            reached.add(history.reached)
        }
        #expect(reached.crashes > 30)
        #expect(reached.failures > 12)
        #expect(reached.restarts > 12)
        #expect(reached.kept > 6)
        #expect(reached.lost > 6)
        #expect(reached.segments > 60)
        #expect(reached.full > 5)
    }
}

/// One history.
private struct History {
    struct Reached {
        var crashes = 0
        var failures = 0
        var restarts = 0
        var kept = 0
        var lost = 0
        var segments = 0
        var full = 0

        mutating func add(_ other: Reached) {
            crashes += other.crashes
            failures += other.failures
            restarts += other.restarts
            kept += other.kept
            lost += other.lost
            segments += other.segments
            full += other.full
        }
    }

    let seed: UInt64
    let disk: SimulatedDisk
    var reached = Reached()
    private var generator: SplitMix64
    private var model = JournalModel()

    init(seed: UInt64) {
        self.seed = seed
        disk = SimulatedDisk(seed: seed &* 77)
        generator = SplitMix64(seed: seed)
    }

    mutating func run() throws {
        try Samples.format(disk, seed: generator.next())
        var journal = try Samples.open(disk, seed: generator.next()).journal
        for _ in 0..<12 {
            var attempted: [JournalWrite]?
            do {
                switch generator.next(below: 12) {
                case 0: disk.crash(atOperation: 1 + generator.next(below: 6))
                case 1: disk.fail(.sync, nth: 1 + generator.next(below: 3))
                case 2: disk.fail(.write, nth: 1 + generator.next(below: 3))
                case 3: disk.capacity = disk.usedBytes + generator.next(below: 40_000)
                default: break
                }
                for _ in 0...generator.next(below: 3) {
                    do {
                        if generator.next(below: 2) == 0 { _ = try journal.prepareAhead() }
                    } catch  where error.isOutOfSpace {
                        reached.full += 1
                    }
                    do {
                        if generator.next(below: 3) == 0, journal.needsMark {
                            try journal.writeMark()
                        }
                    } catch  where error.isOutOfSpace {
                        reached.full += 1
                    }
                    let batch = model.randomBatch(&generator)
                    attempted = batch
                    do {
                        try journal.write(batch)
                    } catch  where error.isOutOfSpace {
                        reached.full += 1
                        disk.capacity = nil
                        try journal.write(batch)
                    }
                    model.apply(batch)
                    attempted = nil
                }
                if generator.next(below: 3) > 0 { continue }
                reached.restarts += 1
            } catch {
                guard case .disk(let cause) = error else { throw error }
                if cause.isCrash { reached.crashes += 1 } else { reached.failures += 1 }
                #expect(throws: error) { try journal.write(model.randomBatch(&generator)) }
                #expect(throws: error) { try journal.writeMark() }
                #expect(throws: error) { try journal.prepareAhead() }
            }
            reached.segments += journal.statistics.segments
            journal.close()
            disk.forgetFaults()
            disk.capacity = nil
            if generator.next(below: 2) == 0 { disk.crash() }
            disk.restart()
            journal = try reopen(attempted)
        }
    }

    /// Opens, now and then crashing on the way, and compares.
    private mutating func reopen(_ attempted: [JournalWrite]?) throws -> Journal {
        for _ in 0..<generator.next(below: 3) {
            disk.crash(atOperation: 1 + generator.next(below: 25))
            do {
                try Samples.open(disk, seed: generator.next()).journal.close()
            } catch {
                guard case .disk(let cause) = error, cause.isCrash else { throw error }
            }
            disk.forgetFaults()
            if generator.next(below: 2) == 0 { disk.crash() }
            disk.restart()
        }
        let first = try Samples.open(disk, seed: generator.next())
        if let attempted {
            var longer = model
            longer.apply(attempted)
            if first.recovered == longer.recovery {
                model = longer
                reached.kept += 1
            } else {
                reached.lost += 1
            }
        }
        #expect(first.recovered == model.recovery, "seed \(seed)")
        first.journal.close()
        // What was recovered stays, whatever the machine does next.
        if generator.next(below: 2) == 0 {
            disk.crash()
            disk.restart()
        }
        let second = try Samples.open(disk, seed: generator.next())
        #expect(second.recovered == model.recovery, "seed \(seed), the second time")
        let contents = try second.journal.contents(second.recovered)
        for (group, state) in model.groups where !state.entries.isEmpty {
            #expect(contents[group] == state.entries, "seed \(seed), group \(group)")
        }
        return second.journal
    }
}
