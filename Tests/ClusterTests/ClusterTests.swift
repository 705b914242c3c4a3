import Foundation
import Testing

/// Real processes, real sockets, real disks, through `Cluster/`.
@Suite(.enabled(if: Shell.isAsked), .serialized)
struct ClusterTests {
    @Test
    func `an inventory imported while the leader dies comes back the same`() throws {
        let cluster = try RunningCluster(portShift: 700)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let inventory = try Inventory(count: 60_000, in: cluster.folder)
        let leader = try cluster.leader()
        let importer = try cluster.begin("import", "inventory", inventory.file.path, "--json")
        try cluster.waitForObjects(5_000)
        let wasRunning = importer.isRunning
        try cluster.cluster("kill", leader)
        #expect(wasRunning && importer.isRunning, "the import was over before the kill")
        let report = try importer.end()
        #expect(report.code == 0, "\(report.errors)")
        #expect(try report.json()["acknowledged"] as? Int == 60_000)
        let gap = try #require(try report.json()["longest_gap_ms"] as? Int)
        #expect(gap < 5_000, "writes stood still for \(gap) ms")
        try cluster.cluster("restart", leader)
        let exported = try cluster.serve("export", "inventory", "-", "--bucket", "archive").output
        #expect(Inventory.rows(exported) == inventory.rows)
        try cluster.expectAgreement()

        try cluster.cluster("down")
        for node in cluster.nodes { try expectWholeDatabase(of: node, in: cluster) }
    }

    @Test
    func `what a stranger may say to a listener is nothing`() throws {
        let cluster = try RunningCluster(portShift: 800)
        let root = cluster.folder.appending(path: "pki/root.pem").path
        /// What the program says until the node has closed the connection, which it must.
        func connect(_ port: String, _ options: [String]) throws -> Shell.Result {
            try Shell.run(
                "/usr/bin/timeout",
                ["20", "/usr/bin/openssl", "s_client", "-connect", "127.0.0.1:\(port)"]
                    + ["-ign_eof", "-CAfile", root] + options,
                input: "GET /metrics HTTP/1.1\r\n\r\n"
            )
        }
        for port in ["22001", "22101"] {
            for options in [[], ["-tls1_2"]] {
                let result = try connect(port, options)
                #expect(result.code != 124, "port \(port) \(options) stays open")
                #expect(!result.output.contains("HTTP/1.1"), "port \(port) \(options)")
                #expect(
                    result.errors.contains("alert") || result.output.contains("alert"),
                    "port \(port) \(options): \(result.errors)"
                )
            }
        }
        let service = try connect(
            "22001",
            [
                "-tls1_2", "-cert", cluster.folder.appending(path: "pki/service.pem").path,
                "-key", cluster.folder.appending(path: "pki/service.key").path,
            ]
        )
        #expect(service.errors.contains("alert protocol version"))
    }

    @Test
    func `a node that may not start says why and what to do, and touches nothing`() throws {
        let cluster = try RunningCluster(portShift: 900)
        let configuration = cluster.folder.appending(path: "2/cadastred.json")
        func start() throws -> Shell.Result {
            try Shell.run(Shell.program("cadastred"), ["run", "--config", configuration.path])
        }
        let second = try start()
        #expect(second.code == 73)
        #expect(second.errors.contains("2/data"))
        try cluster.cluster("stop", "2")

        let text = try String(contentsOf: configuration, encoding: .utf8)
        try text.replacingOccurrences(of: "\"listen\"", with: "\"listne\"")
            .write(to: configuration, atomically: true, encoding: .utf8)
        let misspelt = try start()
        #expect(misspelt.code == 78)
        #expect(misspelt.errors.contains("listne"))

        try text.replacingOccurrences(of: "/2/data", with: "/3/data")
            .write(to: configuration, atomically: true, encoding: .utf8)
        try cluster.cluster("stop", "3")
        let foreign = try start()
        #expect(foreign.code == 78)
        #expect(foreign.errors.contains("belongs to node 3"))
        try text.write(to: configuration, atomically: true, encoding: .utf8)

        let segment = try segment(of: 2, in: cluster)
        // The head of the only segment: nothing says what the node had promised.
        try damage(segment, at: 60)
        let damaged = try start()
        #expect(damaged.code == 65)
        #expect(damaged.errors.contains(segment.lastPathComponent))
        #expect(damaged.errors.contains("cadastre member replace"))
    }

    @Test
    func `a journal shows its commands, and its damage wherever that is`() throws {
        let cluster = try RunningCluster(portShift: 1000)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        try cluster.serve("object", "put", "archive", "a/b", "--size", "5")
        try cluster.cluster("down")
        let segment = try segment(of: 1, in: cluster)
        func show() throws -> Shell.Result {
            try Shell.run(
                Shell.program("cadastre"),
                ["log", "show", segment.path, "--commands", "--json"]
            )
        }
        let whole = try show()
        #expect(whole.code == 0, "\(whole.errors)")
        let batches = try #require(try whole.json()["batches"] as? [[String: Any]])
        let records = batches.flatMap { $0["records"] as? [[String: Any]] ?? [] }
        let commands = records.flatMap { $0["command_list"] as? [[String: Any]] ?? [] }
        #expect(commands.contains { ($0["detail"] as? String) == "archive/a/b 5 bytes" })

        let offsets = batches.compactMap { $0["offset"] as? Int }
        let last = try #require(offsets.last)
        try damage(segment, at: UInt64(last + 20))
        let torn = try show()
        #expect(torn.code == 65)
        #expect(torn.errors.contains("not known to have been durable"))
        try damage(segment, at: UInt64(offsets[0] + 20))
        let damaged = try show()
        #expect(damaged.code == 65)
        #expect(damaged.errors.contains("were durable once"))
    }

    /// The first segment of a node's journal.
    func segment(of node: Int, in cluster: RunningCluster) throws -> URL {
        let journal = cluster.folder.appending(path: "\(node)/data/journal")
        let names = try FileManager.default.contentsOfDirectory(atPath: journal.path)
        return journal.appending(path: try #require(names.sorted().first))
    }

    func damage(_ file: URL, at offset: UInt64) throws {
        let file = try FileHandle(forUpdating: file)
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data([0xDE, 0xAD, 0xBE, 0xEF]))
        try file.close()
    }

    /// Checks a copy of a node's database and its log with the system's own SQLite.
    private func expectWholeDatabase(of node: Int, in cluster: RunningCluster) throws {
        let state = cluster.folder.appending(path: "\(node)/data/state")
        let copy = cluster.folder.appending(path: "copy-\(node)")
        try FileManager.default.copyItem(at: state, to: copy)
        let result = try Shell.run(
            "/usr/bin/sqlite3",
            [
                "-readonly", copy.appending(path: "state.sqlite").path,
                "PRAGMA integrity_check; SELECT count(*) > 0 FROM sqlite_schema;",
            ]
        )
        #expect(result.output == "ok\n1\n", "node \(node): \(result.errors)")
    }
}
