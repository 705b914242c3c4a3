import CadastreNode
import CadastreProtocol
import CadastreTLS
import Foundation
import Logging
import RaftCore
import Testing

@testable import CadastreRuntime

/// One node in this process, on loopback, with ports of the kernel's choosing.
@Suite(.serialized)
struct NodeRuntimeTests {
    private let data: TemporaryFolder

    init() throws {
        data = try TemporaryFolder()
    }

    private func plan(_ more: [String] = []) async throws -> NodePlan {
        try NodePlan.read(
            file: TestFolder.shared.path + "/cadastred.json",
            environment: [:],
            flags: [
                "node.directory=\(data.path)/node", "listen.peer=127.0.0.1:0",
                "listen.client=127.0.0.1:0", "listen.administration=127.0.0.1:0",
                "storage.segment_mib=16", "time.heartbeat_ms=20", "time.election_minimum_ms=70",
                "time.election_maximum_ms=100",
            ] + more
        )
    }

    private func start(_ plan: NodePlan) async throws -> NodeRuntime {
        let log = Logger(label: "test") { StructuredLog(label: $0, level: .critical) }
        return try await NodeRuntime.start(plan, log: log) { failure in
            Issue.record("the node failed: \(failure)")
        }
    }

    /// Sends until the node is ready to judge.
    private func send(_ request: RequestMessage, _ client: TestClient) async throws -> ReplyOutcome
    {
        while true {
            let outcome = try await client.send(request).outcome
            switch outcome {
            case .refused(.notReady, _), .refused(.notLeader, _): continue
            case .done, .refused, .unknown: return outcome
            }
        }
    }

    /// Opens a session of so many slots.
    private func session(_ slots: UInt32, _ client: TestClient) async throws -> UInt64 {
        let open = RequestMessage(content: .command(.openSession(OpenSession(slots: slots))))
        let outcome = try await send(open, client)
        guard case .done(.command(let reply)) = outcome else {
            Issue.record("no session: \(outcome)")
            return 0
        }
        return reply.number
    }

    /// A command as the first request in a slot.
    private func command(
        _ command: Command,
        session: UInt64,
        slot: UInt32 = 0,
        tenant: String? = nil
    ) -> RequestMessage {
        RequestMessage(
            identity: .slot(session: session, slot: slot, sequence: 1),
            tenant: tenant.map { Array($0.utf8) },
            content: .command(command)
        )
    }

