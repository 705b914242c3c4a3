/// How long to wait before the next attempt to reach a peer: short at first, then longer, and
/// never the same for all nodes.
struct Backoff {
    private var next = RuntimeLimits.redialMilliseconds.lowerBound

    /// The next wait, a quarter more or less at random.
    mutating func wait(using generator: inout some RandomNumberGenerator) -> Int {
        let middle = next
        next = min(next * 2, RuntimeLimits.redialMilliseconds.upperBound)
        return Int.random(in: middle * 3 / 4...middle * 5 / 4, using: &generator)
    }

    /// Begins again: the peer was reached.
    mutating func reset() {
        next = RuntimeLimits.redialMilliseconds.lowerBound
    }
}
