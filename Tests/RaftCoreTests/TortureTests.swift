@testable import RaftCore
import TestLanes
import Testing

/// Long random histories: loss, duplication, reordering, cut links, slow disks, crashes that lose
/// what was not durable.
///
/// Safety after every step (see ``Cluster``), liveness once all is well again.
///
/// Within what a cluster must survive: disks keep what was durable, messages are not forged.
@Suite(.heavy)
struct TortureTests {
    struct World {
        var cluster: Cluster
        var generator: Generator
        /// Ordered pairs that cannot talk: from · 8 + to.
        var cut: [Int] = []
        var request: UInt64 = 0
        var truncations = 0
        var crashes = 0

        init(voters: Int, seed: UInt64, witness: Int? = nil) {
            cluster = Cluster(voters: voters, seed: seed &* 1_000, witness: witness)
            generator = Generator(seed: seed)
        }

        mutating func pick() -> Int { generator.draw(from: 1...cluster.nodes.count) }

        mutating func happen() {
            let id = pick()
            switch generator.draw(from: 0...999) {
            case ..<600: deliver()
            case ..<720: cluster.step(id, .tick)
            case ..<880:
                if cluster.nodes[id - 1].writes.first?.persist.truncateFrom != nil {
                    truncations += 1
                }
                cluster.persistOne(id)
            case ..<940: propose()
            case ..<955:
                request += 1
                cluster.read(leaders.first ?? id, request)
            case ..<960: crash(id)
            case ..<980: if !cluster.nodes[id - 1].isUp { cluster.restart(id) }
            case ..<984: cutLinks()
            case ..<991: cut = []
            case ..<993: cluster.step(id, .transferLeadership(to: NodeID(UInt64(pick()))))
            case ..<996: cluster.step(id, .peerIsGone(NodeID(UInt64(pick()))))
            default: cluster.step(id, .peerIsBack(NodeID(UInt64(pick()))))
            }
        }

        /// All who think that they lead.
        private var leaders: [Int] {
            (1...cluster.nodes.count).filter { cluster.nodes[$0 - 1].isUp && cluster[$0].isLeader }
        }

        private mutating func propose() {
            let leaders = leaders.filter { cluster[$0].canPropose }
            guard !leaders.isEmpty else { return }
            let leader = leaders[generator.draw(from: 0...leaders.count - 1)]
            // A large entry goes alone, so that logs also grow entry by entry.
            let size = generator.draw(from: 0...1) == 0 ? 10 : Limits.maximumAppendSize
            cluster.propose(leader, size: size)
        }

        private mutating func deliver() {
            guard !cluster.network.isEmpty else { return }
            if cluster.network.count > 300 { cluster.network.removeFirst(100) }
            let last = cluster.network.count - 1
            // Mostly in order, as connections are; anything may overtake anything, though.
            let isOrdered = generator.draw(from: 0...3) > 0
            let place = isOrdered ? 0 : generator.draw(from: 0...last)
            let message = cluster.network[place]
            let link = Int(message.from.value * 8 + message.to.value)
            switch generator.draw(from: 0...99) {
            case _ where cut.contains(link): cluster.network.remove(at: place)
            case ..<8: cluster.network.remove(at: place)
            case ..<14: cluster.deliver(place, again: true)
            default: cluster.deliver(place)
            }
        }

        private mutating func crash(_ id: Int) {
            guard cluster.nodes[id - 1].isUp else { return }
            crashes += 1
            let floor = Int(cluster.nodes[id - 1].disk.appliedThrough.value)
            let applied = Int(cluster.nodes[id - 1].appliedThrough.value)
            let kept = generator.draw(from: floor...applied)
            cluster.nodes[id - 1].disk.appliedThrough = LogIndex(UInt64(kept))
            // A part of what was on its way to the disk may have arrived.
            while generator.draw(from: 0...1) == 0, !cluster.nodes[id - 1].writes.isEmpty {
                let write = cluster.nodes[id - 1].writes.removeFirst()
                cluster.nodes[id - 1].disk.apply(write)
            }
            cluster.crash(id)
        }

