import CadastreDisk
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// What the journal stage does between turns: the mark, and the next segment.
struct JournalStageTests {
    private let disk = SimulatedDisk(seed: 1)
    private let identity = JournalIdentity(
        cluster: ClusterID(high: 1, low: 2),
        node: NodeID(1),
        incarnation: Incarnation(high: 3, low: 4)
    )

    private func stage(_ settings: JournalSettings) throws -> JournalStage {
        try Journal.format(
            directory: "journal",
            on: disk,
            identity: identity,
            settings: settings,
            seed: 5
        )
        return JournalStage(
            journal: try Journal.open(
                directory: "journal",
                on: disk,
                identity: identity,
                settings: settings,
                seed: 6
            ).journal
        )
    }

    private func entry(after previous: Entry?, _ items: [[UInt8]]) -> Entry {
        Entry.make(
            cluster: identity.cluster,
            group: .directory,
            position: LogPosition(index: previous?.index.next ?? LogIndex(1), term: Term(1)),
            kind: items.isEmpty ? .noOp : .commands,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: previous?.hash ?? .zero,
            items: items
        )
    }

    /// A follower that reads its way through the log leaves no pause for idle work.
    @Test
    func `a turn that only reads is followed by the mark of what was written before`() throws {
        let stage = try stage(JournalSettings(segmentSize: 65_536, sliceSize: 16_384))
        var results: [JournalResult] = []
        var events: [JournalEvent] = [.write(PersistNumber(1), [.entry(entry(after: nil, []))])]
        try stage.turn(&events, into: &results)
        try stage.followUp()
        #expect(stage.statistics.batches == 1, "a write is marked by the next one or in a pause")
        for _ in 0..<5 {
            events = [.read(.directory, LogIndex(1)..<LogIndex(2), .apply)]
            try stage.turn(&events, into: &results)
            #expect(stage.statistics.batches <= 2)
            try stage.followUp()
            #expect(stage.statistics.batches == 2)
        }
        #expect(try stage.idle(), "nothing is prepared yet")
        #expect(stage.statistics.batches == 2)
    }

    @Test(arguments: [300, 5_000, 40_000, 120_000, 200_000])
    func `without a pause the next segment is ready in time, in batches of whatever size`(
        size: Int
    ) throws {
        let stage = try stage(JournalSettings(segmentSize: 262_144, sliceSize: 16_384))
        var generator = SplitMix64(seed: 1)
        var noise = (0..<size).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        var results: [JournalResult] = []
        var last: Entry?
        var number: UInt64 = 0
        while stage.statistics.segments < 5 {
            number += 1
            noise[Int(number) % size] &+= 1
            let next = entry(after: last, [noise])
            last = next
            var events: [JournalEvent] = [.write(PersistNumber(number), [.entry(next)])]
            try stage.turn(&events, into: &results)
            try stage.followUp()
        }
        #expect(stage.statistics.latePreparations == 0)
    }

    @Test
    func `want of room between turns ends no stage`() throws {
        let stage = try stage(JournalSettings(segmentSize: 65_536, sliceSize: 65_536))
        disk.capacity = disk.usedBytes
        var results: [JournalResult] = []
        var last: Entry?
        var events: [JournalEvent] = []
        for number in 1...20 as ClosedRange<UInt64> {
            let next = entry(after: last, [])
            last = next
            events.append(.write(PersistNumber(number), [.entry(next)]))
            try stage.turn(&events, into: &results)
            try stage.followUp()
            _ = try stage.idle()
        }
        #expect(!events.isEmpty)
        #expect(disk.usedBytes == disk.capacity)
        disk.capacity = nil
        try stage.turn(&events, into: &results)
        #expect(events.isEmpty)
    }

    @Test
    func `a compaction is told once, behind the writes of its turn, and its files go in pauses`()
        throws
    {
        let stage = try stage(JournalSettings(segmentSize: 65_536, sliceSize: 65_536))
        var results: [JournalResult] = []
        var last: Entry?
        var number: UInt64 = 0
        func write(through segments: Int) throws {
            while stage.statistics.segments < segments {
                number += 1
                let next = entry(after: last, [[UInt8](repeating: 1, count: 3_000)])
                last = next
                var events: [JournalEvent] = [.write(PersistNumber(number), [.entry(next)])]
                try stage.turn(&events, into: &results)
            }
        }
        /// How many of the segments that are given back are still there.
        func files() -> Int {
            disk.paths.count { path in (1...3).contains { path.hasSuffix("0\($0).cadastre") } }
        }
        try write(through: 4)
        results = []
        let next = entry(after: last, [])
        var events: [JournalEvent] = [
            .compact(.directory, through: next.index),
            .write(PersistNumber(number + 1), [.entry(next)]),
            .read(.directory, LogIndex(1)..<LogIndex(2), .apply),
        ]
        try stage.turn(&events, into: &results)
        #expect(events.isEmpty)
        guard results.count == 3, case .persisted = results[0], case .entriesRead = results[1],
            case .compacted(.directory, let start) = results[2]
        else {
            Issue.record("\(results)")
            return
        }
        #expect(start.position.index > LogIndex(1) && start.position.index < next.index)
        #expect(stage.statistics.segments == 1)
        #expect(files() == 3)
        try stage.followUp()
        #expect(files() == 2)
        while try stage.idle() {}
        #expect(files() == 0)
        // Again: nothing more to give back, and nothing to tell.
        results = []
        events = [.compact(.directory, through: next.index)]
        try stage.turn(&events, into: &results)
        #expect(results.isEmpty)
    }
}
