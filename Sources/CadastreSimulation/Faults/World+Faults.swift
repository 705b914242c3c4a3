internal import CadastreDisk
internal import CadastreNode
internal import RaftCore

/// What takes a fault back.
enum Mending {
    /// These cuts.
    case links([(from: Int, to: Int)])
    /// The links' quality.
    case quality
    /// The room on a node's disk.
    case room(Int)
}

/// Faults, one after the other, each mended after a while.
extension World {
    /// Lets the next fault happen, and plans the one after it.
    func fault() {
        guard case .faults = phase else { return }
        plan(.fault, after: chance.draw(scenario.faultInterval))
        let kind = chance.pick(scenario.faults)
        tell("fault: \(kind)")
        switch kind {
        case .crash: crash(victim())
        case .crashInsideTurn: crashInsideTurn()
        case .powerCut: powerCut()
        case .failingDisk: failDisk()
        case .fullDisk: fillDisk()
        case .slowDisk: victim().slowUntil = now + someTime()
        case .pause: pause()
        case .partition: partition()
        case .oneWayCut: oneWayCut()
        case .isolation: isolate()
        case .storm: storm()
        case .transfer: transfer()
        }
    }

    /// Takes a fault back.
    func mend(_ mending: Mending) {
        switch mending {
        case .links(let cuts):
            tell("links mended")
            for cut in cuts {
                network.mend(from: cut.from, to: cut.to)
                let node = nodes[cut.from]
                plan(
                    .connection(cut.from, life: node.life, of: cut.to, isUp: true),
                    after: 1 * Span.millisecond
                )
            }
        case .quality:
            guard case .faults = phase else { return }
            tell("storm over")
            network.quality = scenario.quality
        case .room(let place):
            tell("node \(nodes[place].id) has room again")
            nodes[place].disk.capacity = nil
        }
    }

    private func someTime() -> UInt64 {
        chance.draw(50 * Span.millisecond...1_500 * Span.millisecond)
    }

    /// A node, the leader half of the time.
    private func victim() -> SimulatedNode {
        if chance.oneIn(2), let leader = nodes.first(where: { $0.isUp && $0.role == .leader }) {
            return leader
        }
        return chance.pick(nodes)
    }

    private func crashInsideTurn() {
        let node = victim()
        guard node.isUp else { return }
        node.isDiskFaultPlanned = true
        node.crashesWhileStarting = chance.oneIn(3)
        node.disk.crash(atOperation: 1 + chance.below(40))
    }

    private func powerCut() {
        reach.mark(.wholeClusterCrash)
        let common = chance.draw(5 * Span.millisecond...300 * Span.millisecond)
        for node in nodes {
            node.crashesWhileStarting = chance.oneIn(6)
            crash(node, after: common + chance.draw(0...100 * Span.millisecond))
        }
    }

    private func failDisk() {
        let node = victim()
        guard node.isUp else { return }
        node.isDiskFaultPlanned = true
        if chance.oneIn(2) {
            reach.mark(.failedSync)
            node.disk.fail(.sync, nth: 1 + chance.below(6))
        } else {
            reach.mark(.failedWrite)
            node.disk.fail(.write, nth: 1 + chance.below(20))
        }
    }

    private func fillDisk() {
        let node = victim()
        guard node.disk.capacity == nil else { return }
        reach.mark(.fullDisk)
        node.disk.capacity = node.disk.usedBytes + chance.below(100_000)
        plan(.mend(.room(node.place)), after: someTime())
    }

    private func pause() {
        let node = victim()
        guard node.isUp else { return }
        if node.role == .leader { reach.mark(.pausedLeader) }
        node.pausedUntil = now + chance.draw(20 * Span.millisecond...2 * Span.second)
    }

    private func cut(_ cuts: [(from: Int, to: Int)]) {
        for cut in cuts {
            network.cut(from: cut.from, to: cut.to)
            // Half of the time the two ends notice.
            guard chance.oneIn(2) else { continue }
            let node = nodes[cut.from]
            plan(
                .connection(cut.from, life: node.life, of: cut.to, isUp: false),
                after: chance.draw(0...100 * Span.millisecond)
            )
        }
        plan(.mend(.links(cuts)), after: someTime())
    }

    private func partition() {
        reach.mark(.partition)
        let sides = nodes.map { _ in chance.oneIn(2) }
        var cuts: [(from: Int, to: Int)] = []
        for from in nodes.indices {
            for to in nodes.indices where sides[from] != sides[to] { cuts.append((from, to)) }
        }
        cut(cuts)
    }

    private func oneWayCut() {
        reach.mark(.oneWayPartition)
        let from = victim().place
        let to = (from + 1 + chance.below(nodes.count - 1)) % nodes.count
        cut(chance.oneIn(2) ? [(from, to)] : [(to, from)])
    }

    private func isolate() {
        let node = victim()
        if node.role == .leader { reach.mark(.isolatedLeader) }
        var cuts: [(from: Int, to: Int)] = []
        for other in nodes.indices where other != node.place {
            cuts.append((node.place, other))
            cuts.append((other, node.place))
        }
        cut(cuts)
    }

    private func storm() {
        network.quality.lossPerMille = 330
        network.quality.oneLateIn = 10
        plan(.mend(.quality), after: someTime())
    }

    private func transfer() {
        guard let leader = nodes.first(where: { $0.isUp && $0.role == .leader }) else { return }
        reach.mark(.leadershipTransferred)
        give(.transferLeadership(to: nil, nil), to: leader.place)
    }
}
