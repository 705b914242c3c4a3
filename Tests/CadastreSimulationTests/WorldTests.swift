@testable import CadastreSimulation
import CadastreDisk
import CadastreNode
import CadastreStorage
import RaftCore
import Testing

/// What a world does to its nodes is what it says, and no more.
struct WorldTests {
    /// A world whose set-up is over, and whose members stay what they are.
    private func world() throws(Violation) -> World {
        var seed: UInt64 = 1
        var world = World(seed: seed, story: Story(capacity: nil))
        while world.scenario.nodes != 3 || world.scenario.members != nil {
            seed += 1
            world = World(seed: seed, story: Story(capacity: nil))
        }
        try world.found()
        while world.phase == .setUp { try world.step() }
        return world
    }

    @Test
    func `a node that did not notice a cut is not told that the link was mended`() throws {
        let world = try world()
        let cuts = [(from: 0, to: 1), (from: 1, to: 0)]
        #expect(world.nodes[0].isConnected[1] && world.nodes[1].isConnected[0])
        for cut in cuts { world.network.cut(from: cut.from, to: cut.to) }
        let planned = world.queue.count
        world.mend(.links(cuts))
        #expect(world.queue.count == planned)
    }

    @Test
    func `a node that noticed is told, once the link is mended and not before`() throws {
        let world = try world()
        let node = world.nodes[0]
        let cuts = [(from: 0, to: 1), (from: 1, to: 0)]
        for cut in cuts { world.network.cut(from: cut.from, to: cut.to) }
        world.connection(0, node.life, 1, false)
        #expect(!node.isConnected[1])
        world.connection(0, node.life, 1, true)
        #expect(!node.isConnected[1])
        let planned = world.queue.count
        world.mend(.links(cuts))
        #expect(world.queue.count == planned + 1)
        world.connection(0, node.life, 1, true)
        #expect(node.isConnected[1])
    }

    @Test
    func `a stop is excused by one fault that came, once`() throws {
        let world = try world()
        let node = world.nodes[0]
        // A fault that is only planned excuses nothing.
        node.disk.fail(.exists, nth: 1)
        #expect(!node.takeExcuse())
        let stopped = caught { () throws(Violation) in try world.diskStopped(node, "why") }
        #expect(stopped == .unexpectedStop)
        #expect(throws: DiskError.self) { _ = try node.disk.exists("/node") }
        #expect(node.takeExcuse())
        #expect(!node.takeExcuse())
    }

    @Test
    func `a leader that offers a snapshot from before its own log is caught`() throws {
        let world = try world()
        let node = world.nodes[0]
        node.base = LogIndex(5)
        func offers(_ index: UInt64) -> Violation.Rule? {
            caught { () throws(Violation) in
                try world.requireUseful(position(index, 1), from: node)
            }
        }
        node.role = .leader
        #expect(offers(5) == nil)
        #expect(offers(4) == .liveness)
        // It may have installed a newer one since it led.
        node.role = .follower
        #expect(offers(4) == nil)
    }

    @Test
    func `a node that needs one snapshot after the other in a well world is caught`() throws {
        let world = try world()
        func installs() -> Violation.Rule? {
            caught { () throws(Violation) in try world.countInstall(of: world.nodes[0]) }
        }
        for _ in 0..<5 { #expect(installs() == nil) }
        world.phase = .healing(until: .max)
        #expect(installs() == nil && installs() == nil)
        #expect(installs() == .liveness)
    }

    @Test
    func `a snapshot that a crash left in part is caught`() throws {
        let world = try world()
        let node = try #require(world.nodes.first { $0.place != world.scenario.witness })
        let chunks = try snapshot(on: node.disk, of: world.genesis)
        node.disk.crash()
        node.disk.restart()
        try world.requireWholeSnapshots(of: node)
        node.disk.flipBit(chunks, at: 9, bit: 1)
        let torn = caught { () throws(Violation) in try world.requireWholeSnapshots(of: node) }
        #expect(torn == .recovery)
        node.hasRottenSnapshots = true
        try world.requireWholeSnapshots(of: node)
    }

    /// Makes a snapshot of some bytes, and says where its chunks are.
    private func snapshot(on disk: SimulatedDisk, of genesis: Genesis) throws -> String {
        let directory = "\(SimulatedNode.folder)/snapshots"
        let source = "\(SimulatedNode.folder)/source"
        let file = try disk.open(source, mode: .create)
        try file.write(at: 0, [UInt8](repeating: 7, count: 10_000))
        let store = try SnapshotStore(
            directory: directory,
            on: disk,
            cluster: genesis.cluster
        )
        let before = Set(disk.paths)
        let builder = try store.build(
            SnapshotSource(
                path: source,
                size: 10_000,
                group: .directory,
                start: LogStart(
                    position: position(1_000_000, 9),
                    hash: .zero,
                    configuration: genesis.configuration
                ),
                digestHigh: 1,
                digestLow: 2,
                clusterTime: 3
            ),
            chunkSize: 4_096
        )
        while try !builder.step() {}
        _ = try builder.finish()
        return try #require(
            disk.paths.first { $0.hasSuffix(".chunks") && !before.contains($0) }
        )
    }

    @Test
    func `a leader that loses a cluster that is well is caught`() throws {
        let world = try world()
        world.quietLeader = (NodeID(1), world.nodes[0].term)
        for node in world.nodes { node.term = world.nodes[0].term }
        try world.endQuiet()
        world.nodes[2].term = world.nodes[2].term.next
        #expect(caught { () throws(Violation) in try world.endQuiet() } == .liveness)
    }

    @Test
    func `a leader without the votes of a quorum is caught`() throws {
        let world = try world()
        let leader = try #require(world.nodes.first { $0.role == .leader })
        try world.requireElection(of: leader, leader.term)
        let next = caught { () throws(Violation) in
            try world.requireElection(of: leader, leader.term.next)
        }
        #expect(next == .oneLeaderPerTerm)
    }

    @Test
    func `a second pause does not shorten the first`() throws {
        let world = try world()
        world.nodes[0].pausedUntil = UInt64.max - 10
        for _ in 0..<20 { world.pause() }
        #expect(world.nodes[0].pausedUntil == UInt64.max - 10)
    }
}
