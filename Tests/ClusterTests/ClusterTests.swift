import Foundation
import Testing

/// Real processes, real sockets, real disks, through `Cluster/`.
@Suite(.enabled(if: Shell.isAsked), .serialized)
struct ClusterTests {
    @Test
    func `an inventory imported while the leader dies comes back the same`() throws {
        let cluster = try RunningCluster(portShift: 700)
        try cluster.serve("bucket", "create", "archive")
        let inventory = try Inventory(count: 60_000, in: cluster.folder)
        let importer = Process()
        importer.executableURL = URL(filePath: Shell.program("cadastre"))
        importer.arguments = [
            "import", "inventory", inventory.file.path, "--profile",
            cluster.folder.appending(path: "service.json").path,
        ]
        importer.standardError = FileHandle.nullDevice
        importer.standardOutput = FileHandle.nullDevice
        try importer.run()
        try waitForObjects(10_000, in: cluster)
        let leader = try cluster.leader()
        try cluster.cluster("kill", leader)
        importer.waitUntilExit()
        #expect(importer.terminationStatus == 0)
        try cluster.cluster("restart", leader)
        let exported = try cluster.serve("export", "inventory", "-", "--bucket", "archive").output
        #expect(Inventory.rows(exported) == inventory.rows)
        try cluster.operate("wait-leader", "--nodes", "3", "--timeout", "60")
        try cluster.operate("verify")

        try cluster.cluster("down")
        for node in cluster.nodes { try expectWholeDatabase(of: node, in: cluster) }
    }

    @Test
    func `what a stranger may say to a listener is nothing`() throws {
        let cluster = try RunningCluster(portShift: 800)
        let root = cluster.folder.appending(path: "pki/root.pem").path
        for port in ["22001", "22101"] {
            for options in [[], ["-tls1_2"]] {
                let result = try Shell.run(
                    "/usr/bin/openssl",
                    ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", root] + options,
                    input: "GET /metrics HTTP/1.1\r\n\r\n"
                )
                #expect(!result.output.contains("HTTP/1.1"), "port \(port) \(options)")
                #expect(
                    result.errors.contains("alert") || result.output.contains("alert"),
                    "port \(port) \(options): \(result.errors)"
                )
            }
        }
        let service = try Shell.run(
            "/usr/bin/openssl",
            [
                "s_client", "-connect", "127.0.0.1:22001", "-CAfile", root, "-tls1_2",
                "-cert", cluster.folder.appending(path: "pki/service.pem").path,
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

        let journal = cluster.folder.appending(path: "2/data/journal")
        let segment = try #require(
            try FileManager.default.contentsOfDirectory(atPath: journal.path).sorted().first
        )
        let file = try FileHandle(forUpdating: journal.appending(path: segment))
        try file.seek(toOffset: 4_300)
        try file.write(contentsOf: Data([0xDE, 0xAD, 0xBE, 0xEF]))
        try file.close()
        let damaged = try start()
        #expect(damaged.code == 65)
        #expect(damaged.errors.contains(segment))
    }

    /// Waits until the leader has applied this many objects.
    private func waitForObjects(_ count: Int, in cluster: RunningCluster) throws {
        let end = Date().addingTimeInterval(60)
        while Date() < end {
            let status = try cluster.cadastre(as: "service", ["usage", "--json"]).output
            let objects = status.firstMatch(of: /"objects" ?: ?(\d+)/).flatMap { Int($0.output.1) }
            if let objects, objects >= count { return }
        }
        Issue.record("the import does not get on")
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
