import CadastreDisk
import CadastreNode
import CadastreProtocol
import RaftCore
import Synchronization
import Testing

@testable import CadastreNode
@testable import CadastreRuntime

/// What the thread of the apply stage does in silence.
@Suite
struct ApplyWorkTests {
    private func stage(_ settings: NodeSettings = NodeSettings()) throws -> ApplyStage {
        let disk = SimulatedDisk(seed: 1)
        let member = Member(
            id: NodeID(1),
            incarnation: Incarnation(high: 1, low: 1),
            role: .voter,
            site: "fr/one",
            peerAddress: "a:1",
            clientAddress: "a:2",
            administrationAddress: "a:3"
        )
        let genesis = Genesis(
            clusterName: "alone",
            cluster: ClusterID(high: 1, low: 2),
            members: [member]
        )
        try NodeFolder.found(
            "/node",
            on: disk,
            genesis: genesis,
            node: member.id,
            settings: settings,
            seed: 7
        )
        let open = try NodeFolder.open(
            "/node",
            on: disk,
            cluster: genesis.cluster,
            node: member.id,
            settings: settings,
            seed: 8
        )
        return try #require(open.apply)
    }

    private final class Wakes: Sendable {
        let count = Atomic(0)
    }

    private func query(_ request: UInt64, isConfirmed: Bool = false) -> ApplyEvent {
        var query = WaitingQuery(
            key: RequestKey(connection: 1, request: request),
            principal: .operator(name: Array("register".utf8)),
            tenant: .none,
            query: .listTenants(after: [], maximum: 1),
            deadline: .max
        )
        query.isConfirmed = isConfirmed
        return .query(query, index: .zero)
    }

    /// Reads are held back until others are answered: who answered them says so when nothing is left,
    /// and in between where much is.
    @Test(arguments: [3, 30])
    func `who heeds all hears of answered reads, whatever was answered last`(
        _ count: UInt64
    ) throws {
        var settings = NodeSettings()
        settings.maximumRowsPerTurn = 1
        let wakes = Wakes()
        let inbox = Inbox<ConsensusEvent> { wakes.count.add(1, ordering: .relaxed) }
        var replies = 0
        var turns = 0
        let work = StageThread<ApplyEvent>.Work.apply(
            try stage(settings),
            to: inbox,
            view: NodeView(featureLevel: 1),
            metrics: NodeMetrics(),
            reply: {
                replies += $0.count
                $0 = []
            },
            publish: { _ in },
            again: { turns += 1 }
        )
        var news: [ConsensusEvent] = []
        var events: [ApplyEvent] = [.resume]
        try work.turn(&events)
        _ = inbox.take(into: &news)
        #expect(inbox.rest(heedingAll: true))
        let before = wakes.count.load(ordering: .relaxed)
        // The first was confirmed by a quorum, those behind it were not.
        events = [query(0, isConfirmed: true)] + (1..<count).map { query($0) }
        try work.turn(&events)
        #expect(wakes.count.load(ordering: .relaxed) == before, "more comes")
        var rest = 0
        while rest < turns {
            rest += 1
            events = [.resume]
            try work.turn(&events)
            if rest == 10 { #expect(wakes.count.load(ordering: .relaxed) == before + 1) }
        }
        #expect(replies == count)
        #expect(wakes.count.load(ordering: .relaxed) == before + 1)
    }

    // Simulation seed 200104: on a node that lagged behind, the deadlines of reads were looked at
    // when the next entry came, and none came.
    @Test
    func `a read whose index never comes is refused when its deadline is past`() throws {
        var refused: [OutgoingReply] = []
        let work = StageThread<ApplyEvent>.Work.apply(
            try stage(),
            to: Inbox<ConsensusEvent> {},
            view: NodeView(featureLevel: 1),
            metrics: NodeMetrics(),
            reply: {
                refused += $0
                $0 = []
            },
            publish: { _ in },
            again: {}
        )
        let query = WaitingQuery(
            key: RequestKey(connection: 1, request: 2),
            principal: .operator(name: Array("register".utf8)),
            tenant: .none,
            query: .listTenants(after: [], maximum: 1),
            deadline: Clock.monotonic + 50_000_000,
            maximumAge: nil
        )
        var events: [ApplyEvent] = [.query(query, index: LogIndex(1_000))]
        try work.turn(&events)
        // Long after whatever was left to commit and checkpoint is done.
        while refused.isEmpty {
            let goesOn = try work.idle()
            try #require(goesOn || !refused.isEmpty)
        }
        #expect(refused.map(\.key) == [query.key])
        guard case .refused(.deadlinePassed, _)? = refused.first?.content else {
            Issue.record("\(refused)")
            return
        }
        while try work.idle() {}
    }
}
