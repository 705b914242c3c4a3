import Foundation
import Testing

/// Nodes that come and go while writes go on.
extension ClusterTests {
    @Test
    func `a cluster grows to five, loses its leader, and takes a node with a new disk back`()
        throws
    {
        let cluster = try RunningCluster(portShift: 2300)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let inventory = try Inventory(count: 150_000, in: cluster.folder)
        let importer = try cluster.begin("import", "inventory", inventory.file.path, "--json")
        try cluster.waitForObjects(5_000)

        let plan = try cluster.operate("member", "remove", "3", "--dry-run").output
        #expect(plan.contains("Voters 3 → 2, quorum 2 → 2"), "\(plan)")
        for node in [4, 5] {
            let added = try cluster.cluster("add", "\(node)").output
            #expect(added.contains("Voters \(node - 1) → \(node)"), "\(added)")
            cluster.nodes.append(node)
        }
        let leader = try #require(Int(try cluster.leader()))
        let wasRunning = importer.isRunning
        let removed = try cluster.cluster("remove", "\(leader)").output
        #expect(removed.contains("Voters 5 → 4, quorum 3 → 3"), "\(removed)")
        cluster.nodes.removeAll { $0 == leader }

        let follower = try #require(cluster.nodes.first { "\($0)" != (try? cluster.leader()) })
        try cluster.cluster("kill", "\(follower)")
        let back = try cluster.cluster("replace", "\(follower)").output
        #expect(back.contains("voter, new disk"), "\(back)")
        #expect(wasRunning, "the import was over before the members changed")
        let report = try importer.end()
        #expect(report.code == 0, "\(report.errors)")
        #expect(try report.json()["acknowledged"] as? Int == 150_000)

        // Again, as one does who lost the answer.
        let again = try cluster.cluster("add", "\(follower == 5 ? 4 : 5)").output
        #expect(again.contains("It is so already."), "\(again)")
        let list = try cluster.operate("members", "--json").json()
        #expect(list["voters"] as? Int == 4 && list["quorum"] as? Int == 3)
        let members = try #require(list["members"] as? [[String: Any]])
        #expect(members.compactMap { $0["id"] as? Int } == cluster.nodes)
        let unknown = try cluster.cadastre(as: "operator", ["member", "remove", "9"])
        #expect(unknown.code == 66 && unknown.errors.contains("noSuchMember"), "\(unknown.errors)")
        try cluster.expectAgreement()
    }
}
