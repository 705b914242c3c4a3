import Foundation
import Testing

/// Where the cluster may stand, and where it is led from.
extension ClusterTests {
    @Test
    func `leadership goes where the policy wants it, and what breaks the policy is refused`() throws
    {
        let cluster = try RunningCluster(portShift: 2900)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let sites = [1: "fr/paris", 2: "fr/lyon", 3: "fr/lille"]
        let leader = try #require(Int(try cluster.leader()))
        let wanted = leader % 3 + 1
        let site = try #require(sites[wanted])

        let inventory = try Inventory(count: 60_000, in: cluster.folder)
        let importer = try cluster.begin("import", "inventory", inventory.file.path, "--json")
        try cluster.waitForObjects(2_000)
        let change = ["--prefer-leader", site, "--allow-country", "fr", "--survive-site"]
        let set = try cluster.cadastre(as: "operator", ["policy", "set"] + change).output
        #expect(set.contains("Done."), "\(set)")
        try cluster.operate("wait-leader", "--not", "\(leader)", "--timeout", "60")
        #expect(try cluster.leader() == "\(wanted)")
        let report = try importer.end()
        #expect(report.code == 0, "\(report.errors)")
        #expect(try report.json()["acknowledged"] as? Int == 60_000)

        // Whoever is back leads again, and nobody else is asked meanwhile.
        try cluster.cluster("kill", "\(wanted)")
        try cluster.operate("wait-leader", "--not", "\(wanted)", "--timeout", "60")
        try cluster.cluster("restart", "\(wanted)")
        try cluster.operate("wait-leader", "--nodes", "3", "--timeout", "60")
        let other = try #require(Int(try cluster.leader()))
        if other != wanted {
            try cluster.operate("wait-leader", "--not", "\(other)", "--timeout", "60")
        }
        #expect(try cluster.leader() == "\(wanted)")

        func refused(_ words: String, _ arguments: [String]) throws {
            let result = try cluster.cadastre(as: "operator", arguments)
            #expect(result.code != 0 && result.errors.contains(words), "\(result.errors)")
        }
        try refused("is preferred, and not allowed", ["policy", "set", "--allow-country", "de"])
        try refused("spreadBroken", ["member", "remove", "\(leader)"])

        try cluster.cluster("down")
        for node in cluster.nodes { try cluster.cluster("restart", "\(node)") }
        try cluster.expectAgreement()
        let policy = try cluster.operate("policy", "show", "--json").json()
        #expect(policy["allowed_countries"] as? [String] == ["fr"])
        #expect(policy["preferred_leaders"] as? [String] == [site])
        #expect(policy["survives_one_site"] as? Bool == true)
    }
}
