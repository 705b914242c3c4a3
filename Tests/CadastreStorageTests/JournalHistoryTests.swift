import CadastreDisk
import Glibc
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Random histories of writes, snapshots, compactions, crashes and failures against the naive model.
@Suite(.heavy)
struct JournalHistoryTests {
    /// More of them by `CADASTRE_HISTORIES`, the number in each of ten parts.
    private static let count =
        getenv("CADASTRE_HISTORIES").flatMap { Int(String(cString: $0)) }
        ?? Depth.cases(25, quick: 5)

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
    func `the histories reach crashes, failures, rolls, compactions and unacknowledged batches`()
        throws
    {
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
        #expect(reached.snapshots > 60)
        #expect(reached.compactions > 60)
        #expect(reached.givenBack > 60)
        #expect(reached.unfinishedCompactions > 12)
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
        /// Logs that began anew.
        var snapshots = 0
        /// Logs that were shortened.
        var compactions = 0
        /// Files that went.
        var givenBack = 0
        /// Ends in the middle of a compaction.
        var unfinishedCompactions = 0

        mutating func add(_ other: Reached) {
            crashes += other.crashes
            failures += other.failures
            restarts += other.restarts
            kept += other.kept
            lost += other.lost
            segments += other.segments
            full += other.full
            snapshots += other.snapshots
            compactions += other.compactions
            givenBack += other.givenBack
            unfinishedCompactions += other.unfinishedCompactions
        }
    }

    let seed: UInt64
    let disk: SimulatedDisk
    var reached = Reached()
    private var generator: SplitMix64
    private var model = JournalModel()
    private var isCompacting = false

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
                    let batch = model.randomBatch(&generator, isWhole: true)
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
                    for case .start in batch { reached.snapshots += 1 }
                }
                if generator.next(below: 2) == 0 { try compact(journal) }
                if generator.next(below: 3) > 0 { continue }
                reached.restarts += 1
            } catch {
                guard case .disk(let cause) = error else { throw error }
                if cause.isCrash { reached.crashes += 1 } else { reached.failures += 1 }
                // What a compaction reads changes nothing.
                let isFinal = !isCompacting || ![.read, .open].contains(cause.operation)
                if isFinal {
                    #expect(throws: error) { try journal.write(model.randomBatch(&generator)) }
                    #expect(throws: error) { try journal.writeMark() }
                    #expect(throws: error) { try journal.prepareAhead() }
                    #expect(throws: error) { try journal.giveBack() }
                }
                if isCompacting { reached.unfinishedCompactions += 1 }
                isCompacting = false
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

    /// Releases entries and gives back what that allows, or some of it.
    private mutating func compact(_ journal: Journal) throws(StorageError) {
        isCompacting = true
        switch generator.next(below: 12) {
        case 0...3: disk.crash(atOperation: 1 + generator.next(below: 8))
        case 4: disk.fail(.remove, nth: 1 + generator.next(below: 3))
        case 5: disk.fail(.remove, nth: 1, code: DiskError.tooManyFiles)
        case 6: disk.fail(.syncDirectory, nth: 1)
        case 7: disk.fail(.sync, nth: 1)
        default: break
        }
        for group in model.groups.keys.sorted() {
            guard let state = model.groups[group] else { continue }
            let open = state.released.distance(to: state.last)
            let index = state.last.advanced(by: -generator.next(below: min(open, 2) + 1))
            model.groups[group]?.released = index
            let before = journal.statistics.segments + journal.givenBack.count
            var steps = generator.next(below: 6)
            do throws(StorageError) {
                while try journal.compact(group, through: index), steps > 0 { steps -= 1 }
            } catch {
                guard error.isOutOfSpace else { throw error }
                reached.full += 1
            }
            reached.givenBack += before - journal.statistics.segments - journal.givenBack.count
        }
        isCompacting = false
        noteStarts { journal.start(of: $0) }
    }

    /// A log never begins earlier than it once did, and never behind what is needed.
    private mutating func noteStarts(_ start: (GroupID) -> LogStart) {
        for (group, state) in model.groups {
            let found = start(group)
            let index = found.position.index
            #expect(index >= state.compacted && index <= max(state.released, state.compacted))
            #expect(found == state.start(at: index), "seed \(seed), group \(group)")
            if index > state.compacted { reached.compactions += 1 }
            model.groups[group]?.compacted = index
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
            if first.recovered == longer.recovery(beginningAs: first.recovered) {
                model = longer
                reached.kept += 1
            } else {
                reached.lost += 1
            }
        }
        #expect(
            first.recovered == model.recovery(beginningAs: first.recovered),
            "seed \(seed)"
        )
        noteStarts { first.journal.start(of: $0) }
        first.journal.close()
        // What was recovered stays, whatever the machine does next.
        if generator.next(below: 2) == 0 {
            disk.crash()
            disk.restart()
        }
        let second = try Samples.open(disk, seed: generator.next())
        #expect(second.recovered == model.recovery, "seed \(seed), the second time")
        let contents = try second.journal.contents(second.recovered)
        for (group, state) in model.groups {
            let entries = state.entries(behind: state.compacted)
            #expect(contents[group] ?? [] == entries, "seed \(seed), group \(group)")
            let gone = StorageError.unavailable(group: group, index: state.compacted)
            #expect(throws: gone) {
                try second.journal.read(
                    group,
                    state.compacted..<state.compacted.next,
                    maximumSize: 9
                )
            }
        }
        return second.journal
    }
}
