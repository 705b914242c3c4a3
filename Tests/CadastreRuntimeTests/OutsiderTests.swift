import CadastreNode
import CadastreProtocol
import CadastreTLS
import Logging
import NIOCore
import RaftCore
import Synchronization
import TestLanes
import Testing

@testable import CadastreRuntime

/// A node in a country that the policy does not allow is never given a byte of content.
///
/// Its certificate is good otherwise: the cluster's authority has signed it. It is a capture: of the
/// bytes on the wire, by a relay before each member, and of what its own TLS session makes of them,
/// which is all that it can read.
@Suite(.heavy)
struct OutsiderTests {
    /// Three French nodes that run under a policy, and hold something that is worth having.
    private struct Bench {
        let cluster: ThreeNodes
        let nodes: [NodeRuntime]
        let log = Lines()

        init() async throws {
            cluster = try await ThreeNodes(
                policy: """
                    { "allowed_countries": ["fr"], "preferred_leaders": [],
                      "survives_one_site": false }
                    """
            )
            var plans: [NodePlan] = []
            for plan in cluster.plans {
                var settings = plan.settings
                // So that there are snapshots to be had.
                settings.snapshotInterval = 1_000
                plans.append(NodePlan(settings, plan.genesis))
                try plan.found()
            }
            let log = log
            nodes = try await ThreeNodes.start(
                plans,
                log: Logger(label: "test") {
                    StructuredLog(label: $0, level: .warning, sink: { log.add($0) })
                }
            )
            try await write()
        }

        /// Asks the leader.
        func ask(
            _ content: RequestContent,
            _ identity: RequestIdentity = .none
        ) async throws
            -> ReplyMessage
        {
            while true {
                let leader = try await ThreeNodes.leader(of: nodes)
                let client = try await TestClient.connect(
                    cluster.operator,
                    port: leader.ports.administration,
                    purpose: .administration
                )
                let reply = try await client.send(
                    RequestMessage(identity: identity, content: content)
                )
                // An operator has a few connections at a time only.
                try await client.close()
                let passing: [Refusal] = [.notLeader, .notReady, .membersChanging]
                if case .refused(let refusal, _) = reply.outcome, passing.contains(refusal) {
                    continue
                }
                return reply
            }
        }

        /// Writes what must not get out.
        private func write() async throws {
            let opened = try await ask(.command(.openSession(OpenSession(slots: 1))))
            guard case .done(.command(let session)) = opened.outcome else {
                throw ProtocolError(.malformed, "\(opened)")
            }
            for number in 0..<16 {
                let name = Array("\(OutsiderTests.secret)-\(number)".utf8)
                let reply = try await ask(
                    .command(.createTenant(CreateTenant(name: name, quota: Quota()))),
                    .slot(session: session.number, slot: 0, sequence: UInt64(number) + 1)
                )
                #expect(reply.outcome.isDone, "\(reply)")
            }
        }

        /// What a node says that wants to take part, and to have everything.
        func words(of node: UInt64, to member: UInt64, _ purpose: Greeting.Purpose) -> [[UInt8]] {
            let greeting = Greeting(
                cluster: cluster.plans[0].genesis.clusterID,
                node: NodeID(node),
                incarnation: Incarnation(high: 0, low: node),
                purpose: purpose
            )
            func frame(_ kind: FrameKind, _ body: [UInt8]) -> [UInt8] {
                var bytes: [UInt8] = []
                Frame.append(kind, group: 0, requestID: 0, to: &bytes) { $0 += body }
                return bytes
            }
            let name = SnapshotName(1, 2, 3, 4)
            let asked = [SnapshotMessage.Body.fetchManifest, .fetchChunk(0)].map {
                frame(.snapshot, SnapshotMessage(name, $0).encode())
            }
            let vote = Message(
                group: .directory,
                from: NodeID(node),
                to: NodeID(member),
                term: Term(1_000),
                body: .requestVote(RequestVote(purpose: .preVote, last: .zero, leaderIsGone: false))
            )
            let said = PeerMessage(message: vote, wallMilliseconds: 1).encode()
            return [greeting.encode()] + (purpose == .bulk ? asked : [frame(.peer, said)])
        }

        func stop() async { for node in nodes { await node.stop() } }
    }

    /// Lines of a log.
    private final class Lines: Sendable {
        private let content = Mutex<[String]>([])
        var all: [String] { content.withLock { $0 } }
        func add(_ line: String) { content.withLock { $0.append(line) } }
    }

    private static let secret = "versailles-louvre"
    /// A fatal alert and a close, each one record of TLS.
    private static let refusalSize = 64

    private static func leaks(_ bytes: [UInt8]) -> Bool {
        !bytes.split(separator: Array(secret.utf8), maxSplits: 1).allSatisfy {
            $0.count == bytes.count
        }
    }

    /// What the node has refused, once it is as many as wanted, or after many rounds through its
    /// stages: it counts after the other end has seen the refusal.
    private static func refusedCount(
        _ node: NodeRuntime,
        reaching wanted: Int
    ) async throws -> Int {
        var count = refusedCount(node)
        for _ in 0..<10_000 {
            if count >= wanted { break }
            _ = try await node.parts.host.status().get()
            count = refusedCount(node)
        }
        return count
    }

