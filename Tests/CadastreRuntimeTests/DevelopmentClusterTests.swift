import CadastreNode
import CadastreProtocol
import CadastreTLS
import Foundation
import Logging
import RaftCore
import Testing

@testable import CadastreRuntime

@Suite
struct DevelopmentClusterTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private var directory: String { folder.path + "/dev" }

    /// A node of the cluster, on ports of the kernel's choosing.
    private func start(_ cluster: DevelopmentCluster) async throws -> NodeRuntime {
        let plan = try NodePlan.read(
            file: cluster.configurationPath,
            environment: [:],
            flags: [
                "listen.peer=127.0.0.1:0", "listen.client=127.0.0.1:0",
                "listen.administration=127.0.0.1:0", "storage.segment_mib=16",
                "time.heartbeat_ms=20", "time.election_minimum_ms=70",
                "time.election_maximum_ms=100",
            ]
        )
        if cluster.isNew { try plan.found() }
        let log = Logger(label: "test") {
            StructuredLog(label: $0, level: .critical, sink: { _ in })
        }
        return try await NodeRuntime.start(plan, log: log) { failure in
            Issue.record("the node failed: \(failure)")
        }
    }

    private func client(
        _ name: String,
        _ port: Int,
        _ purpose: Greeting.Purpose
    ) async throws -> TestClient {
        let credentials = Credentials(
            certificate: "\(directory)/pki/\(name).pem",
            key: "\(directory)/pki/\(name).key",
            roots: ["\(directory)/pki/root.pem"]
        )
        return try await TestClient.connect(credentials, port: port, purpose: purpose)
    }

    /// Does a command in a session of its own.
    private func run(
        _ command: Command,
        _ client: TestClient,
        tenant: String? = nil
    ) async throws -> ReplyOutcome {
        let open = RequestMessage(content: .command(.openSession(OpenSession(slots: 1))))
        guard case .done(.command(let session)) = try await client.send(open).outcome else {
            Issue.record("no session")
            return .unknown
        }
        return try await client.send(
            RequestMessage(
                identity: .slot(session: session.number, slot: 0, sequence: 1),
                tenant: tenant.map { Array($0.utf8) },
                content: .command(command)
            )
        ).outcome
    }

    @Test
    func `what it tells people to try works at once, and again after a restart`() async throws {
        for round in 1...2 {
            let cluster = try DevelopmentCluster(directory: directory, port: 7_400)
            #expect(cluster.isNew == (round == 1))
            let node = try await start(cluster)
            try await cluster.prepare(node)
            for name in ["operator", "tenant"] {
                let profile = "\(directory)/\(name).json"
                #expect(cluster.advice.contains(profile))
                #expect(FileManager.default.fileExists(atPath: profile))
            }
            // cadastre status --profile …/operator.json
            let boss = try await client("operator", node.ports.administration, .administration)
            let status = try await boss.send(RequestMessage(content: .administration(.status)))
            #expect(status.outcome.isDone)
            // cadastre bucket create first --profile …/tenant.json
            let tenant = try await client("tenant", node.ports.client, .client)
            let bucket = Command.createBucket(CreateBucket(name: Array("first".utf8)))
            let created = try await run(bucket, tenant)
            #expect(round == 1 ? created.isDone : created == .refused(.bucketOwnedByYou))
            // cadastre import directory . --bucket first --profile …/tenant.json
            let own = try await run(Self.put("a/b"), tenant)
            #expect(own.isDone)
            // The service may act for the tenant too.
            let service = try await client("service", node.ports.client, .client)
            let granted = try await run(Self.put("c"), service, tenant: "demo")
            #expect(granted.isDone)
            await node.stop()
        }
    }

    private static func put(_ key: String) -> Command {
        guard case .putObject(var put) = SampleRequests.put(key: key) else {
            preconditionFailure("a put is a put")
        }
        put.bucket = Array("first".utf8)
        return .putObject(put)
    }

    @Test
    func `a path with spaces and quotes is one word of a command`() throws {
        let cluster = try DevelopmentCluster(directory: directory + " it's", port: 7_400)
        let word = "'\(directory) it'\\''s/tenant.json'"
        #expect(cluster.advice.contains("create first --profile \(word)\n"))
    }

    @Test(arguments: ["data", "pki", "genesis.json", "cadastred.json"])
    func `a folder of somebody else is refused, and nothing in it touched`(_ name: String) throws {
        let files = FileManager.default
        let path = directory + "/" + name
        try files.createDirectory(atPath: directory, withIntermediateDirectories: true)
        if name.contains(".") {
            try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
        } else {
            try files.createDirectory(atPath: path + "/mine", withIntermediateDirectories: true)
        }
        do {
            _ = try DevelopmentCluster(directory: directory, port: 7_400)
            Issue.record("taken over")
        } catch let error as NodeError {
            #expect(error.exitCode == .inUse)
            #expect(error.description.contains(path))
        }
        #expect(try files.contentsOfDirectory(atPath: directory) == [name])
        if !name.contains(".") { #expect(files.fileExists(atPath: path + "/mine")) }
    }

    @Test
    func `a folder made by half is refused, and nothing in it touched`() throws {
        let files = FileManager.default
        _ = try DevelopmentCluster(directory: directory, port: 7_400)
        try files.removeItem(atPath: directory + "/cadastred.json")
        try files.createDirectory(atPath: directory + "/data", withIntermediateDirectories: true)
        let before = try files.subpathsOfDirectory(atPath: directory).sorted()
        do {
            _ = try DevelopmentCluster(directory: directory, port: 7_400)
            Issue.record("made anew")
        } catch let error as NodeError {
            #expect(error.exitCode == .inUse)
            #expect(error.description.contains("remove it"))
        }
        #expect(try files.subpathsOfDirectory(atPath: directory).sorted() == before)
    }
}
