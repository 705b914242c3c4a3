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
    /// A wall clock.
    case clock(Int)
}

/// Faults, one after the other, each mended after a while.
extension World {
    /// Lets the next fault happen, and plans the one after it.
    func fault() throws(Violation) {
        guard case .faults = phase else { return }
        plan(.fault, after: chance.draw(scenario.faultInterval))
        let kind = chance.pick(scenario.faults)
        guard isChosen() else { return }
        tell("fault \(faultNumber): \(kind)")
        faultCount += 1
        switch kind {
        case .crash: crash(interrupted(victim()))
        case .crashInsideTurn: endInsideTurn { $0.crash(atOperation: $1) }
        case .kill: kill(interrupted(victim()))
        case .killInsideTurn: endInsideTurn { $0.endProcess(atOperation: $1) }
        case .restart: try shutDown(victim())
        case .powerCut: powerCut(isTorn: false)
        case .tornPowerCut: powerCut(isTorn: true)
        case .failingDisk: failDisk()
        case .fullDisk: fillDisk()
        case .slowDisk: slowDisk()
        case .pause: pause()
        case .partition: partition()
        case .oneWayCut: oneWayCut()
        case .isolation: isolate()
        case .bridge: bridge()
        case .ring: ring()
        case .swizzle: swizzle()
        case .clog: clog()
        case .storm: storm()
        case .transfer: transfer()
        case .clockJump: jumpClock()
        }
    }

    /// Takes a fault back.
    func mend(_ mending: Mending) {
        switch mending {
        case .links(let cuts):
            guard sabotage != .unmendedLinks else { return }
            tell("links mended")
            for cut in cuts { network.mend(from: cut.from, to: cut.to) }
            for place in Set(cuts.map(\.from)).sorted() { reconnect(nodes[place]) }
            for node in nodes { seeHealth(of: node) }
        case .quality:
            guard case .faults = phase else { return }
            tell("storm over")
            network.quality = scenario.quality
        case .room(let place):
            tell("node \(nodes[place].id) has room again")
            nodes[place].disk.capacity = nil
        case .clock(let place):
            tell("the clock of node \(nodes[place].id) is set right")
            nodes[place].wallJump = 0
        }
    }

    func someTime() -> UInt64 {
        chance.draw(50 * Span.millisecond...1_500 * Span.millisecond)
    }

    /// A node that may be struck, the leader half of the time.
    func victim() -> SimulatedNode {
        let leader = nodes.first {
            $0.isUp && $0.role == .leader && scenario.weak.contains($0.place)
        }
        if chance.oneIn(2), let leader { return leader }
        return nodes[chance.pick(scenario.weak)]
    }

    // MARK: Processes and machines

    /// One start of a few meets something too.
    private func interrupted(_ node: SimulatedNode) -> SimulatedNode {
        if chance.oneIn(3) { node.interruption = chance.pick([.crash, .kill, .fault]) }
        return node
    }

    private func endInsideTurn(_ end: (SimulatedDisk, Int) -> Void) {
        let node = victim()
        guard node.isUp else { return }
        end(interrupted(node).disk, 1 + chance.below(40))
    }

    private func powerCut(isTorn: Bool) {
        reach.mark(isTorn ? .tornPowerCut : .wholeClusterCrash)
        let common = chance.draw(5 * Span.millisecond...300 * Span.millisecond)
        for node in nodes {
            node.interruption = chance.oneIn(6) ? .crash : nil
            guard node.isUp else {
                // Its process was gone, its machine was not.
                if node.wasKilled { reach.mark(.crashAfterKill) }
                node.disk.crash()
                node.wasKilled = false
                continue
            }
            if isTorn {
                node.disk.crash(atOperation: 1 + chance.below(16))
            } else {
                crash(node, after: common + chance.draw(0...100 * Span.millisecond))
            }
        }
    }

    func pause() {
        let node = victim()
        guard node.isUp else { return }
        if node.role == .leader { reach.mark(.pausedLeader) }
        let end = now + chance.draw(20 * Span.millisecond...2 * Span.second)
        node.pausedUntil = max(node.pausedUntil, end)
        tell("node \(node.id) stands still until \(node.pausedUntil / Span.microsecond) µs")
        seeHealth(of: node)
    }

    /// To whom the leader chooses, or to anybody, whether that node may lead or not.
    private func transfer() {
        guard let leader = nodes.first(where: { $0.isUp && $0.role == .leader }) else { return }
        reach.mark(.leadershipTransferred)
        var targetChance = Chance(seed: seed ^ UInt64(faultNumber) ^ 0x7461_7267_6574_2121)
        let target = targetChance.oneIn(2) ? targetChance.pick(nodes).id : nil
        if let target { tell("node \(leader.id) is told to let node \(target) lead") }
        give(.transferLeadership(to: target, nil), to: leader.place)
    }

    private func jumpClock() {
        guard let liar = scenario.liar else { return }
        reach.mark(.clockJumped)
        let hour: UInt64 = 3_600_000
        let distance = Int64(chance.pick([hour, 24 * hour, 10 * 365 * 24 * hour]))
        nodes[liar].wallJump = chance.oneIn(2) ? distance : -distance
        tell("the clock of node \(nodes[liar].id) jumps by \(nodes[liar].wallJump) ms")
        plan(.mend(.clock(liar)), after: someTime())
    }
}
