import CadastreNode
import CadastreProtocol
import CadastreTLS
import NIOCore
import RaftCore
import TestLanes
import Testing

@testable import CadastreRuntime

/// Members come and go while the nodes run, on loopback.
@Suite(.heavy)
struct RunningMembersTests {
    /// Three nodes that run, and an operator.
    private struct Bench {
        let cluster: ThreeNodes
        var nodes: [NodeRuntime]

        init() async throws {
            cluster = try await ThreeNodes()
            for plan in cluster.plans { try plan.found() }
            nodes = try await ThreeNodes.start(cluster.plans)
        }

        /// Asks a node.
        func ask(
            _ request: AdministrationRequest,
            _ node: NodeRuntime
        ) async throws
            -> ReplyOutcome
        {
            let client = try await TestClient.connect(
                cluster.operator,
                port: node.ports.administration,
                purpose: .administration
            )
            return try await client.send(RequestMessage(content: .administration(request))).outcome
        }

        /// How a node is.
        func status(_ node: NodeRuntime) async throws -> CadastreProtocol.NodeStatus {
            guard case .done(.administration(.status(let status))) = try await ask(.status, node)
            else { throw ProtocolError(.malformed, "no status") }
            return status
        }

        /// Asks the leader for a change until it is done.
        func change(_ change: MemberChange, among nodes: [NodeRuntime]) async throws -> MemberPlan {
            while true {
                let leader = try await ThreeNodes.leader(of: nodes)
                let outcome = try await ask(.changeMembers(change, isDryRun: false), leader)
                switch outcome {
                case .done(.administration(.memberPlan(let plan))): return plan
                case .refused(let refusal, _) where refusal.isRetryable: continue
                case .unknown: continue
                case .done, .refused:
                    throw ProtocolError(.malformed, "\(change) was answered \(outcome)")
                }
            }
        }

        /// Makes sure that the cluster takes writes.
        func write(through nodes: [NodeRuntime]) async throws {
            let leader = try await ThreeNodes.leader(of: nodes)
            let boss = try await TestClient.connect(
                cluster.operator,
                port: leader.ports.administration,
                purpose: .administration
            )
            let open = RequestMessage(content: .command(.openSession(OpenSession(slots: 1))))
            let reply = try await boss.send(open)
            #expect(reply.outcome.isDone, "\(reply)")
        }

        /// Waits until a node has applied what the leader has, and is the same.
        func waitForAll(of leader: NodeRuntime, on node: NodeRuntime) async throws {
            while true {
                let (one, other) = (try await status(leader), try await status(node))
                guard other.appliedIndex == one.appliedIndex else { continue }
                #expect(other.digest == one.digest)
                return
            }
        }

        func stop() async { for node in nodes { await node.stop() } }
    }

    private static let fresh = Incarnation(high: 0xF00D, low: 1)

    @Test
    func `a node joins, gets a vote, and the leader is removed`() async throws {
        var bench = try await Bench()
        let founders = bench.nodes
        try await bench.write(through: founders)
        let plan = try await bench.cluster.joiner(4)
        #expect(throws: NodeError.self) { try plan.found() }
        try plan.found(as: Self.fresh)
        let joiner = try #require(try await ThreeNodes.start([plan]).first)
        bench.nodes.append(joiner)

        // It says itself how it wants to be taken in.
        let told = try await bench.status(joiner)
        let own = try #require(told.own)
        #expect(own.node == 4 && own.site == "fr/paris/p/o" && told.site == own.site)
        #expect(own.incarnation == Self.fresh.hexadecimal)
        #expect(own.administrationAddress == "127.0.0.1:\(joiner.ports.administration)")
        #expect(told.lastIndex == 1 && told.leader == 0, "nobody has spoken to it")

        let added = try await bench.change(.add(own), among: founders)
        #expect(added.after.map(\.node) == [1, 2, 3, 4])
        let promoted = try await bench.change(.promote(4), among: founders)
        #expect(promoted.after.last?.role == "voter")
        let leader = try await ThreeNodes.leader(of: bench.nodes)
        try await bench.write(through: bench.nodes)
        try await bench.waitForAll(of: leader, on: joiner)

        let removed = try await bench.status(leader).node
        let left = try await bench.change(.remove(removed), among: bench.nodes)
        #expect(!left.after.map(\.node).contains(removed))
        let rest = bench.nodes.filter { $0 !== leader }
        try await bench.write(through: rest)
        let members = try await bench.status(try await ThreeNodes.leader(of: rest)).peers.map(
            \.node
        )
        #expect(members.count == 2 && !members.contains(removed))
        #expect(!leader.isLeader)
        await bench.stop()
    }

    @Test
    func `a wiped node comes back as a learner with a new incarnation, and gets its vote again`()
        async throws
    {
        var bench = try await Bench()
        try await bench.write(through: bench.nodes)
        let leader = try await ThreeNodes.leader(of: bench.nodes)
        let place = try #require(bench.nodes.firstIndex { $0 !== leader })
        let old = bench.nodes.remove(at: place)
        await old.stop()
        try await bench.write(through: bench.nodes)

        let plan = try bench.cluster.wiped(bench.cluster.plans[place])
        try plan.found(as: Self.fresh)
        let wiped = try #require(try await ThreeNodes.start([plan]).first)
        let own = try #require(try await bench.status(wiped).own)
        #expect(own.node == UInt64(place + 1) && own.incarnation == Self.fresh.hexadecimal)
        let term = try await bench.status(leader).term

        // Under its old name it is nobody: both who could let it in know another disk.
        for node in bench.nodes { try await Self.waitForRefusal(of: wiped, by: node) }
        let alone = try await bench.status(wiped)
        #expect(alone.lastIndex == 1 && alone.role == "follower")

        let added = try await bench.change(.rejoin(own), among: bench.nodes)
        #expect(added.after.map(\.role).filter { $0 == "learner" }.count == 1)
        _ = try await bench.change(.promote(own.node), among: bench.nodes)
        bench.nodes.append(wiped)
        try await bench.write(through: bench.nodes)
        try await bench.waitForAll(of: leader, on: wiped)
        #expect(try await bench.status(leader).term == term, "nobody was disturbed")
        await bench.stop()
    }

    @Test
    func `a removed node is refused by those who stay, and disturbs nobody`() async throws {
        let bench = try await Bench()
        let leader = try await ThreeNodes.leader(of: bench.nodes)
        let removed = try #require(bench.nodes.first { $0 !== leader })
        let rest = bench.nodes.filter { $0 !== removed }
        let (number, term) = (
            try await bench.status(removed).node, try await bench.status(leader).term
        )
        _ = try await bench.change(.remove(number), among: bench.nodes)
        // It does not know of the last configuration, so it dials and is turned away.
        for node in rest {
            let line =
                "cadastre_connections_refused_total{listener=\"peer\",reason=\"not_accepted\"} 0\n"
            while node.metrics.factory.page().contains(line) {
                _ = try await node.parts.host.status().get()
            }
        }
        try await bench.write(through: rest)
        #expect(try await bench.status(leader).term == term)
        #expect(leader.isLeader && !removed.isLeader)
        await bench.stop()
    }

    /// A member dials the wiped node, under the number that it knows, and finds another disk.
    private static func waitForRefusal(of wiped: NodeRuntime, by node: NodeRuntime) async throws {
        let line = "cadastre_connections_refused_total{listener=\"peer\",reason=\"greeting\"} 0\n"
        while node.metrics.factory.page().contains(line) {
            _ = try await node.parts.host.status().get()
        }
    }
}
