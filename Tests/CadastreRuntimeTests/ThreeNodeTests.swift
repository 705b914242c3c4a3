import CadastreNode
import CadastreProtocol
import CadastreTLS
import Foundation
import Glibc
import Logging
import NIOCore
import NIOPosix
import RaftCore
import Synchronization
import Testing

@testable import CadastreRuntime

/// Three nodes in this process, on loopback.
@Suite
struct ThreeNodeTests {
    @Test
    func `three nodes elect, replicate, and hand leadership over when the leader stops`()
        async throws
    {
        let cluster = try await ThreeNodes()
        for plan in cluster.plans { try plan.found() }
        let nodes = try await ThreeNodes.start(cluster.plans)
        let first = try await ThreeNodes.leader(of: nodes)
        let boss = try await TestClient.connect(
            cluster.operator,
            port: first.ports.administration,
            purpose: .administration
        )
        let open = RequestMessage(content: .command(.openSession(OpenSession(slots: 1))))
        let session = try await boss.send(open)
        #expect(session.outcome.isDone, "\(session)")
        let status = try await boss.send(RequestMessage(content: .administration(.status)))
        guard case .done(.administration(.status(let told))) = status.outcome else {
            Issue.record("no status: \(status)")
            return
        }
        #expect(told.peers.filter(\.isConnected).count == 2)

        for node in nodes { expectChangesOnly(node) }

        // A follower says who leads, and where operators find it.
        let follower = try #require(nodes.first { $0 !== first })
        let lost = try await TestClient.connect(
            cluster.operator,
            port: follower.ports.administration,
            purpose: .administration
        )
        let hint = try await lost.send(open)
        #expect(hint.outcome == .refused(.notLeader, retryAfterMilliseconds: 50))
        #expect(hint.leader?.address == "127.0.0.1:\(first.ports.administration)")

        await first.stop()
        let rest = nodes.filter { $0 !== first }
        let second = try await ThreeNodes.leader(of: rest)
        #expect(second !== first)
        let term = second.parts.view.now.term
        #expect(term == Term(told.term + 1), "a hand-over takes one term, and no election is lost")
        for node in rest { await node.stop() }
    }

    /// Expects that a node counts changes of its role, and no other news of leaders and terms: it
    /// began as a follower, so it became one again no more often than it was something else.
    private func expectChangesOnly(_ node: NodeRuntime) {
        var counts: [Substring: Int] = [:]
        for line in node.metrics.factory.page().split(separator: "\n") {
            let parts = line.split(separator: "\"")
            guard parts.count == 3, parts[0] == "cadastre_role_changes_total{role=" else {
                continue
            }
            counts[parts[1]] = Int(parts[2].dropFirst(2))
        }
        let others = counts.filter { $0.key != "follower" }.values.reduce(0, +)
        #expect(counts.count == 4)
        #expect(counts["follower"] ?? 0 <= others, "\(counts)")
    }
}

/// The certificates, genesis and settings of three nodes.
final class ThreeNodes {
    let folder: TemporaryFolder
    var plans: [NodePlan] = []
    let `operator`: Credentials
    private let authority: CertificateAuthority
    private let validity = Validity(now: Int64(Date().timeIntervalSince1970), days: 1)

    /// Makes them, under a policy that genesis.json gives.
    init(policy: String? = nil) async throws {
        folder = try TemporaryFolder()
        let pki = folder.path + "/"
        authority = try CertificateAuthority(creating: "test root", validity: validity)
        try authority.write(certificate: pki + "root.pem", key: pki + "root.key")
        `operator` = Credentials(
            certificate: pki + "operator.pem",
            key: pki + "operator.key",
            roots: [pki + "root.pem"]
        )
        try issue("operator", .operator(cluster: "atlas", name: "ann"), .clientAuth)
        let ports = try await Self.freePorts(9)
        let members = (0..<3).map { place in
            """
            { "id": \(place + 1), "incarnation": "0000000000000000000000000000000\(place + 1)",
              "role": "voter", "site": "fr/paris/p/o",
              "peer_address": "127.0.0.1:\(ports[3 * place])",
              "client_address": "127.0.0.1:\(ports[3 * place + 1])",
              "administration_address": "127.0.0.1:\(ports[3 * place + 2])" }
            """
        }
        _ = try folder.write("genesis.json", GenesisFileTests.text(members, policy: policy))
        for place in 0..<3 {
            plans.append(try plan(place + 1, ports: Array(ports[3 * place..<3 * place + 3])))
        }
    }

