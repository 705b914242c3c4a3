import Foundation
import Testing

/// Journals that are damaged while their nodes are down.
extension ClusterTests {
    @Test
    func `a damaged journal comes back from the one other node that is there`() throws {
        let cluster = try RunningCluster(portShift: 2500)
        try cluster.admit()
        try cluster.serve("bucket", "create", "archive")
        let inventory = try Inventory(count: 20_000, in: cluster.folder)
        try cluster.serve("import", "inventory", inventory.file.path)
        let leader = try #require(Int(try cluster.leader()))
        let (damaged, away) = (leader % 3 + 1, (leader + 1) % 3 + 1)
        try cluster.cluster("stop", "\(damaged)")
        try cluster.cluster("stop", "\(away)")
        let segment = try segment(of: damaged, in: cluster)
        let size = try #require(
            try segment.resourceValues(forKeys: [.fileSizeKey]).fileSize
        )
        #expect(size > 1_048_576)
        for place in [4_300, 40_960, 200_704, 409_700] as [UInt64] {
            try damage(segment, at: place)
        }
        try cluster.cluster("restart", "\(damaged)")
        // Nobody leads until it is mended and back.
        try cluster.operate("wait-leader", "--nodes", "2", "--timeout", "60")
        try cluster.serve("object", "put", "archive", "a/b", "--size", "5")
        let log = try cluster.log(damaged)
        #expect(log.contains("the journal is damaged below what was durable"))
        #expect(log.contains("the journal is whole again"))
        try cluster.cluster("restart", "\(away)")
        try cluster.expectAgreement()
    }
}
