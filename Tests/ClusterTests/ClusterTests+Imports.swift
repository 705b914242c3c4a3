import Foundation
import Testing

/// The demo, and imports that meet trouble.
extension ClusterTests {
    /// A folder with this many small files, and one whose path is too long for a key.
    private func tree(_ name: String, count: Int) throws -> URL {
        let folder = Shell.root.appending(path: "Cluster/.run/\(name)")
        let manager = FileManager.default
        try? manager.removeItem(at: folder)
        let deep = (0..<8).reduce(folder) { place, _ in
            place.appending(path: String(repeating: "d", count: 140))
        }
        try manager.createDirectory(at: deep, withIntermediateDirectories: true)
        try Data().write(to: deep.appending(path: "file"))
        for number in 0..<count {
            let file = folder.appending(path: "file \(number).txt")
            try Data("\(number)".utf8).write(to: file)
        }
        return folder
    }

    @Test
    func `the demo kills the leader half-way and names a file that cannot be registered`() throws {
        let folder = try tree("test-tree", count: 1_500)
        let run = Shell.root.appending(path: "Cluster/.run/test-demo").path
        let environment = ["DEMO_RUN": run, "CLUSTER_PORT_SHIFT": "1500"]
        let link = folder.path + "-link"
        try? FileManager.default.removeItem(atPath: link)
        try FileManager.default.createSymbolicLink(
            atPath: link,
            withDestinationPath: folder.path
        )
        let result = try Shell.run(
            Shell.script("demo"),
            [link, "--json"],
            environment: environment
        )
        #expect(result.code == 0, "\(result.errors)")
        let line = try result.json()
        #expect(
            Set(line.keys) == [
                "objects", "acknowledged", "lost", "wrong", "digests_equal", "write_gap_ms",
                "seconds",
            ]
        )
        #expect(line["objects"] as? Int == 1_501)
        #expect(line["acknowledged"] as? Int == 1_500)
        #expect(line["lost"] as? Int == 0)
        #expect(line["wrong"] as? Int == 0)
        #expect(line["digests_equal"] as? Bool == true)
        let kill = try #require(
            result.errors.firstMatch(of: /was killed with SIGKILL after (\d+) of 1501 files/),
            "\(result.errors)"
        )
        let atKill = try #require(Int(kill.output.1))
        #expect(751..<1_500 ~= atKill)
        let gap = try #require(line["write_gap_ms"] as? Int)
        #expect(1..<5_000 ~= gap)
        #expect(result.errors.contains("the key has more than 1024 bytes"))
        #expect(result.errors.contains("1 files could not be registered"))
        _ = try Shell.run(
            Shell.script("cluster"),
            ["clean"],
            environment: ["CLUSTER_RUN": run]
        )
    }

    @Test(arguments: [("/nonexistent", 66), ("--frobnicate", 64)])
    func `a demo that cannot be held says so in JSON too`(_ argument: String, code: Int) throws {
        let result = try Shell.run(Shell.script("demo"), [argument, "--json"])
        #expect(Int(result.code) == code)
        let line = try result.json()
        #expect(line["objects"] is NSNull)
        #expect(line["digests_equal"] is NSNull)
        #expect(line["seconds"] is NSNumber)
    }

    @Test
    func `an import that was stopped goes on where it was`() throws {
        let cluster = try RunningCluster(portShift: 1600)
        try cluster.admit()
        let folder = try tree("test-resume", count: 3_000)
        let record = cluster.folder.appending(path: "record").path
        let words = ["import", "directory", folder.path, "--bucket", "archive", "--json"]
        let first = try Running(
            Shell.program("cadastre"),
            words + ["--record", record, "--in-flight", "1"]
                + ["--profile", cluster.profile("service")]
        )
        try cluster.waitForObjects(20)
        first.signal(SIGINT)
        let stopped = try first.end()
        #expect(stopped.code == 130, "\(stopped.errors)")
        let acknowledged = try #require(try stopped.json()["acknowledged"] as? Int)
        #expect(20..<3_000 ~= acknowledged)
        let second = try cluster.cadastre(as: "service", words + ["--record", record])
        #expect(second.code == 65)
        #expect(try second.json()["skipped_recorded"] as? Int == acknowledged)
        #expect(try second.json()["acknowledged"] as? Int == 3_000 - acknowledged)
        let third = try cluster.cadastre(as: "service", words + ["--if-absent"])
        #expect(try third.json()["skipped_existing"] as? Int == 3_000)
        #expect(try third.json()["acknowledged"] as? Int == 0)
        let compared = try cluster.cadastre(
            as: "service",
            [
                "compare", "directory", folder.path, "--bucket", "archive", "--acknowledged",
                record,
            ]
        )
        #expect(compared.code == 0, "\(compared.errors)")
    }

    @Test(.timeLimit(.minutes(2)))
    func `an import that loses its cluster gives up after its patience and says so`() throws {
        let cluster = try RunningCluster(portShift: 1900)
        try cluster.admit()
        let folder = try tree("test-lost", count: 3_000)
        let importer = try cluster.begin(
            "import",
            "directory",
            folder.path,
            "--bucket",
            "archive",
            "--in-flight",
            "4",
            "--patience",
            "2",
            "--json"
        )
        try cluster.waitForObjects(20)
        for node in cluster.nodes { try cluster.cluster("kill", "\(node)") }
        let ended = try importer.end()
        // Nothing happened, or nobody knows: as it was with the first that had no answer.
        #expect([69, 75].contains(ended.code), "\(ended.errors)")
        let report = try ended.json()
        #expect((report["error"] as? [String: Any])?["code"] as? Int == Int(ended.code))
        let objects = try #require(report["objects"] as? Int)
        #expect(20..<3_000 ~= objects)
        let rest = try #require(report["failed"] as? Int) + #require(report["unknown"] as? Int)
        // The four on their way, and the file that no key can name.
        #expect(2...5 ~= rest)
        #expect(try #require(report["acknowledged"] as? Int) + rest <= objects)
    }

    @Test
    func `one bucket that cannot be had costs its own lines alone`() throws {
        let cluster = try RunningCluster(portShift: 1700)
        try cluster.admit()
        try cluster.operate("tenant", "create", "other")
        try cluster.operate("grant", "add", "other", "demo-service")
        try cluster.serve("bucket", "create", "theirs", "--tenant", "other")
        let lines = [
            "Size,Bucket,Key", "1,archive,a%FFb", "2,theirs,b", "3,Not_A_Bucket,c", "4,theirs,d",
            "5,archive,\"e", "6,archive,f", "7,archive,g",
        ]
        let file = cluster.folder.appending(path: "lines.csv")
        try lines.joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
        let result = try cluster.cadastre(
            as: "service",
            ["import", "inventory", file.path, "--json"]
        )
        #expect(result.code == 65)
        #expect(try result.json()["acknowledged"] as? Int == 3)
        #expect(try result.json()["bad_lines"] as? Int == 4)
        for line in ["line 3: ", "line 4: ", "line 5: ", "line 6: a quoted field is not closed"] {
            #expect(result.errors.contains(line), "\(result.errors)")
        }
        try cluster.serve("object", "get", "archive", "a%FFb", "--key-encoded")
        try cluster.serve("object", "delete", "archive", "a%FFb", "--key-encoded")
    }

    @Test
    func `digests are compared while writes go on, and when they end`() throws {
        let cluster = try RunningCluster(portShift: 1800)
        try cluster.admit()
        let bench = try cluster.begin("bench", "put", "--seconds", "3", "--warm-up", "0", "--json")
        try cluster.waitForObjects(100)
        let verified = try cluster.cadastre(as: "operator", ["verify", "--attempts", "500"])
        #expect(verified.code == 0, "\(verified.output)\(verified.errors)")
        let report = try bench.end()
        #expect(report.code == 0, "\(report.errors)")
        // The profile names who may ask the nodes.
        let nodes = try #require(try report.json()["nodes"] as? [[String: Any]])
        #expect(nodes.count == 3)
        #expect(nodes.allSatisfy { ($0["resident_bytes"] as? Int ?? 0) > 0 })
        #expect(try report.json()["cpu_ms_per_1000_operations"] is NSNumber)
    }
}
