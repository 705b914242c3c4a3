import Foundation
import Testing

/// Two full nodes at two sites, and a witness at a third.
extension ClusterTests {
    @Test
    func `two sites and a witness go on without any one, and lose nothing`() throws {
        let cluster = try RunningCluster(
            portShift: 2900,
            topology: "witness",
            settings: ["CADASTRE_SNAPSHOT_INTERVAL_MIB": "1"]
        )
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")

        // Without the witness: it comes back when the log has forgotten what it lacks.
        try cluster.cluster("kill", "3")
        let first = try Inventory(count: 60_000, in: cluster.folder)
        let report = try cluster.begin("import", "inventory", first.file.path, "--json").end()
        #expect(report.code == 0, "\(report.errors)")
        try cluster.cluster("restart", "3")
        try cluster.expectAgreement()

        // Without the leader, which is killed while writes go on.
        try cluster.serve("bucket", "create", "second")
        let second = cluster.folder.appending(path: "second.csv")
        try String(contentsOf: first.file, encoding: .utf8)
            .replacingOccurrences(of: "\"archive\"", with: "\"second\"")
            .write(to: second, atomically: true, encoding: .utf8)
        let importer = try cluster.begin("import", "inventory", second.path, "--json")
        try cluster.waitForObjects(65_000)
        let leader = try #require(Int(try cluster.leader()))
        #expect(leader != 3)
        try cluster.cluster("kill", "\(leader)")
        let wasRunning = importer.isRunning
        let other = 3 - leader
        #expect(Int(try cluster.leader()) == other)
        let rest = try importer.end()
        #expect(rest.code == 0, "\(rest.errors)")
        // Nobody waited for it: full nodes agree without the witness.
        #expect(try cluster.log(3).contains("the log begins anew"))
        #expect(try rest.json()["acknowledged"] as? Int == 60_000)
        #expect(wasRunning, "the import was over before the leader was lost")

        // And without the other one.
        try cluster.cluster("restart", "\(leader)")
        try waitForAgreement(cluster)
        try cluster.cluster("kill", "\(other)")
        try cluster.serve("bucket", "create", "third")
        try cluster.cluster("restart", "\(other)")
        try cluster.expectAgreement()
        let usage = try cluster.cadastre(as: "service", ["usage", "--json"]).json()
        #expect(usage["objects"] as? Int == 120_000)

        // What it is and what it is not.
        let files = try FileManager.default.subpathsOfDirectory(
            atPath: cluster.folder.appending(path: "3/data").path
        )
        #expect(files.allSatisfy { $0 != "state" && !$0.hasPrefix("snapshots/") }, "\(files)")
        let status = try cluster.operate("status").output
        #expect(status.contains("follower, witness"), "\(status)")
        let list = try cluster.operate("member", "list").output
        #expect(list.contains("witness") && list.contains("Of 3 voters 2 decide."), "\(list)")
        #expect(try cluster.operate("verify").output.contains("Node 3 is a witness"))
        let refused = try cluster.cadastre(as: "operator", ["leader", "transfer", "3"])
        #expect(refused.errors.contains("notAVoter"), "\(refused.errors)")

        // With a new disk it is removed and comes in again.
        let back = try cluster.cluster("replace", "3").output
        #expect(back.contains("witness, new disk"), "\(back)")
        try cluster.expectAgreement()
    }

    /// Compares the digests when whoever needs a snapshot has it, however busy the machine is.
    private func waitForAgreement(_ cluster: RunningCluster) throws {
        let end = Date().addingTimeInterval(120)
        while Date() < end, try cluster.cadastre(as: "operator", ["verify"]).code != 0 {}
        try cluster.expectAgreement()
    }
}
