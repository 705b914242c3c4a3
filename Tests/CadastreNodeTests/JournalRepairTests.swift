import CadastreDisk
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// A damaged journal is mended from peers, whatever some of them do.
struct JournalRepairTests {
    private static let settings = JournalSettings(segmentSize: 65_536, sliceSize: 65_536)

    private enum Conduct {
        case honest, silent, lying, compacted, meaningless
        /// Answers what was not asked, over and over.
        case stale
    }

    private struct World {
        let disk = SimulatedDisk(seed: 1)
        let identity = JournalIdentity(
            cluster: ClusterID(high: 1, low: 2),
            node: NodeID(1),
            incarnation: Incarnation(high: 3, low: 4)
        )
        var entries: [Entry] = []
        let peer: JournalStage

        init() throws {
            var entries: [Entry] = []
            for number in 1...40 as ClosedRange<UInt64> {
                entries.append(
                    Entry.make(
                        cluster: identity.cluster,
                        group: .directory,
                        position: LogPosition(index: LogIndex(number), term: Term(1)),
                        kind: .commands,
                        featureLevel: 1,
                        now: number,
                        random: (number, 0),
                        previousHash: entries.last?.hash ?? .zero,
                        items: [[UInt8](repeating: UInt8(number), count: 300)]
                    )
                )
            }
            self.entries = entries
            let other = SimulatedDisk(seed: 2)
            peer = JournalStage(journal: try World.write(entries, to: other, identity))
            try World.write(entries, to: disk, identity).close()
            let path = "/n/journal/journal-00000000000000000001.cadastre"
            for batch in [3, 4, 5, 12, 20] { disk.flipBit(path, at: 4_096 * batch + 20, bit: 2) }
        }

        private static func write(
            _ entries: [Entry],
            to disk: SimulatedDisk,
            _ identity: JournalIdentity
        ) throws -> Journal {
            try Journal.format(
                directory: "/n/journal",
                on: disk,
                identity: identity,
                settings: settings,
                seed: 3
            )
            let journal = try Journal.open(
                directory: "/n/journal",
                on: disk,
                identity: identity,
                settings: settings,
                seed: 4
            ).journal
            try journal.write([.hardState(.directory, HardState(term: Term(1), vote: NodeID(2)))])
            for entry in entries { try journal.write([.entry(entry)]) }
            try journal.writeMark()
            try journal.writeMark()
            return journal
        }

        func repaired() throws -> RepairedJournal {
            let damage = try JournalDamage.judge(
                directory: "/n/journal",
                on: disk,
                identity: identity,
                group: .directory
            )
            return try RepairedJournal(
                try #require(damage),
                JournalExchange(directory: "/n/journal", on: disk),
                identity: identity,
                settings: JournalRepairTests.settings,
                snapshot: nil,
                seed: 5
            )
        }

        /// What a peer sends for a question; nothing from a silent one.
        func answer(_ frame: PeerFrame, _ conduct: Conduct) throws -> [UInt8]? {
            var results: [JournalResult] = []
            var events = [
                JournalEvent.repair(from: NodeID(1), group: .directory, bytes: frame.bytes)
            ]
            try peer.turn(&events, into: &results)
            guard case .repairAnswer(let answer)? = results.first else { return nil }
            let asked = try RepairMessage(decoding: frame.bytes)
            switch conduct {
            case .honest: return answer.bytes
            case .silent: return nil
            case .meaningless: return [7, 7]
            case .compacted: return RepairMessage(asked.index, asked.hash, .unavailable).encode()
            case .stale:
                return RepairMessage(asked.index.next, asked.hash, .unavailable).encode()
            case .lying:
                var bent = answer.bytes
                bent[bent.count - 1] ^= 1
                return bent
            }
        }
    }

