import Foundation
import Testing

/// The scripts of `Cluster/` and the words of the README.
extension ClusterTests {
    @Test
    func `nodes are killed, paused and started by their numbers, and by nothing else`() throws {
        let cluster = try RunningCluster(portShift: 1100)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")

        let leader = try cluster.leader()
        try cluster.cluster("pause", leader)
        let other = try cluster.operate("wait-leader", "--not", leader, "--timeout", "30").output
        try cluster.serve("object", "put", "archive", "while-paused", "--size", "1")
        try cluster.cluster("resume", leader)
        let follower = other.trimmingCharacters(in: .whitespacesAndNewlines) == "1" ? "2" : "1"
        try cluster.cluster("kill", follower)
        let again = try cluster.attempt("kill", follower)
        #expect(again.code == 69)
        #expect(again.errors.contains("node \(follower) does not run; start it with"))
        #expect(again.errors.split(separator: "\n").count == 1)

        // The number in an old file is another program's by now, which must not be touched.
        let stranger = try Running("/bin/sleep", ["60"])
        defer { stranger.signal(SIGKILL) }
        let pid = cluster.folder.appending(path: "\(follower)/pid")
        try "\(stranger.processIdentifier)\n".write(to: pid, atomically: true, encoding: .utf8)
        #expect(try cluster.attempt("kill", follower).code == 69)
        #expect(stranger.isRunning)
        try cluster.cluster("restart", follower)
        #expect(stranger.isRunning)
        try cluster.serve("object", "get", "archive", "while-paused")
        try cluster.expectAgreement()

        let five = try cluster.attempt("up", "5")
        #expect(five.code == 73)
        #expect(five.errors.contains("holds a cluster of 3 nodes, not 5"))
        #expect(try cluster.cluster("up").output.contains("3 nodes run, node "))
        #expect(try cluster.attempt("kill", "9").code == 64)
        #expect(try cluster.attempt("frobnicate").code == 64)
    }

    @Test
    func `clean removes a cluster, even a half-made one, and nothing else`() throws {
        let folder = Shell.root.appending(path: "Cluster/.run/test-foreign")
        let file = folder.appending(path: "thesis.txt")
        try? FileManager.default.removeItem(at: folder)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try "ten years".write(to: file, atomically: true, encoding: .utf8)
        let environment = ["CLUSTER_RUN": folder.path, "CLUSTER_PORT_SHIFT": "1200"]
        func cluster(_ verb: String) throws -> Shell.Result {
            try Shell.run(Shell.script("cluster"), [verb], environment: environment)
        }
        #expect(try cluster("clean").code == 66)
        #expect(try cluster("up").code == 73)
        #expect(try cluster("down").code == 66)
        #expect(FileManager.default.fileExists(atPath: file.path))

        // As an `up` leaves it that is interrupted before the end.
        try FileManager.default.moveItem(at: file, to: folder.appending(path: "topology.draft"))
        let up = try cluster("up")
        #expect(up.code == 0, "\(up.errors)")
        #expect(try cluster("clean").code == 0)
        #expect(!FileManager.default.fileExists(atPath: folder.path))
        #expect(try cluster("clean").code == 0)
    }

    @Test
    func `five sites go on without any two of them`() throws {
        let cluster = try RunningCluster(portShift: 1300, sites: 5)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let leader = try cluster.leader()
        let other = leader == "5" ? "4" : "5"
        for node in [leader, other] { try cluster.cluster("kill", node) }
        try cluster.serve("object", "put", "archive", "from-three", "--size", "1")
        for node in [leader, other] { try cluster.cluster("restart", node) }
        try cluster.expectAgreement()
        let status = try cluster.operate("status").output
        for city in ["paris", "lyon", "lille", "marseille", "strasbourg"] {
            #expect(status.contains(city), "\(status)")
        }
    }

    @Test
    func `what the README says under 'Use it' can be pasted`() throws {
        let cluster = try RunningCluster(portShift: 1400)
        let readme = try String(
            contentsOf: Shell.root.appending(path: "README.md"),
            encoding: .utf8
        )
        let section = try #require(readme.split(separator: "## Use it\n").last)
        let block = section.split(separator: "```\n", omittingEmptySubsequences: false)[1]
        let script = block.replacing("/tmp/", with: "\(cluster.folder.path)/")
            .replacing("R=Cluster/.run/cluster", with: "R=\(cluster.folder.path)")
        #expect(script != block)
        let result = try Shell.run("/bin/bash", ["-euo", "pipefail", "-c", String(script)])
        #expect(result.code == 0, "\(result.errors)")
        #expect(result.output.contains("All digests are equal."))
    }
}