    @Test
    func `a node is founded, serves, stops cleanly and remembers`() async throws {
        let plan = try await plan()
        try plan.found()
        var node = try await start(plan)
        let boss = try await TestClient.connect(
            "operator",
            port: node.ports.administration,
            purpose: .administration
        )
        let demo = Array("demo".utf8)
        let created = try await send(
            command(
                .createTenant(CreateTenant(name: demo, quota: Quota())),
                session: try await session(1, boss)
            ),
            boss
        )
        guard case .done(.command(let reply)) = created else {
            Issue.record("the tenant was not created: \(created)")
            return
        }
        #expect(reply.number > 0)

        let tenant = try await TestClient.connect(
            "tenant",
            port: node.ports.client,
            purpose: .client
        )
        let own = try await session(101, tenant)
        let create = command(SampleRequests.createBucket, session: own, slot: 100)
        let bucket = try await send(create, tenant)
        #expect(bucket.isDone, "\(bucket)")
        // Many at once, on one connection.
        let puts = (0..<100).map { number in
            command(
                SampleRequests.put(key: "key-\(number)"),
                session: own,
                slot: UInt32(number)
            )
        }
        let outcomes = try await withThrowingTaskGroup(of: ReplyOutcome.self) { group in
            for put in puts { group.addTask { try await tenant.send(put).outcome } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(outcomes.count == 100)
        #expect(outcomes.count { $0.isDone } == 100)

        // Not granted, so it looks absent.
        let service = try await TestClient.connect(
            "service",
            port: node.ports.client,
            purpose: .client
        )
        let forbidden = try await send(
            command(SampleRequests.put, session: try await session(1, service), tenant: "demo"),
            service
        )
        #expect(forbidden == .refused(.notPermitted))

        let page = node.metrics.factory.page()
        #expect(page.contains("cadastre_replies_total{outcome=\"done\"} 105"))
        for kind in ["command", "query", "administration", "http"] {
            #expect(page.contains("cadastre_requests_total{kind=\"\(kind)\"}"), "\(kind)")
        }
        try await boss.close()
        await node.stop()

        node = try await start(plan)
        let again = try await TestClient.connect(
            "tenant",
            port: node.ports.client,
            purpose: .client
        )
        let usage = try await send(
            RequestMessage(content: .query(.getUsage(bucket: SampleRequests.bucket))),
            again
        )
        guard case .done(.query(.usage(let found))) = usage else {
            Issue.record("no usage: \(usage)")
            return
        }
        #expect(found.objects == 100)
        await node.stop()
    }

    @Test
    func `a folder that was not founded, or is in use, or another's, is refused`() async throws {
        let plan = try await plan()
        await expectRefusal(.configuration, "cadastred init") { _ = try await start(plan) }
        try plan.found()
        #expect(throws: NodeError.self) { try plan.found() }
        let node = try await start(plan)
        await expectRefusal(.inUse, "another process") { _ = try await start(plan) }
        await node.stop()

        var genesis = plan.genesis
        genesis.clusterID = .init(high: 1, low: 1)
        let foreign = NodePlan(plan.settings, genesis)
        await expectRefusal(.configuration, "belongs to") { _ = try await start(foreign) }
    }

    @Test
    func `a certificate of another node or use is refused`() async throws {
        let pki = TestFolder.shared.path + "/pki/"
        for (key, name) in [
            ("tls.server", "operator"), ("tls.client", "operator"), ("tls.server", "absent"),
        ] {
            let plan = try await plan([
                "\(key)_certificate=\(pki)\(name).pem", "\(key)_key=\(pki)\(name).key",
            ])
            await expectRefusal(.configuration, name) { _ = try await start(plan) }
        }
    }

    @Test
    func `identities are kept to their listeners`() async throws {
        let plan = try await plan()
        try plan.found()
        let node = try await start(plan)
        let attempts: [(String, Int, Greeting.Purpose)] = [
            ("operator", node.ports.client, .client),
            ("node-client", node.ports.client, .client),
            ("tenant", node.ports.administration, .administration),
            ("service", node.ports.administration, .administration),
            ("tenant", node.ports.peer, .consensus),
            ("operator", node.ports.peer, .consensus),
            // The right identity, and a purpose of another listener.
            ("node-client", node.ports.peer, .client),
        ]
        for (name, port, purpose) in attempts {
            await #expect(throws: (any Error).self) {
                let client = try await TestClient.connect(name, port: port, purpose: purpose)
                _ = try await client.send(RequestMessage(content: .administration(.status)))
            }
        }
        #expect(
            node.metrics.factory.page().contains(
                "cadastre_connections_refused_total{listener=\"client\",reason=\"not_accepted\"} 2"
            )
        )
        await node.stop()
    }

    /// Expects that something is refused with an exit code and a word of advice.
    private func expectRefusal(
        _ code: NodeError.ExitCode,
        _ word: String,
        _ work: () async throws -> Void
    ) async {
        do {
            try await work()
            Issue.record("not refused: \(word)")
        } catch let error as NodeError {
            #expect(error.exitCode == code)
            #expect(error.description.contains(word), "\(error)")
        } catch {
            Issue.record("another error: \(error)")
        }
    }
}

extension ReplyOutcome {
    var isDone: Bool {
        switch self {
        case .done: true
        case .refused, .unknown: false
        }
    }
}
