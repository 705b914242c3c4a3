import Foundation
import Testing

/// Real processes and real disks, tortured by `Cluster/scenarios/torture`.
extension ClusterTests {
    private static let tortures = [
        "kill_one", "kill_all", "pause_leader", "one_way", "no_quorum", "partial", "power_one",
        "power_all", "fail_sync", "fail_write", "fill", "slow_disk", "clocks",
    ]

    @Test(.timeLimit(.minutes(12)))
    func `killed, cut off, without power, with bad disks and clocks, a cluster loses nothing`()
        throws
    {
        let run = Shell.root.appending(path: "Cluster/.run/test-torture").path
        let result = try Shell.run(
            Shell.script("scenarios/torture"),
            ["--json"],
            environment: ["TORTURE_RUN": run, "CLUSTER_PORT_SHIFT": "3000"]
        )
        // The end of the story says which step failed, and the seed.
        #expect(result.code == 0, "\(result.errors.suffix(3_000))")
        let line = try result.json()
        let skipped = try #require(line["skipped"] as? [String: String])
        let steps = try #require(line["steps"] as? [[String: Any]])
        #expect(
            steps.compactMap { $0["name"] as? String }
                == ["begin"] + Self.tortures + ["histories", "check"]
        )
        for step in steps {
            let name = try #require(step["name"] as? String)
            if let reason = skipped[name] {
                // Said by name where a machine lacks what it takes; nothing else may be missing.
                print("torture skipped \(name): \(reason)")
                #expect(!reason.isEmpty && step["ok"] is NSNull && step["count"] as? Int == 0)
            } else {
                #expect(step["ok"] as? Bool == true, "\(step)")
            }
        }
        #expect(try #require(line["kills"] as? Int) >= 50)
        if skipped["power_one"] == nil { #expect(line["power_cuts"] as? Int == 20) }
        #expect(try #require(line["acknowledged"] as? Int) > 5_000)
        #expect(line["lost"] as? Int == 0)
        #expect(line["wrong"] as? Int == 0)
        #expect(line["surprises"] as? Int == 0, "a node ended in a way that nobody expected")
        #expect(line["digests_equal"] as? Bool == true)
        if skipped["histories"] == nil { #expect(line["linearizable"] as? Bool == true) }
        _ = try Shell.run(Shell.script("cluster"), ["clean"], environment: ["CLUSTER_RUN": run])
    }

    @Test
    func `a torture that nobody knows is named, in JSON too`() throws {
        let result = try Shell.run(Shell.script("scenarios/torture"), ["--json", "flood"])
        #expect(result.code == 64)
        #expect(result.errors.contains("unknown argument flood"))
        for name in Self.tortures { #expect(result.errors.contains(name)) }
        #expect(try result.json()["lost"] is NSNull)
    }
}