    private static func refusedCount(_ node: NodeRuntime) -> Int {
        let label =
            "cadastre_connections_refused_total{listener=\"peer\",reason=\"country_not_allowed\"} "
        let line = node.metrics.factory.page().split(separator: "\n").first { $0.hasPrefix(label) }
        return line.flatMap { Int($0.dropFirst(label.count)) } ?? 0
    }

    /// As a stranger under a number of its own, and under a member's number.
    @Test
    func `an outsider that dials is refused before any frame, on both purposes`() async throws {
        let bench = try await Bench()
        let outsider = Outsider()
        for (place, node) in bench.nodes.enumerated() {
            let relay = try await Relay.leading(to: node.ports.peer)
            for number in [9, UInt64((place + 1) % 3 + 1)] {
                let credentials = try bench.cluster.credentials(
                    of: number,
                    at: "us/boston/b/o",
                    .clientAuth
                )
                for purpose in [Greeting.Purpose.consensus, .bulk] {
                    let caught = try await outsider.dial(
                        relay.port,
                        with: credentials,
                        saying: bench.words(of: number, to: UInt64(place + 1), purpose)
                    )
                    #expect(caught.plaintext == [], "it may read nothing at all")
                    let handshake = try #require(caught.handshakeSize)
                    let wire = try #require(relay.captures.last).fromTarget
                    #expect(wire.count == caught.size && wire.count > handshake)
                    #expect(wire.count - handshake <= Self.refusalSize)
                    #expect(!Self.leaks(wire))
                }
            }
            #expect(relay.captures.count == 4)
            #expect(try await Self.refusedCount(node, reaching: 4) == 4)
            try await relay.close()
        }
        let line = try #require(bench.log.all.first { $0.contains("country_not_allowed") })
        #expect(line.contains("node/9 stands at us/boston/b/o"), "\(line)")
        #expect(line.contains("the policy allows fr"), "\(line)")
        await bench.stop()
    }

    /// A member that hears no leader lets strangers in, for one of them may lead: no such stranger.
    ///
    /// What a permitted one is sent shows that the capture sees what there is to see.
    @Test
    func `a member that is alone lets a French stranger in, and no other`() async throws {
        let bench = try await Bench()
        let alone = bench.nodes[0]
        for node in bench.nodes.dropFirst() { await node.stop() }
        while alone.parts.view.now.leader != .none {
            _ = try await alone.parts.host.status().get()
        }
        for purpose in [Greeting.Purpose.consensus, .bulk] {
            let words = bench.words(of: 9, to: 1, purpose)
            let foreign = try await Outsider().dial(
                alone.ports.peer,
                with: try bench.cluster.credentials(of: 9, at: "us/boston/b/o", .clientAuth),
                saying: words
            )
            #expect(foreign.plaintext == [])
            #expect(foreign.size - (foreign.handshakeSize ?? 0) <= Self.refusalSize)
            let french = try await Outsider().dial(
                alone.ports.peer,
                with: try bench.cluster.credentials(of: 9, at: "fr/lyon/l/o", .clientAuth),
                saying: words,
                untilHeard: true
            )
            #expect(french.plaintext.starts(with: Array("CADASTRE".utf8)))
        }
        #expect(try await Self.refusedCount(alone, reaching: 2) == 2)
        await alone.stop()
    }

    /// It says that it stands in Paris, is taken in, and is dialled: its certificate says otherwise.
    @Test
    func `an outsider is not taken in, and one that lies gets no further than the handshake`()
        async throws
    {
        let bench = try await Bench()
        let outsider = Outsider()
        let listener = try await outsider.await(
            with: try bench.cluster.credentials(of: 9, at: "us/boston/b/o", .serverAuth)
        )
        let relay = try await Relay.leading(to: listener.localAddress?.port ?? 0)
        var own = MemberDescription(
            node: 9,
            role: "learner",
            site: "us/boston/b/o",
            peerAddress: "127.0.0.1:\(relay.port)",
            clientAddress: "127.0.0.1:1",
            administrationAddress: "127.0.0.1:2",
            incarnation: Incarnation(high: 0, low: 9).hexadecimal
        )
        let honest = try await bench.ask(
            .administration(.changeMembers(.add(own), isDryRun: false))
        )
        #expect(honest.outcome == .refused(.countryNotAllowed, retryAfterMilliseconds: 0))
        #expect(honest.detail == "node 9 stands at us/boston/b/o; allowed: fr")
        #expect(relay.captures.isEmpty, "nobody has dialled it")

        own.site = "fr/paris/p/o"
        let lie = try await bench.ask(.administration(.changeMembers(.add(own), isDryRun: false)))
        #expect(lie.outcome.isDone, "\(lie)")
        // All members dial it, again and again, on both purposes.
        while relay.captures.count(where: \.isClosed) < 12 {
            for node in bench.nodes { _ = try await node.parts.host.status().get() }
        }
        #expect(outsider.catches.allSatisfy { $0.plaintext.isEmpty && $0.handshakeSize == nil })
        for capture in relay.captures {
            #expect(capture.fromCaller.count <= 2_048, "a hello and an alert")
            #expect(!Self.leaks(capture.fromCaller))
        }
        let promoted = try await bench.ask(
            .administration(.changeMembers(.promote(9), isDryRun: true))
        )
        #expect(!promoted.outcome.isDone)
        await bench.stop()
        try await relay.close()
        try await listener.close()
    }
}