    /// A node beside the three, to be founded as one that joins.
    func joiner(_ id: Int) async throws -> NodePlan {
        try plan(id, ports: try await Self.freePorts(3))
    }

    /// A node as it was planned, with a new disk.
    func wiped(_ plan: NodePlan) throws -> NodePlan {
        var settings = plan.settings
        settings.directory += "-new"
        return NodePlan(settings, plan.genesis)
    }

    private func plan(_ id: Int, ports: [Int]) throws -> NodePlan {
        let node = Identity.node(cluster: "atlas", id: UInt64(id))
        try issue("s\(id)", node, .serverAuth)
        try issue("c\(id)", node, .clientAuth)
        let file = try folder.write(
            "\(id).json",
            """
            { "node": { "id": \(id), "directory": "data\(id)", "genesis": "genesis.json" },
              "listen": { "peer": "127.0.0.1:\(ports[0])", "client": "127.0.0.1:\(ports[1])",
                "administration": "127.0.0.1:\(ports[2])" },
              "tls": { "server_certificate": "s\(id).pem", "server_key": "s\(id).key",
                "client_certificate": "c\(id).pem", "client_key": "c\(id).key",
                "roots": ["root.pem"] },
              "storage": { "segment_mib": 16 } }
            """
        )
        return try NodePlan.read(file: file, environment: [:], flags: [])
    }

    /// The certificate of a node that stands somewhere, signed by the same authority.
    func credentials(of id: UInt64, at site: String, _ use: CertificateUse) throws -> Credentials {
        let name = "\(use)-\(id)-" + site.replacing("/", with: "-")
        let path = folder.path + "/"
        if !FileManager.default.fileExists(atPath: path + name + ".pem") {
            try issue(name, .node(cluster: "atlas", id: id), use, at: site)
        }
        return Credentials(
            certificate: path + name + ".pem",
            key: path + name + ".key",
            roots: [path + "root.pem"]
        )
    }

    private func issue(
        _ name: String,
        _ identity: Identity,
        _ use: CertificateUse,
        at place: String = "fr/paris/p/o"
    ) throws {
        let site: Site? =
            switch identity {
            case .node: Site(uri: "cadastre-site://" + place)
            case .operator, .service, .tenant: nil
            }
        try authority.issue(
            CertificateRequest(identity: identity, site: site, use: use, validity: validity)
        )
        .write(
            certificate: folder.path + "/" + name + ".pem",
            key: folder.path + "/" + name + ".key"
        )
    }

    /// Waits for a node that leads and that the others follow.
    static func leader(of nodes: [NodeRuntime]) async throws -> NodeRuntime {
        while true {
            if let leader = nodes.first(where: \.isLeader) {
                let known = nodes.map(\.parts.view.now)
                let term = leader.parts.view.now.term
                let isFollowed = known.allSatisfy { $0.term == term && $0.leader != .none }
                if isFollowed, leader.parts.view.now.isSettledLeader { return leader }
            }
            // A round trip through every loop, so that waiting does not take the time to get there.
            for node in nodes { _ = try await node.parts.host.status().get() }
        }
    }

    /// Starts nodes that were founded.
    static func start(
        _ plans: [NodePlan],
        log: Logger = Logger(label: "test") { StructuredLog(label: $0, level: .critical) }
    ) async throws -> [NodeRuntime] {
        var nodes: [NodeRuntime] = []
        for plan in plans {
            nodes.append(
                try await NodeRuntime.start(plan, log: log) { failure in
                    Issue.record("a node failed: \(failure)")
                }
            )
        }
        return nodes
    }

    /// Where the search for ports goes on: below those that the kernel gives to outgoing connections,
    /// which would take one that was found before its node listens.
    private static let nextPort = Mutex(Int.random(in: 18_000..<24_000))

    /// Ports that nobody uses, all different.
    private static func freePorts(_ count: Int) async throws -> [Int] {
        var ports: [Int] = []
        while ports.count < count {
            let port = nextPort.withLock { next in
                defer { next = next < 26_000 ? next + 1 : 18_000 }
                return next
            }
            let bootstrap = ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            let channel: any Channel
            do {
                channel = try await bootstrap.bind(host: "127.0.0.1", port: port).get()
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                continue
            }
            try await channel.close()
            ports.append(port)
        }
        return ports
    }
}
