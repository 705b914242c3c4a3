@testable import CadastreSimulation
import CadastreDisk
import CadastreNode
import CadastreStorage
import RaftCore
import Testing

/// Disks rot as far as the promise goes, and no further.
struct RotTests {
    /// A rotting world whose set-up is over, and whose members stay what they are.
    private func world() throws(Violation) -> World {
        var seed: UInt64 = 1
        var world = World(seed: seed, story: Story(capacity: nil))
        while world.scenario.rot == nil || world.scenario.nodes != 3
            || world.scenario.members != nil || world.scenario.witness != nil
            || world.scenario.weak.count != 3 || world.scenario.settings.snapshotInterval < 1 << 20
        {
            seed += 1
            world = World(seed: seed, story: Story(capacity: nil))
        }
        try world.found()
        while world.phase == .setUp { try world.step() }
        return world
    }

    /// A node that is down, with a journal that has rotted.
    private func rotten(_ world: World) throws(Violation) -> SimulatedNode {
        let node = world.nodes[1]
        world.crash(node, after: 1_000 * Span.second)
        node.disk.restart()
        var attempts = 0
        while node.rotten == nil, attempts < 200 {
            attempts += 1
            try world.rotJournal(node)
        }
        return node
    }

    @Test
    func `a journal that rotted is refused, and is whole again when others were asked`() throws {
        let world = try world()
        let node = try rotten(world)
        try #require(node.rotten != nil)
        let before = node.log
        #expect(world.isToBeMended(node))
        try world.start(node.place)
        #expect(!node.isUp)
        var steps = 0
        while !node.isUp, steps < 200_000 {
            steps += 1
            try world.step()
        }
        #expect(node.isUp && node.rotten == nil)
        #expect(world.reach[.journalMended] == 1)
        #expect(node.log.prefix(through: before.last) == before)
    }

    @Test
    func `one disk rots at a time, and none beside one that is lost`() throws {
        let world = try world()
        let node = try rotten(world)
        try #require(node.rotten != nil)
        for other in world.nodes { #expect(!world.mayRot(other)) }
        world.restoreJournal(node)
        #expect(!world.isToBeMended(node))
        #expect(world.mayRot(node))
        world.owner.wiped = 2
        #expect(!world.mayRot(node))
    }

    @Test
    func `what a disk gives back is what was there`() throws {
        let world = try world()
        let node = try rotten(world)
        let paths = try #require(node.rotten?.before.map(\.path))
        let damaged = paths.map { node.disk.contents($0) }
        world.restoreJournal(node)
        #expect(node.rotten == nil)
        #expect(!paths.isEmpty && damaged.count == paths.count)
        _ = try world.checkedRecovery(node)
    }
}
