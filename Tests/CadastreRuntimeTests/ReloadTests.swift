import CadastreNode
import CadastreProtocol
import CadastreTLS
import Foundation
import Logging
import RaftCore
import Testing

@testable import CadastreRuntime

/// Certificates that change while a node runs, over the real listeners.
@Suite(.serialized, .timeLimit(.minutes(1)))
struct ReloadTests {
    private let folder: TemporaryFolder
    private let authority: CertificateAuthority
    private let plan: NodePlan

    private static let node = Identity.node(cluster: "atlas", id: 1)
    private static let site = Site(uri: "cadastre-site://fr/paris/p1/ops")

    init() throws {
        folder = try TemporaryFolder()
        let path = folder.path + "/"
        authority = try CertificateAuthority(creating: "test root", validity: Self.validity)
        try authority.write(certificate: path + "root.pem", key: path + "root.key")
        _ = try folder.write("genesis.json", GenesisFileTests.text([GenesisFileTests.member()]))
        let file = try folder.write(
            "cadastred.json",
            """
            { "node": { "id": 1, "directory": "data", "genesis": "genesis.json" },
              "listen": { "peer": "127.0.0.1:0", "client": "127.0.0.1:0",
                "administration": "127.0.0.1:0" },
              "tls": { "server_certificate": "s.pem", "server_key": "s.key",
                "client_certificate": "c.pem", "client_key": "c.key",
                "roots": ["root.pem"], "revocations": "revoked.pem" },
              "time": { "heartbeat_ms": 20, "election_minimum_ms": 70, "election_maximum_ms": 100 },
              "storage": { "segment_mib": 16 } }
            """
        )
        plan = try NodePlan.read(file: file, environment: [:], flags: [])
        try issue("s", Self.node, .serverAuth)
        try issue("c", Self.node, .clientAuth)
        try revoke([])
    }

    private static var validity: Validity {
        Validity(now: Int64(Date().timeIntervalSince1970), days: 1)
    }

    /// Writes a certificate, in the place of an older one if there is one.
    private func issue(
        _ name: String,
        _ identity: Identity,
        _ use: CertificateUse,
        site: Site? = site
    ) throws {
        for end in [".pem", ".key"] {
            let file = "\(folder.path)/\(name)\(end)"
            guard FileManager.default.fileExists(atPath: file) else { continue }
            try FileManager.default.removeItem(atPath: file)
        }
        let isNode = if case .node = identity { true } else { false }
        try authority.issue(
            CertificateRequest(
                identity: identity,
                site: isNode ? site : nil,
                use: use,
                validity: Self.validity
            )
        ).write(
            certificate: "\(folder.path)/\(name).pem",
            key: "\(folder.path)/\(name).key"
        )
    }

    private func revoke(_ serials: [[UInt8]]) throws {
        let number = UInt64(Date().timeIntervalSince1970 * 1_000)
        let list = try authority.revoke(serials: serials, number: number, validity: Self.validity)
        _ = try folder.write("revoked.pem", Data(list))
    }

    private func credentials(_ name: String) -> Credentials {
        Credentials(
            certificate: "\(folder.path)/\(name).pem",
            key: "\(folder.path)/\(name).key",
            roots: ["\(folder.path)/root.pem"]
        )
    }

    private func start() async throws -> NodeRuntime {
        try plan.found()
        let log = Logger(label: "test") {
            StructuredLog(label: $0, level: .critical, sink: { _ in })
        }
        return try await NodeRuntime.start(plan, log: log) { failure in
            Issue.record("the node failed: \(failure)")
        }
    }

    private func fingerprints(_ node: NodeRuntime) -> [[UInt8]?] {
        [node.parts.serverTLS, node.parts.clientTLS].map { $0.current.own?.fingerprint }
    }

    @Test
    func `new certificates are used for both sides, and only together`() async throws {
        let node = try await start()
        let first = fingerprints(node)
        try issue("s", Self.node, .serverAuth)
        try issue("c", Self.node, .clientAuth)
        try node.reloadCertificates()
        let second = fingerprints(node)
        #expect(second[0] != first[0] && second[1] != first[1])

        // The server's is new and good; the client's is of another node, another place, another
        // use, or no certificate at all.
        let breaks: [() throws -> Void] = [
            { try self.issue("c", .node(cluster: "atlas", id: 2), .clientAuth) },
            { try self.issue("c", .node(cluster: "borea", id: 1), .clientAuth) },
            {
                try self.issue(
                    "c",
                    Self.node,
                    .clientAuth,
                    site: Site(uri: "cadastre-site://us/ohio/o1/ops")
                )
            },
            { try self.issue("c", Self.node, .serverAuth) },
            { _ = try self.folder.write("c.pem", "nothing\n") },
        ]
        for make in breaks {
            try issue("s", Self.node, .serverAuth)
            try make()
            #expect(throws: NodeError.self) { try node.reloadCertificates() }
            #expect(fingerprints(node) == second)
        }
        let page = node.metrics.factory.page()
        #expect(page.contains("cadastre_certificate_reloads_total{result=\"done\"} 1\n"))
        #expect(page.contains("cadastre_certificate_reloads_total{result=\"failed\"} 5\n"))
        await node.stop()
    }

    @Test
    func `a client that is revoked while connected is cut off, and no other one`() async throws {
        try issue("good", .service(cluster: "atlas", name: "good"), .clientAuth)
        try issue("bad", .service(cluster: "atlas", name: "bad"), .clientAuth)
        let node = try await start()
        let good = try await TestClient.connect(
            credentials("good"),
            port: node.ports.client,
            purpose: .client
        )
        let bad = try await TestClient.connect(
            credentials("bad"),
            port: node.ports.client,
            purpose: .client
        )
        let request = RequestMessage(
            consistency: .any,
            tenant: Array("x".utf8),
            content: .query(.getUsage(bucket: nil))
        )
        for client in [good, bad] { _ = try await client.send(request) }
        let serial = try CertificateSummary(contentsOf: folder.path + "/bad.pem").serial
        try revoke([serial])
        try node.reloadCertificates()
        try await bad.closed()
        _ = try await good.send(request)
        #expect(
            node.metrics.factory.page().contains(
                "cadastre_connections_refused_total{listener=\"client\",reason=\"revoked\"} 1\n"
            )
        )
        await #expect(throws: (any Error).self) {
            let again = try await TestClient.connect(
                credentials("bad"),
                port: node.ports.client,
                purpose: .client
            )
            _ = try await again.send(request)
        }
        await node.stop()
    }
}