    /// Lets a repair run against peers until it is done; returns what was asked of whom.
    private func run(
        _ world: World,
        _ conducts: [Conduct]
    ) throws -> (asked: [NodeID], faults: Set<NodeID>) {
        let peers = conducts.indices.map { NodeID(UInt64($0 + 2)) }
        let repair = JournalRepair(try world.repaired(), peers: peers, rate: 1 << 30)
        defer { repair.close() }
        var asked: [NodeID] = []
        var faults: Set<NodeID> = []
        var output = RepairOutput()
        var events: [RepairEvent] = [.resume]
        for turn in 0..<2_000 as Range<UInt64> {
            let moment = Moment(monotonic: turn * 500_000_000, wall: 0)
            try repair.turn(&events, at: moment, into: &output)
            faults.formUnion(output.peerFaults.map(\.peer))
            for frame in output.frames {
                asked.append(frame.to)
                #expect(frame.kind == .repair)
                let conduct = conducts[Int(frame.to.value) - 2]
                guard let bytes = try world.answer(frame, conduct) else { continue }
                events.append(.received(from: frame.to, group: .directory, bytes: bytes))
            }
            if output.isDone { return (asked, faults) }
            output.removeAll()
            events.append(.resume)
        }
        Issue.record("the repair does not end")
        return (asked, faults)
    }

    private func expectWhole(_ world: World) throws {
        let (journal, recovered) = try Journal.open(
            directory: "/n/journal",
            on: world.disk,
            identity: world.identity,
            settings: Self.settings,
            seed: 9
        )
        #expect(recovered.map(\.headers) == [world.entries.map(\.header)])
        #expect(recovered.map(\.hardState) == [HardState(term: Term(1), vote: NodeID(2))])
        journal.close()
    }

    @Test
    func `one honest peer is enough, whatever the others send`() throws {
        let world = try World()
        let conducts: [Conduct] = [.silent, .lying, .compacted, .meaningless, .stale, .honest]
        let (asked, faults) = try run(world, conducts)
        try expectWhole(world)
        #expect(Set(asked) == Set(conducts.indices.map { NodeID(UInt64($0 + 2)) }))
        #expect(faults == [NodeID(3), NodeID(5)])
    }

    @Test
    func `one answer brings what is missing up to the next entry that is whole and beyond`() throws
    {
        let world = try World()
        let (asked, _) = try run(world, [.honest])
        try expectWhole(world)
        // All of a small log fits into the first answer.
        #expect(asked.count == 1)
    }

    @Test
    func `what nobody has any more is said, and the files stay`() throws {
        let world = try World()
        let before = world.disk.contents("/n/journal/journal-00000000000000000001.cadastre")
        let error = #expect(throws: NodeError.self) {
            try run(world, [.compacted, .compacted])
        }
        #expect(error?.exitCode == .damaged)
        #expect(error?.description.contains("cadastre member replace") == true)
        #expect(
            world.disk.contents("/n/journal/journal-00000000000000000001.cadastre") == before
        )
    }

    @Test
    func `a question for another log, or for what is not held, is declined`() throws {
        let world = try World()
        let last = try #require(world.entries.last)
        for (index, hash) in [
            (last.index, EntryHash(1, 2, 3, 4)), (last.index.next, last.hash),
            (LogIndex(1), last.hash), (LogIndex(1 << 62), last.hash),
        ] {
            let question = RepairMessage(index, hash, .fetch)
            var events = [
                JournalEvent.repair(from: NodeID(1), group: .directory, bytes: question.encode())
            ]
            var results: [JournalResult] = []
            try world.peer.turn(&events, into: &results)
            guard case .repairAnswer(let frame)? = results.first else {
                Issue.record("no answer")
                continue
            }
            #expect(try RepairMessage(decoding: frame.bytes).body == .unavailable)
        }
        var events = [JournalEvent.repair(from: NodeID(1), group: .directory, bytes: [1])]
        var results: [JournalResult] = []
        try world.peer.turn(&events, into: &results)
        guard case .repairFault? = results.first else {
            Issue.record("no fault")
            return
        }
    }
}
