import CadastreNode
import CadastreProtocol
import CadastreTLS
import Foundation
import Logging
import RaftCore
import TestLanes
import Testing

@testable import CadastreRuntime

/// A node whose journal is damaged gets it back from the others, on loopback.
@Suite(.heavy)
struct JournalMendingTests {
    private static let quiet = Logger(label: "test") { StructuredLog(label: $0, level: .critical) }

    /// Changes bytes in the first segment of a stopped node's journal.
    private func damage(_ plan: NodePlan, at offsets: [UInt64]) throws {
        let path =
            plan.settings.directory + "/journal/journal-00000000000000000001.cadastre"
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        for offset in offsets {
            try file.seek(toOffset: offset)
            try file.write(contentsOf: Data([0xDE, 0xAD, 0xBE, 0xEF]))
        }
        try file.close()
    }

    /// Starts one node, which must be refused.
    private func refusal(_ plan: NodePlan) async -> NodeError? {
        do throws(NodeError) {
            let node = try await NodeRuntime.start(plan, log: Self.quiet) { _ in }
            await node.stop()
            return nil
        } catch {
            return error
        }
    }

    @Test
    func `with two of three nodes there, the damaged one is mended before there is a leader`()
        async throws
    {
        let cluster = try await ThreeNodes()
        for plan in cluster.plans { try plan.found() }
        let nodes = try await ThreeNodes.start(cluster.plans)
        /// Gets some writes done, whoever leads meanwhile.
        func write(_ nodes: [NodeRuntime]) async throws {
            var done = 0
            while done < 10 {
                let leader = try await ThreeNodes.leader(of: nodes)
                let boss = try await TestClient.connect(
                    cluster.operator,
                    port: leader.ports.administration,
                    purpose: .administration
                )
                let open = RequestMessage(content: .command(.openSession(OpenSession(slots: 1))))
                while done < 10, try await boss.send(open).outcome.isDone { done += 1 }
            }
        }
        try await write(nodes)
        for node in nodes { await node.stop() }

        let damaged = cluster.plans[2]
        try damage(damaged, at: [4_300, 4_096 * 4 + 30])
        #expect(await refusal(damaged)?.exitCode == .damaged)
        // The other has no quorum, so nobody leads: it answers from its journal all the same.
        let other = try #require(try await ThreeNodes.start([cluster.plans[0]]).first)
        #expect(try await JournalMending.run(damaged, log: Self.quiet))
        #expect(!other.isLeader)
        let mended = try #require(try await ThreeNodes.start([damaged]).first)
        try await write([other, mended])
        let leader = try await ThreeNodes.leader(of: [other, mended])
        func status(_ node: NodeRuntime) async throws -> CadastreProtocol.NodeStatus? {
            let boss = try await TestClient.connect(
                cluster.operator,
                port: node.ports.administration,
                purpose: .administration
            )
            let reply = try await boss.send(RequestMessage(content: .administration(.status)))
            guard case .done(.administration(.status(let status))) = reply.outcome else {
                return nil
            }
            return status
        }
        let follower = leader === other ? mended : other
        while true {
            let (one, two) = (try await status(leader), try await status(follower))
            guard let one, let two, one.appliedIndex == two.appliedIndex else { continue }
            #expect(one.digest == two.digest)
            break
        }
        for node in [other, mended] { await node.stop() }
        let names = try FileManager.default.contentsOfDirectory(
            atPath: damaged.settings.directory + "/journal.damaged"
        )
        #expect(names.contains("journal-00000000000000000001.cadastre"))
    }

    @Test
    func `what cannot be proven is refused, with what to do, and a stop ends the waiting`()
        async throws
    {
        let cluster = try await ThreeNodes()
        for plan in cluster.plans { try plan.found() }
        let nodes = try await ThreeNodes.start(cluster.plans)
        _ = try await ThreeNodes.leader(of: nodes)
        for node in nodes { await node.stop() }
        // Nobody else is there: it waits until it is told to stop, and nothing has changed.
        let alone = cluster.plans[1]
        try damage(alone, at: [4_300])
        let waiting = Task { try await JournalMending.run(alone, log: Self.quiet) }
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        #expect(await refusal(alone)?.exitCode == .damaged)

        let lost = cluster.plans[2]
        try damage(lost, at: [40])
        let error = await #expect(throws: NodeError.self) {
            try await JournalMending.run(lost, log: Self.quiet)
        }
        #expect(error?.exitCode == .damaged)
        #expect(error?.description.contains("cadastre member replace") == true)
        #expect(await refusal(lost)?.exitCode == .damaged)
    }
}
