/// Links between nodes, each with its own losses and delays in each direction.
///
/// Nothing is promised: a message is lost, late, out of order or there twice, as on no single TCP
/// connection, but as over many that break.
struct SimulatedNetwork {
    /// How a link behaves.
    struct Quality {
        /// Messages lost, of a thousand.
        var lossPerMille = 0
        /// Messages delivered twice, of a thousand.
        var duplicatePerMille = 0
        /// Messages that come once more, long after, of a thousand.
        var replayPerMille = 0
        /// How long after, in nanoseconds.
        var replayDelay: ClosedRange<UInt64> = 20 * Span.millisecond...2 * Span.second
        /// The shortest and the longest delay, in nanoseconds.
        ///
        /// Wider apart: more out of order.
        var delay: ClosedRange<UInt64> = 200 * Span.microsecond...2 * Span.millisecond
        /// One message of so many takes fifty times as long.
        var oneLateIn = 200
    }

    /// Of every link; faults change it for a while.
    var quality: Quality
    /// What is cut, by the places of sender and receiver.
    private var cuts: [[Int]]
    /// Until when what is sent is held back, by the places of sender and receiver.
    private var clogs: [[UInt64]]

    /// Links between this many nodes.
    init(nodes: Int, quality: Quality) {
        self.quality = quality
        cuts = Array(repeating: Array(repeating: 0, count: nodes), count: nodes)
        clogs = Array(repeating: Array(repeating: 0, count: nodes), count: nodes)
    }

    /// Whether nothing gets from one to the other.
    func isCut(from: Int, to: Int) -> Bool { cuts[from][to] > 0 }

    /// Cuts a direction; cuts are counted, so that faults may overlap.
    mutating func cut(from: Int, to: Int) { cuts[from][to] += 1 }

    /// Takes one cut back.
    mutating func mend(from: Int, to: Int) { cuts[from][to] = max(0, cuts[from][to] - 1) }

    /// Holds back what is sent in a direction, until then.
    mutating func clog(from: Int, to: Int, until moment: UInt64) {
        clogs[from][to] = max(clogs[from][to], moment)
    }

    /// Whether what is sent now is held back.
    func isClogged(from: Int, to: Int, at now: UInt64) -> Bool { clogs[from][to] > now }

    /// Takes all cuts back, and holds nothing back any more.
    mutating func mendAll() {
        for from in cuts.indices {
            for to in cuts.indices { (cuts[from][to], clogs[from][to]) = (0, 0) }
        }
    }

    /// When a message arrives: not at all, once, twice, or once more long after.
    func arrivals(
        of sent: UInt64,
        from: Int,
        to: Int,
        _ chance: inout Chance
    ) -> [UInt64] {
        if chance.perMille(quality.lossPerMille) { return [] }
        let moment = max(sent, clogs[from][to])
        var arrivals = [moment + delay(&chance)]
        if chance.perMille(quality.duplicatePerMille) { arrivals.append(moment + delay(&chance)) }
        if quality.replayPerMille > 0, chance.perMille(quality.replayPerMille) {
            arrivals.append(moment + chance.draw(quality.replayDelay))
        }
        return arrivals
    }

    /// One delay.
    func delay(_ chance: inout Chance) -> UInt64 {
        let delay = chance.draw(quality.delay)
        return chance.oneIn(quality.oneLateIn) ? 50 * delay : delay
    }
}
