/// How many bytes may be sent by now: a bucket that fills with time and is emptied by sending.
struct RateLimit: Sendable {
    /// Bytes a second.
    let rate: Int
    /// Bytes that may be sent at once after a silence.
    private let burst: Int
    /// What is left; negative after something large.
    private var allowance: Int
    private var filledAt: UInt64?

    init(rate: Int) {
        self.rate = rate
        burst = max(1, rate / 20)
        allowance = burst
    }

    /// Whether something may be sent now.
    mutating func isOpen(at moment: UInt64) -> Bool {
        // A second fills any bucket; more would only overflow.
        let elapsed = Int(min(moment - min(filledAt ?? moment, moment), 1_000_000_000))
        let (product, overflow) = elapsed.multipliedReportingOverflow(by: rate)
        let filled = (overflow ? Int.max : product) / 1_000_000_000
        if filled > 0 || filledAt == nil {
            allowance = min(burst, allowance + min(filled, burst - allowance))
            filledAt = moment
        }
        return allowance > 0
    }

    /// So much was sent.
    mutating func spend(_ bytes: Int) { allowance -= bytes }
}
