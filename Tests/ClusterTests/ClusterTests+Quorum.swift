import Foundation
import Testing

/// A quorum that is lost for good.
extension ClusterTests {
    /// Runs a verb of `cadastred` on a node's folder.
    private func recoverQuorum(
        _ node: Int,
        in cluster: RunningCluster,
        _ flags: String...
    ) throws -> Shell.Result {
        let configuration = cluster.folder.appending(path: "\(node)/cadastred.json").path
        return try Shell.run(
            Shell.program("cadastred"),
            ["recover-quorum", "--config", configuration] + flags
        )
    }

    @Test
    func `a survivor goes on alone, others come back empty, and an old disk disturbs nobody`()
        throws
    {
        let cluster = try RunningCluster(portShift: 2500)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let inventory = try Inventory(count: 20_000, in: cluster.folder)
        let report = try cluster.begin("import", "inventory", inventory.file.path, "--json").end()
        #expect(report.code == 0, "\(report.errors)")
        // All of it on every node, so that the survivor has every acknowledged write.
        try cluster.expectAgreement()

        let survivor = try #require(Int(try cluster.leader()))
        let lost = cluster.nodes.filter { $0 != survivor }
        let accepted = "--i-accept-that-acknowledged-writes-may-be-lost"
        #expect(try recoverQuorum(survivor, in: cluster, accepted).code == 73)
        for node in lost { try cluster.cluster("kill", "\(node)") }
        let files = FileManager.default
        func data(_ node: Int, _ name: String = "data") -> URL {
            cluster.folder.appending(path: "\(node)/\(name)")
        }
        try files.moveItem(at: data(lost[0]), to: data(lost[0], "old"))
        try files.removeItem(at: data(lost[1]))
        try cluster.cluster("stop", "\(survivor)")

        #expect(try recoverQuorum(survivor, in: cluster).code == 64)
        let look = try recoverQuorum(survivor, in: cluster, "--dry-run")
        #expect(look.code == 0 && look.output.contains("3 voters of 3"), "\(look)")
        let done = try recoverQuorum(survivor, in: cluster, accepted)
        #expect(done.code == 0 && done.output.contains("1 voters of 1"), "\(done)")
        try cluster.cluster("restart", "\(survivor)")
        #expect(try cluster.leader() == "\(survivor)")
        let exported = try cluster.serve("export", "inventory", "-", "--bucket", "archive").output
        #expect(Inventory.rows(exported) == inventory.rows)
        try cluster.serve("bucket", "create", "afterwards")

        // An old disk, by mistake: it stands for election in vain, and nobody hears it.
        try cluster.cluster("add", "\(lost[1])")
        let before = try cluster.operate("status", "--json").output
        try files.moveItem(at: data(lost[0], "old"), to: data(lost[0]))
        try cluster.cluster("restart", "\(lost[0])")
        try cluster.serve("bucket", "create", "undisturbed")
        #expect(try cluster.leader() == "\(survivor)", "\(before)")
        try cluster.cluster("stop", "\(lost[0])")
        // While it ran it could be the one that was asked, and say what it knows: three.
        let members = try cluster.operate("members", "--json").json()
        #expect(members["voters"] as? Int == 2)
        try files.removeItem(at: data(lost[0]))

        try cluster.cluster("add", "\(lost[0])")
        try cluster.expectAgreement()
        try cluster.serve("bucket", "create", "whole")
    }

    @Test
    func `a database that is damaged while the node is down is rebuilt at its start`() throws {
        let cluster = try RunningCluster(
            portShift: 2600,
            settings: ["CADASTRE_SNAPSHOT_INTERVAL_MIB": "1"]
        )
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let inventory = try Inventory(count: 60_000, in: cluster.folder)
        let report = try cluster.begin("import", "inventory", inventory.file.path, "--json").end()
        #expect(report.code == 0, "\(report.errors)")
        let leader = try cluster.leader()
        let node = try #require(cluster.nodes.first { "\($0)" != leader })
        try cluster.cluster("kill", "\(node)")
        let database = cluster.folder.appending(path: "\(node)/data/state/state.sqlite")
        let handle = try FileHandle(forWritingTo: database)
        try handle.write(contentsOf: Data(repeating: 0x5a, count: 65_536))
        try handle.close()
        try cluster.cluster("restart", "\(node)")
        try cluster.expectAgreement()
        let words = try cluster.log(node)
        #expect(words.contains("state.sqlite.aside"), "\(words.suffix(2_000))")
    }
}
