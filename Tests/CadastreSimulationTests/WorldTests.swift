@testable import CadastreSimulation
import CadastreDisk
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
    func `a second pause does not shorten the first`() throws {
        let world = try world()
        world.nodes[0].pausedUntil = UInt64.max - 10
        for _ in 0..<20 { world.pause() }
        #expect(world.nodes[0].pausedUntil == UInt64.max - 10)
    }
}
