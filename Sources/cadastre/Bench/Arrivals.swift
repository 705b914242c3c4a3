/// When the operations of an open loop are due: arrivals of a Poisson process, from a seed.
///
/// Times are nanoseconds since the loop began. What is due never depends on what was answered:
/// that is what makes the loop open.
struct Arrivals: Sendable {
    /// Times of each minute at which the rate is higher.
    struct Bursts: Sendable, Hashable {
        /// The rate of a burst over that between them.
        var factor = 10.0
        /// Behind each beginning of a minute.
        var secondsOfMinute = 5.0..<10.0
    }

    /// When the next operation is due.
    private(set) var next: UInt64 = 0

    private var time = 0.0
    private let rate: Double
    private let bursts: Bursts?
    private var numbers: SeededNumbers

    /// Arrivals at this mean rate, more than 0; with bursts, at this mean rate between them.
    init(perSecond rate: Double, bursts: Bursts? = nil, seed: UInt64) {
        precondition(rate > 0, "arrivals at a rate of \(rate)")
        self.rate = rate
        self.bursts = bursts
        numbers = SeededNumbers(seed: seed)
        advance()
    }

    /// Goes to the arrival after the next.
    mutating func advance() {
        // What is left of the distance in operations; the rate says how long that takes.
        var left = numbers.exponential(mean: 1)
        while true {
            let (rate, end) = span(at: time)
            if left <= (end - time) * rate {
                time += left / rate
                break
            }
            left -= (end - time) * rate
            time = end
        }
        next = UInt64(time * 1e9)
    }

    /// The rate at a time, and until when it stays.
    private func span(at time: Double) -> (rate: Double, end: Double) {
        guard let bursts else { return (rate, .infinity) }
        let minute = (time / 60).rounded(.down) * 60
        let (begin, end) = (
            minute + bursts.secondsOfMinute.lowerBound, minute + bursts.secondsOfMinute.upperBound
        )
        if time < begin { return (rate, begin) }
        return time < end ? (rate * bursts.factor, end) : (rate, begin + 60)
    }
}
