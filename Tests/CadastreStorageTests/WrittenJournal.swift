import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// A journal of one group over several segments, with truncations, votes, marks and restarts; and
/// what a peer has that holds the same log.
struct WrittenJournal {
    var disk: SimulatedDisk
    var settings: JournalSettings
    var recovery: [GroupRecovery] = []
    var entries: [EntryHash: Entry] = [:]
    private var log: [Entry] = []
    /// The peer has nothing through here any more.
    var compactedThrough = LogIndex.zero

    init(_ disk: SimulatedDisk, _ settings: JournalSettings, _ log: [Entry], _ state: HardState) {
        self.disk = disk
        self.settings = settings
        self.log = log
        for entry in log { entries[entry.hash] = entry }
        recovery = [
            GroupRecovery(group: .directory, hardState: state, headers: log.map(\.header))
        ]
    }

    init(seed: UInt64, count: Int = 90) throws {
        let disk = SimulatedDisk(seed: seed)
        let settings = JournalSettings(segmentSize: 65_536, sliceSize: 65_536)
        try Samples.format(disk, settings, seed: seed)
        var journal = try Samples.open(disk, settings, seed: seed).journal
        var generator = SplitMix64(seed: seed)
        var term: UInt64 = 1
        var log: [Entry] = []
        var state = HardState(term: Term(1), vote: .none)
        try journal.write([.hardState(.directory, state)])
        for number in 0..<count {
            var batch: [JournalWrite] = []
            let chance = generator.next(below: 20)
            if chance == 0, log.count > 4 {
                let index = log.count - generator.next(below: 3)
                batch.append(.truncate(.directory, from: LogIndex(UInt64(index))))
                log.removeSubrange((index - 1)...)
            }
            if chance < 4 {
                term += 1
                state = HardState(term: Term(term), vote: NodeID(UInt64(number % 3 + 1)))
                batch.append(.hardState(.directory, state))
            }
            for _ in 0..<generator.next(below: 4) {
                let entry = Samples.entry(
                    after: log.last?.header,
                    term: term,
                    items: [Samples.noise(64 + generator.next(below: 900), seed: generator.next())]
                )
                log.append(entry)
                batch.append(.entry(entry))
            }
            if !batch.isEmpty { try journal.write(batch) }
            if generator.next(below: 5) == 0 { try journal.writeMark() }
            if generator.next(below: 25) == 0 {
                journal.close()
                journal = try Samples.open(disk, settings, seed: generator.next()).journal
            }
        }
        try journal.writeMark()
        try journal.writeMark()
        journal.close()
        self.init(disk, settings, log, state)
        let opened = try Samples.open(SimulatedDisk(copying: disk, seed: 1), settings)
        recovery = opened.recovered
        opened.journal.close()
    }

    /// What a peer answers; nil if it has it not.
    func answer(
        _ missing: RepairedJournal.Missing,
        count: Int = 2
    ) -> (entries: [[UInt8]], previousHash: EntryHash)? {
        guard let last = log.firstIndex(where: { $0.hash == missing.hash }),
            log[last].index == missing.index, missing.index > compactedThrough
        else { return nil }
        let first = max(0, last - count + 1, Int(compactedThrough.value))
        return (
            log[first...last].map(\.bytes), first == 0 ? .zero : log[first - 1].hash
        )
    }
}
