internal import RaftCore

/// Faults of links.
extension World {
    /// Cuts these, for a while.
    func cut(_ cuts: [(from: Int, to: Int)], for duration: UInt64? = nil) {
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
        plan(.mend(.links(cuts)), after: duration ?? someTime())
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
        cut(linksOf(node.place))
    }

    /// All links of a node, in both directions.
    private func linksOf(_ place: Int) -> [(from: Int, to: Int)] {
        nodes.indices.filter { $0 != place }.flatMap { [(place, $0), ($0, place)] }
    }

    /// Cuts every link for which two places are not to hear each other.
    private func cut(where isApart: (Int, Int) -> Bool) {
        var cuts: [(from: Int, to: Int)] = []
        for from in nodes.indices {
            for to in nodes.indices where from != to && isApart(from, to) {
                cuts.append((from, to))
            }
        }
        cut(cuts)
    }

    func bridge() {
        reach.mark(.bridge)
        let middle = chance.below(nodes.count)
        let sides = nodes.map { _ in chance.oneIn(2) }
        cut { $0 != middle && $1 != middle && sides[$0] != sides[$1] }
    }

    func ring() {
        reach.mark(.ring)
        var order = Array(nodes.indices)
        chance.shuffle(&order)
        let count = nodes.count
        // With it, the neighbours on both sides are a majority.
        let neighbours = max(1, count / 4)
        cut { from, to in
            let distance = (order[from] - order[to] + count) % count
            return min(distance, count - distance) > neighbours
        }
    }

    func swizzle() {
        reach.mark(.swizzle)
        var chosen = nodes.indices.filter { _ in chance.oneIn(2) }
        chance.shuffle(&chosen)
        let end = someTime() + 300 * Span.millisecond
        for place in chosen {
            // Each is cut off at a moment of its own, and comes back at another.
            let beginning = chance.draw(0...300 * Span.millisecond)
            let duration = end - beginning + chance.draw(0...500 * Span.millisecond)
            plan(.cut(linksOf(place), duration: duration), after: beginning)
        }
    }

    func clog() {
        reach.mark(.clog)
        let end = now + someTime()
        for from in nodes.indices {
            for to in nodes.indices where from != to && chance.oneIn(3) {
                network.clog(from: from, to: to, until: end)
            }
        }
        tell("some links hold back what is sent until \(end / Span.microsecond) µs")
        for node in nodes { seeHealth(of: node) }
        plan(.mend(.links([])), after: end - now)
    }

    func storm() {
        network.quality.lossPerMille = 330
        network.quality.oneLateIn = 10
        for node in nodes { seeHealth(of: node) }
        plan(.mend(.quality), after: someTime())
    }
}
