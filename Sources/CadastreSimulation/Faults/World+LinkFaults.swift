internal import RaftCore

/// Faults of links.
extension World {
    private func cut(_ cuts: [(from: Int, to: Int)]) {
        tell("cut: " + cuts.map { "\($0.from + 1) → \($0.to + 1)" }.joined(separator: ", "))
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
        for node in nodes { seeHealth(of: node) }
        plan(.mend(.links(cuts)), after: someTime())
    }

    func partition() {
        reach.mark(.partition)
        let sides = nodes.map { _ in chance.oneIn(2) }
        var cuts: [(from: Int, to: Int)] = []
        for from in nodes.indices {
            for to in nodes.indices where sides[from] != sides[to] { cuts.append((from, to)) }
        }
        cut(cuts)
    }

    func oneWayCut() {
        reach.mark(.oneWayPartition)
        let from = victim().place
        let to = (from + 1 + chance.below(nodes.count - 1)) % nodes.count
        cut(chance.oneIn(2) ? [(from, to)] : [(to, from)])
    }

    func isolate() {
        let node = victim()
        if node.role == .leader { reach.mark(.isolatedLeader) }
        var cuts: [(from: Int, to: Int)] = []
        for other in nodes.indices where other != node.place {
            cuts.append((node.place, other))
            cuts.append((other, node.place))
        }
        cut(cuts)
    }

    func storm() {
        network.quality.lossPerMille = 330
        network.quality.oneLateIn = 10
        for node in nodes { seeHealth(of: node) }
        plan(.mend(.quality), after: someTime())
    }
}
