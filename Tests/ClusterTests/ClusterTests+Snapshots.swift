import Foundation
import Testing

/// Logs that are given back, and nodes that need what was in them.
extension ClusterTests {
    @Test
    func `who was away for longer than the log reaches back gets a snapshot, as who joins`() throws
    {
        let cluster = try RunningCluster(
            portShift: 2400,
            settings: ["CADASTRE_SNAPSHOT_INTERVAL_MIB": "1"]
        )
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let leader = try cluster.leader()
        let away = try #require(cluster.nodes.first { "\($0)" != leader })
        try cluster.cluster("kill", "\(away)")
        let inventory = try Inventory(count: 120_000, in: cluster.folder)
        let report = try cluster.begin("import", "inventory", inventory.file.path, "--json").end()
        #expect(report.code == 0, "\(report.errors)")

        let before = try cluster.log(away).count
        try cluster.cluster("restart", "\(away)")
        try cluster.expectAgreement()
        let words = try cluster.log(away).dropFirst(before)
        #expect(words.contains("fetches a snapshot"), "\(words)")

        try cluster.cluster("add", "4")
        cluster.nodes.append(4)
        try cluster.expectAgreement()
        #expect(try cluster.log(4).contains("fetches a snapshot"))

        let status = try cluster.operate("status", "--json").json()
        let nodes = try #require(status["nodes"] as? [[String: Any]])
        let snapshots = nodes.compactMap { $0["snapshots"] as? [String: Any] }
        #expect(snapshots.count == 4)
        // Who has fetched one has made none of its own yet.
        #expect(snapshots.contains { $0["index"] as? Int ?? 0 > 0 })
        #expect(snapshots.allSatisfy { $0["damages_found"] as? Int == 0 })

        // All begin from their snapshots and what is left of their logs.
        try cluster.cluster("down")
        for node in cluster.nodes { try cluster.cluster("restart", "\(node)") }
        try cluster.expectAgreement()
    }
}
