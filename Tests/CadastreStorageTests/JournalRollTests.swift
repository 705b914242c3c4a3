import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Preparing segments and going on in the next one, with everything that can happen on the way.
@Suite(.heavy)
struct JournalRollTests {
    /// Writes batches, preparing between them or not, until a third segment is written to.
    ///
    /// - Returns: What was acknowledged, what was attempted and not acknowledged, and the failure.
    private func run(
        _ disk: SimulatedDisk,
        preparing: Bool
    ) -> (model: JournalModel, attempted: [JournalWrite]?, failure: StorageError?) {
        var model = JournalModel()
        var attempted: [JournalWrite]?
        var generator = SplitMix64(seed: 5)
        do throws(StorageError) {
            let journal = try Samples.open(disk).journal
            defer { journal.close() }
            for _ in 0..<7 {
                let batch = model.randomBatch(&generator, itemSize: 60, isWhole: true)
                attempted = batch
                try journal.write(batch)
                model.apply(batch)
                attempted = nil
                if preparing { while try journal.prepareAhead() {} }
            }
            return (model, nil, nil)
        } catch {
            return (model, attempted, error)
        }
    }

    private func formatted(seed: UInt64) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: seed)
        try Samples.format(disk)
        return disk
    }

    /// Whether the disk holds exactly what was acknowledged, or also what was attempted; and goes on.
    private func check(
        _ disk: SimulatedDisk,
        _ model: JournalModel,
        _ attempted: [JournalWrite]?,
        _ comment: String
    ) throws {
        let opened = try Samples.open(disk)
        var longer = model
        longer.apply(attempted ?? [])
        #expect(
            opened.recovered == model.recovery || opened.recovered == longer.recovery,
            "\(comment)"
        )
        var found = opened.recovered == model.recovery ? model : longer
        var generator = SplitMix64(seed: 6)
        for _ in 0..<4 {
            let batch = found.randomBatch(&generator)
            try opened.journal.write(batch)
            found.apply(batch)
        }
        opened.journal.close()
        let again = try Samples.open(disk)
        #expect(again.recovered == found.recovery, "\(comment), after more writes")
        again.journal.close()
        #expect(!disk.paths.contains { $0.hasSuffix(".preparing") }, "\(comment)")
    }

    @Test(arguments: [false, true])
    func `a crash at any call to the disk loses nothing that was acknowledged`(
        preparing: Bool
    ) throws {
        var crashes = 0
        for nth in 1...100 {
            var hasCrashed = false
            for seed in 0..<6 {
                let disk = try formatted(seed: UInt64(nth * 10 + seed))
                disk.crash(atOperation: nth)
                let (model, attempted, failure) = run(disk, preparing: preparing)
                guard failure != nil else { continue }
                hasCrashed = true
                crashes += 1
                disk.restart()
                try check(disk, model, attempted, "call \(nth), seed \(seed)")
            }
            guard hasCrashed else { break }
        }
        // The calls of three segments, and not the limit of the loop.
        #expect((240..<600).contains(crashes))
    }

    @Test(arguments: SimulatedDisk.Fallible.allCases)
    func `any call that fails leaves what was acknowledged`(kind: SimulatedDisk.Fallible) throws {
        for code in [DiskError.inputOutput, DiskError.noSpace, DiskError.tooManyFiles] {
            for nth in 1...40 {
                let disk = try formatted(seed: UInt64(nth))
                disk.fail(kind, nth: nth, code: code)
                let (model, attempted, failure) = run(disk, preparing: nth % 2 == 0)
                disk.forgetFaults()
                // The process ends; the machine runs on, or not.
                if nth % 3 == 0 {
                    disk.crash()
                    disk.restart()
                }
                try check(disk, model, attempted, "\(kind) \(nth)")
                guard failure != nil else { break }
                #expect(nth < 40)
            }
        }
    }

    // MARK: Room

    /// An open journal whose disk has `free` bytes left.
    private func journal(
        free: Int,
        reserve: Int
    ) throws -> (disk: SimulatedDisk, journal: Journal) {
        let disk = try formatted(seed: 1)
        let settings = JournalSettings(
            segmentSize: 16_384,
            sliceSize: 8_192,
            reserveSize: reserve
        )
        let journal = try Samples.open(disk, settings).journal
        disk.capacity = disk.usedBytes + free
        return (disk, journal)
    }

    private func expectNoRoom(_ journal: Journal) {
        let error = #expect(throws: StorageError.self) { while try journal.prepareAhead() {} }
        #expect(error?.isOutOfSpace == true, "\(String(describing: error))")
    }

    @Test
    func `with too little room preparing takes none of it, however often it is tried`() throws {
        let (disk, journal) = try journal(free: 16_383, reserve: 0)
        let before = disk.statistics
        for _ in 0..<10 {
            expectNoRoom(journal)
            #expect(disk.usedBytes + 16_383 == disk.capacity)
        }
        #expect(disk.statistics.writes == before.writes)
        #expect(!disk.paths.contains { $0.hasSuffix(".preparing") })
        disk.capacity = disk.usedBytes + 16_384
        while try journal.prepareAhead() {}
        #expect(journal.statistics.segments == 2)
    }

    @Test
    func `a file system that says too much gets back what it gave`() throws {
        for kind in [SimulatedDisk.Fallible.preallocate, .write, .sync, .rename] {
            let (disk, journal) = try journal(free: 20_000, reserve: 0)
            disk.fail(kind, nth: 1, code: DiskError.noSpace)
            expectNoRoom(journal)
            #expect(disk.usedBytes + 20_000 == disk.capacity, "\(kind)")
            while try journal.prepareAhead() {}
            try journal.write([.hardState(.directory, HardState(term: Term(1), vote: .none))])
        }
    }

    @Test
    func `preparing leaves the reserve to others`() throws {
        let (disk, journal) = try journal(free: 16_384 + 40_000, reserve: 40_000)
        while try journal.prepareAhead() {}
        #expect(journal.statistics.segments == 2)
        var model = JournalModel()
        var generator = SplitMix64(seed: 1)
        var refused: [JournalWrite]?
        for _ in 0..<40 where refused == nil {
            let batch = model.randomBatch(&generator, itemSize: 30)
            do throws(StorageError) {
                try journal.write(batch)
                model.apply(batch)
            } catch {
                #expect(error.isOutOfSpace)
                refused = batch
            }
        }
        #expect(try disk.freeSpace(Samples.directory) == 40_000)
        disk.capacity = nil
        try journal.write(try #require(refused))
        #expect(journal.statistics.segments == 3)
        #expect(journal.statistics.latePreparations == 1)
    }

    @Test
    func `want of descriptors ends no journal`() throws {
        // To make the file, to name it durably, to open it: each once.
        for (kind, nth) in [(SimulatedDisk.Fallible.open, 1), (.syncDirectory, 1), (.open, 2)] {
            for code in [DiskError.tooManyFiles, 23] {
                let disk = try formatted(seed: 1)
                let journal = try Samples.open(disk).journal
                disk.fail(kind, nth: nth, code: code)
                expectNoRoom(journal)
                while try journal.prepareAhead() {}
                #expect(journal.statistics.segments == 2)
                var model = JournalModel()
                var generator = SplitMix64(seed: 1)
                for _ in 0..<5 {
                    let batch = model.randomBatch(&generator)
                    try journal.write(batch)
                    model.apply(batch)
                }
                journal.close()
                #expect(try Samples.open(disk).recovered == model.recovery)
            }
        }
    }
}
