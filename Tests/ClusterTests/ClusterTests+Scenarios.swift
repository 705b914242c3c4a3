import Foundation
import Testing

/// The scenarios of `Cluster/scenarios`.
extension ClusterTests {
    @Test(.timeLimit(.minutes(10)))
    func `a cluster over five sites grows, loses a site, heals, and loses nothing`() throws {
        let run = Shell.root.appending(path: "Cluster/.run/test-heal").path
        let result = try Shell.run(
            Shell.script("scenarios/heal"),
            ["--json"],
            environment: ["HEAL_RUN": run, "CLUSTER_PORT_SHIFT": "2600"]
        )
        // The end of the story says which step failed.
        #expect(result.code == 0, "\(result.errors.suffix(2_000))")
        let line = try result.json()
        let steps = try #require(line["steps"] as? [[String: Any]])
        #expect(
            steps.compactMap { $0["name"] as? String } == [
                "begin", "grow", "lose_site", "site_returns", "cut_site", "replace_node",
                "damage_journal", "damage_database", "compact", "restart_all", "check",
            ]
        )
        for step in steps { #expect(step["ok"] as? Bool == true, "\(step)") }
        #expect(try #require(line["acknowledged"] as? Int) > 1_000)
        #expect(line["lost"] as? Int == 0)
        #expect(line["wrong"] as? Int == 0)
        #expect(line["digests_equal"] as? Bool == true)
        _ = try Shell.run(Shell.script("cluster"), ["clean"], environment: ["CLUSTER_RUN": run])
    }

    @Test
    func `a scenario that cannot be held says so in JSON too`() throws {
        let result = try Shell.run(Shell.script("scenarios/heal"), ["--json", "--frobnicate"])
        #expect(result.code == 64)
        let line = try result.json()
        #expect(line["lost"] is NSNull)
        #expect((line["steps"] as? [Any])?.isEmpty == true)
    }

    @Test
    func `sites have their distances, and go down, are cut off and come back by their names`()
        throws
    {
        let cluster = try RunningCluster(portShift: 2800, withSites: true)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        // The worst case: what it is given then is undecided, and its client is to be sent on.
        if try cluster.leader() != "2" { try cluster.operate("leader", "transfer", "2") }
        #expect(try cluster.cluster("status").output.contains("Between sites: no cuts"))
        #expect(try cluster.cluster("cut", "lyon", "out").output == "lyon out\n")
        #expect(try cluster.cluster("status").output.contains("Between sites: lyon out"))
        try cluster.serve("object", "put", "archive", "without-lyon", "--size", "1")
        #expect(try cluster.cluster("mend", "lyon").output == "no cuts\n")
        let unknown = try cluster.attempt("cut", "nice")
        #expect(unknown.code == 64 && unknown.errors.contains("there is no site nice"))

        #expect(try cluster.cluster("site-down", "lille").output == "Site lille is down: node 3\n")
        try cluster.serve("object", "put", "archive", "without-lille", "--size", "1")
        try cluster.cluster("site-up", "lille")
        #expect(try cluster.attempt("site-down", "nice").errors.contains("lille lyon paris"))
        try cluster.expectAgreement()
        try cluster.cluster("down")
        #expect(try cluster.attempt("cut", "lyon").code == 69)
    }
}