        /// One-way or both ways, a random set of links.
        private mutating func cutLinks() {
            cut = []
            let isSymmetric = generator.draw(from: 0...2) > 0
            let alone = pick()
            for other in 1...cluster.nodes.count where other != alone {
                guard generator.draw(from: 0...3) > 0 else { continue }
                cut.append(alone * 8 + other)
                if isSymmetric { cut.append(other * 8 + alone) }
            }
        }

        /// All is well again: within `rounds` ticks one leads, and everything is everywhere.
        mutating func heal(rounds: Int) -> Int? {
            cut = []
            for id in 1...cluster.nodes.count {
                if !cluster.nodes[id - 1].isUp { cluster.restart(id) }
                for peer in 1...cluster.nodes.count {
                    cluster.step(id, .peerIsBack(NodeID(UInt64(peer))))
                }
            }
            var proposed: LogPosition?
            for round in 1...rounds {
                for id in 1...cluster.nodes.count { cluster.step(id, .tick) }
                cluster.settle()
                if cluster.breach != nil { return nil }
                let leaders = (1...cluster.nodes.count).filter { cluster[$0].isLeader }
                if let leader = leaders.first, proposed == nil, cluster[leader].canPropose {
                    proposed = cluster.propose(leader)
                    continue
                }
                guard let proposed, leaders.count == 1 else { continue }
                let isDone = cluster.nodes.allSatisfy { node in
                    node.raft.lastPosition >= proposed
                        && node.appliedThrough == node.raft.lastPosition.index
                        && node.raft.lastHash == cluster.nodes[0].raft.lastHash
                }
                if isDone { return round }
            }
            return nil
        }
    }

    @Test(arguments: [3, 5], 1...Depth.cases(100, quick: 20) as ClosedRange<UInt64>)
    func `whatever happens nothing is lost, and when it stops all agree`(
        _ voters: Int,
        _ seed: UInt64
    ) {
        expectSurvival(World(voters: voters, seed: seed), seed)
    }

    @Test(arguments: [3, 5], 1...Depth.cases(100, quick: 15) as ClosedRange<UInt64>)
    func `whatever happens nothing is lost where one is a witness`(_ voters: Int, _ seed: UInt64) {
        expectSurvival(World(voters: voters, seed: seed, witness: voters), seed)
    }

    private func expectSurvival(_ start: World, _ seed: UInt64) {
        var world = start
        for step in 0..<4_000 {
            world.happen()
            if step % 50 == 0 {
                world.cluster.checkLogMatching()
                if world.cluster.witness != nil { world.cluster.checkWholeness() }
            }
            if world.cluster.breach != nil { break }
        }
        world.cluster.checkLogMatching()
        #expect(world.cluster.breach == nil, "seed \(seed)")
        let rounds = world.heal(rounds: 200)
        world.cluster.checkLogMatching()
        #expect(rounds != nil, "seed \(seed): no agreement within 200 ticks")
        #expect(world.cluster.breach == nil, "seed \(seed), healing")
    }

    @Test
    func `the histories reach what is rare`() {
        var leaders = 0
        var committed = 0
        var grants = 0
        var refused = 0
        var truncations = 0
        var crashes = 0
        for seed in 100...111 as ClosedRange<UInt64> {
            var world = World(voters: 3, seed: seed)
            for _ in 0..<4_000 { world.happen() }
            leaders += world.cluster.leaders.count
            committed += world.cluster.committed.count
            grants += world.cluster.grants.count
            refused += world.cluster.refusedReads.count
            truncations += world.truncations
            crashes += world.crashes
        }
        #expect(leaders > 25)
        #expect(committed > 200)
        #expect(grants > 20)
        #expect(refused > 20)
        #expect(truncations > 5)
        #expect(crashes > 50)
    }

    @Test
    func `the same seed gives the same history`() {
        var one = World(voters: 3, seed: 7)
        var two = World(voters: 3, seed: 7)
        for _ in 0..<2_000 {
            one.happen()
            two.happen()
        }
        #expect(one.cluster == two.cluster)
    }
}
