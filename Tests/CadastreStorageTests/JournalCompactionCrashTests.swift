import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Compactions and snapshots that end at any call to the disk.
@Suite(.heavy)
struct JournalCompactionCrashTests {
    /// What happened until the end, whatever that was.
    private struct Outcome {
        var model: JournalModel
        /// Written and not acknowledged.
        var attempted: [JournalWrite] = []
        var failure: StorageError?
    }

    /// A file is freed in two pieces.
    private let settings = JournalSettings(segmentSize: 16_384, sliceSize: 2_048)

    /// Three groups with large configurations, over several segments of three blocks; the last of
    /// them is full, or not.
    private func prepared(isFull: Bool) throws -> (SimulatedDisk, JournalModel) {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, settings)
        let journal = try Samples.open(disk, settings).journal
        var model = JournalModel()
        func append(_ group: UInt32, _ configuration: Configuration?) throws {
            let group = GroupID(group)
            let state = model.groups[group] ?? JournalModel.Group()
            let batch = [
                JournalWrite.entry(
                    Samples.entry(
                        behind: state.start(at: state.last),
                        group: group,
                        term: 1,
                        items: [[1]],
                        configuration: configuration
                    )
                )
            ]
            try journal.write(batch)
            model.apply(batch)
        }
        for group in 0..<3 as Range<UInt32> { try append(group, Samples.configuration) }
        for number in 0..<(isFull ? 8 : 6) { try append(UInt32(number % 3), nil) }
        journal.close()
        return (disk, model)
    }

    /// Compacts all groups, installs a snapshot, writes on, compacts again.
    private func run(_ disk: SimulatedDisk, _ start: JournalModel) -> Outcome {
        var outcome = Outcome(model: start)
        func compact(_ journal: Journal, less: Int) throws(StorageError) {
            for group in outcome.model.groups.keys.sorted() {
                guard let state = outcome.model.groups[group] else { continue }
                let index = max(state.released, state.last.advanced(by: -less))
                outcome.model.groups[group]?.released = index
                var hasMore = true
                while hasMore {
                    do throws(StorageError) {
                        hasMore = try journal.compact(group, through: index)
                    } catch {
                        guard error.isOutOfSpace else { throw error }
                        disk.capacity = nil
                    }
                }
            }
            for group in outcome.model.groups.keys.sorted() {
                let index = journal.start(of: group).position.index
                outcome.model.groups[group]?.compacted = index
            }
        }
        do throws(StorageError) {
            let journal = try Samples.open(disk, settings).journal
            defer { journal.close() }
            func write(_ batch: [JournalWrite]) throws(StorageError) {
                outcome.attempted = batch
                do throws(StorageError) {
                    try journal.write(batch)
                } catch {
                    guard error.isOutOfSpace else { throw error }
                    try journal.write(batch)
                }
                outcome.model.apply(batch)
                outcome.attempted = []
            }
            try compact(journal, less: 0)
            let snapshot = LogStart(
                position: LogPosition(index: LogIndex(20), term: Term(2)),
                hash: EntryHash(1, 2, 3, 4),
                configuration: Samples.configuration
            )
            let entry = Samples.entry(behind: snapshot, group: GroupID(1), term: 2)
            let next = Samples.entry(after: entry.header, group: GroupID(1), term: 2, items: [])
            try write([
                .hardState(GroupID(1), HardState(term: Term(2), vote: .none)),
                .start(GroupID(1), snapshot), .entry(entry),
            ])
            for _ in 0..<2 { try write([.entry(next), .truncate(GroupID(1), from: next.index)]) }
            try write([.entry(next)])
            try compact(journal, less: 1)
        } catch {
            outcome.failure = error
        }
        return outcome
    }

    /// Holds what is found against what must be there, and goes on from it.
    private func check(_ disk: SimulatedDisk, _ outcome: Outcome, _ comment: String) throws {
        let opened = try Samples.open(disk, settings)
        var model = outcome.model
        var longer = model
        longer.apply(outcome.attempted)
        let found = opened.recovered
        if found == longer.recovery(beginningAs: found) { model = longer }
        #expect(found == model.recovery(beginningAs: found), "\(comment)")
        for group in found { model.groups[group.group]?.compacted = group.start.position.index }
        // Nothing is left over.
        let first = opened.journal.segments.first
        for path in disk.paths where path.hasSuffix(".cadastre") {
            let name = String(path.dropFirst(Samples.directory.utf8.count + 1))
            #expect((SegmentFormat.number(inName: name) ?? 0) >= first, "\(comment): \(path)")
        }
        var generator = SplitMix64(seed: 6)
        for _ in 0..<3 {
            let batch = model.randomBatch(&generator)
            try opened.journal.write(batch)
            model.apply(batch)
        }
        opened.journal.close()
        let again = try Samples.open(disk, settings)
        #expect(again.recovered == model.recovery, "\(comment), after more writes")
        again.journal.close()
    }

    @Test(arguments: [false, true])
    func `a crash at any call to the disk loses nothing that is needed`(isFull: Bool) throws {
        var crashes = 0
        var shortened = 0
        let (before, model) = try prepared(isFull: isFull)
        for nth in 1...200 {
            var hasCrashed = false
            for seed in 0..<6 {
                let disk = SimulatedDisk(copying: before, seed: UInt64(nth * 10 + seed))
                if seed % 4 == 3 {
                    disk.endProcess(atOperation: nth)
                } else {
                    disk.crash(atOperation: nth)
                }
                let outcome = run(disk, model)
                guard outcome.failure != nil else { continue }
                hasCrashed = true
                crashes += 1
                if disk.end == .process, seed > 3 { disk.crash() }
                disk.restart()
                let copy = SimulatedDisk(copying: disk, seed: 1)
                if let found = try? Samples.open(copy).journal.segments.first, found > 1 {
                    shortened += 1
                }
                try check(disk, outcome, "call \(nth), seed \(seed)")
            }
            guard hasCrashed else { break }
        }
        #expect((300..<1_600).contains(crashes), "\(crashes)")
        #expect(shortened > 60, "\(shortened)")
    }

    /// And again at any call of the start that follows.
    @Test(arguments: [false, true])
    func `a crash in the start behind a crash loses nothing either`(isFull: Bool) throws {
        let (before, model) = try prepared(isFull: isFull)
        for nth in stride(from: 14, to: 80, by: Depth.cases(3, quick: 9)) {
            for second in stride(from: 1 + nth % 2, to: 40, by: 2) {
                let disk = SimulatedDisk(copying: before, seed: UInt64(nth * 100 + second))
                disk.crash(atOperation: nth)
                let outcome = run(disk, model)
                guard outcome.failure != nil else { continue }
                disk.restart()
                disk.crash(atOperation: second)
                let isOpen = (try? Samples.open(disk, settings).journal.close()) != nil
                disk.forgetFaults()
                disk.crash()
                disk.restart()
                try check(disk, outcome, "calls \(nth) and \(second)")
                if isOpen { break }
            }
        }
    }

    @Test(arguments: SimulatedDisk.Fallible.allCases)
    func `any call that fails leaves what is needed`(kind: SimulatedDisk.Fallible) throws {
        let starts = [try prepared(isFull: false), try prepared(isFull: true)]
        for code in [DiskError.inputOutput, DiskError.noSpace, DiskError.tooManyFiles] {
            for nth in 1...60 {
                let (before, model) = starts[nth % 2]
                let disk = SimulatedDisk(copying: before, seed: UInt64(nth))
                disk.fail(kind, nth: nth, code: code)
                let outcome = run(disk, model)
                let hasCome = !disk.failures.isEmpty
                disk.forgetFaults()
                // The process ends; the machine runs on, or not.
                if nth % 3 == 0 {
                    disk.crash()
                    disk.restart()
                }
                try check(disk, outcome, "\(kind) \(nth), code \(code)")
                guard hasCome else { break }
                #expect(nth < 60)
            }
        }
    }

    @Test
    func `want of descriptors delays a removal, and every other failure of it is final`() throws {
        for kind in [SimulatedDisk.Fallible.remove, .syncDirectory] {
            for code in [DiskError.tooManyFiles, DiskError.noSpace, DiskError.inputOutput] {
                let (disk, _) = try prepared(isFull: false)
                let journal = try Samples.open(disk, settings).journal
                for group in 0..<3 as Range<UInt32> {
                    let through = LogIndex(
                        journal.logs[GroupID(group)]?.state.last.index.value ?? 0
                    )
                    _ = try journal.compact(GroupID(group), through: through)
                }
                disk.fail(kind, nth: 1, code: code)
                let error = #expect(throws: StorageError.self) {
                    while try journal.giveBack() {}
                }
                guard code == DiskError.inputOutput else {
                    #expect(error?.isOutOfSpace == true)
                    while try journal.giveBack() {}
                    try journal.writeMark()
                    #expect(journal.givenBack.isEmpty)
                    continue
                }
                guard case .disk(let cause) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
                #expect(throws: StorageError.disk(cause)) { try journal.writeMark() }
                #expect(throws: StorageError.disk(cause)) {
                    try journal.compact(.directory, through: LogIndex(1))
                }
            }
        }
    }
}
