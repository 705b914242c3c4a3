import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// The snapshot stage reads old files again: when it is time, at its rate, and says what it finds.
struct ScrubTests {
    private static let hour: UInt64 = 3_600_000_000_000

    /// A stage over a snapshot of 40 entries and a journal of three segments.
    private struct Fixture {
        let node: StateFolderTests.Node
        let journal: Journal
        let stage: SnapshotStage
        var output = SnapshotOutput()
        var now: UInt64 = 5

        init(interval: UInt64 = 24 * ScrubTests.hour, rate: Int = 8 << 20) throws {
            node = try StateFolderTests.Node()
            try node.run(through: 40, snapshots: [40])
            let genesis = NodeFixture.genesis(members: 1)
            let identity = NodeIdentity(
                cluster: genesis.cluster,
                node: NodeID(1),
                incarnation: Incarnation(high: 1, low: 1)
            )
            let owner = JournalIdentity(
                cluster: identity.cluster,
                node: identity.node,
                incarnation: identity.incarnation
            )
            let journalSettings = JournalSettings(segmentSize: 65_536, sliceSize: 65_536)
            try Journal.format(
                directory: "/node/journal",
                on: node.disk,
                identity: owner,
                settings: journalSettings,
                seed: 3
            )
            journal = try Journal.open(
                directory: "/node/journal",
                on: node.disk,
                identity: owner,
                settings: journalSettings,
                seed: 4
            ).journal
            var last: Entry?
            for index in 1...40 as ClosedRange<UInt64> {
                let entry = Entry.make(
                    cluster: identity.cluster,
                    group: .directory,
                    position: node.position(index),
                    kind: index == 1 ? .configuration(genesis.configuration) : .noOp,
                    featureLevel: 1,
                    now: 0,
                    random: (1, 2),
                    previousHash: last?.hash ?? .zero
                )
                try journal.write([.entry(entry)])
                last = entry
            }
            var settings = NodeSettings()
            settings.scrubInterval = interval
            settings.scrubRate = rate
            stage = SnapshotStage(
                store: try node.store(),
                disk: node.disk,
                identity: identity,
                group: .directory,
                settings: settings,
                applied: LogIndex(40),
                journal: "/node/journal"
            )
        }

        mutating func turn(after span: UInt64) {
            now += span
            output.removeAll()
            var events: [SnapshotEvent] = [.resume]
            stage.turn(&events, at: Moment(monotonic: now, wall: now / 1_000_000), into: &output)
        }

        /// Turns until nothing is under way.
        mutating func pass() -> (turns: Int, failure: StorageError?, notes: [String]) {
            var notes: [String] = []
            for turns in 0..<10_000 {
                turn(after: 20_000_000)
                notes += output.notes
                if output.failure != nil || !output.isWaiting {
                    return (turns, output.failure, notes)
                }
            }
            Issue.record("a pass does not end")
            return (0, nil, notes)
        }
    }

    @Test
    func `a pass begins when it is due, and not before`() throws {
        var fixture = try Fixture()
        fixture.turn(after: 0)
        #expect(fixture.output.isDue && !fixture.output.isWaiting)
        fixture.turn(after: Self.hour - 1)
        #expect(fixture.stage.statistics.scrubbedBytes == 0)
        fixture.turn(after: 1)
        #expect(fixture.output.isWaiting || fixture.stage.statistics.scrubs == 1)
        #expect(fixture.pass().failure == nil)
        let statistics = fixture.stage.statistics
        #expect(statistics.scrubs == 1 && statistics.damagesFound == 0)
        #expect(statistics.scrubbedBytes > 30 * 4_096)
        #expect(statistics.lastScrubEnded > 0)
        #expect(statistics.newestIndex == LogIndex(40) && statistics.newestSize > 0)
        fixture.turn(after: 22 * Self.hour)
        #expect(!fixture.output.isWaiting)
        fixture.turn(after: 2 * Self.hour)
        _ = fixture.pass()
        #expect(fixture.stage.statistics.scrubs == 2)
    }

    @Test
    func `an interval of zero is never`() throws {
        var fixture = try Fixture(interval: 0)
        fixture.turn(after: 0)
        fixture.turn(after: 1_000 * Self.hour)
        #expect(!fixture.output.isDue && fixture.stage.statistics.scrubbedBytes == 0)
    }

    @Test
    func `it reads no faster than its rate`() throws {
        let rate = 100_000
        var fixture = try Fixture(rate: rate)
        fixture.turn(after: 0)
        fixture.turn(after: Self.hour)
        let begin = fixture.now
        #expect(fixture.pass().turns > 20)
        let most = Double(fixture.now - begin) / 1e9 * Double(rate) + Double(rate) / 20 + 65_536
        #expect(Double(fixture.stage.statistics.scrubbedBytes) <= most)
    }

    @Test
    func `a damaged snapshot is removed and said, once`() throws {
        var fixture = try Fixture()
        try fixture.node.damageSnapshot(40)
        fixture.turn(after: 0)
        fixture.turn(after: Self.hour)
        let notes = fixture.output.notes + fixture.pass().notes
        #expect(notes.contains { $0.contains("a snapshot is damaged and removed") }, "\(notes)")
        #expect(fixture.stage.statistics.damagesFound == 1)
        #expect(fixture.stage.statistics.scrubs == 1)
        #expect(fixture.stage.statistics.newestIndex == .zero)
        #expect(try fixture.node.disk.list("/node/snapshots").isEmpty)
    }

    @Test
    func `damage of the journal stops the node with file and offset`() throws {
        var fixture = try Fixture()
        let path = "/node/journal/journal-00000000000000000001.cadastre"
        fixture.node.disk.flipBit(path, at: 5 * 4_096 + 9, bit: 2)
        fixture.turn(after: 0)
        fixture.turn(after: Self.hour)
        let failure = try #require(fixture.output.failure ?? fixture.pass().failure)
        let error = NodeError(failure)
        #expect(error.exitCode == .damaged)
        #expect(error.description.hasPrefix("\(path) is damaged at byte 20480"), "\(error)")
        #expect(fixture.stage.statistics.damagesFound == 1)
    }
}
