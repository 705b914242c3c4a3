import CadastreDisk
import CadastreNode
import CadastreProtocol
import RaftCore
import Testing

@testable import CadastreRuntime

/// What the thread of the apply stage does in silence.
@Suite
struct ApplyWorkTests {
    private func stage() throws -> ApplyStage {
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
        let settings = NodeSettings()
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
