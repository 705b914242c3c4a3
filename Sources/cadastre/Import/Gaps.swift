/// The longest times in which requests were on their way and none was done.
///
/// Time in which nothing was asked of the cluster, as while a large file is read, is no gap.
struct Gaps: Sendable {
    /// One of them.
    struct Gap: Encodable, Hashable, Sendable {
        /// Milliseconds since 1970.
        var began_ms: UInt64
        /// How long it was.
        var ms: Int64
    }

    /// How many are kept.
    static let maximumKept = 8

    /// Longest first.
    private(set) var longest: [Gap] = []
    private var onTheirWay = 0
    /// When one was last done, or when the first of those on their way was sent.
    private var since: ContinuousClock.Instant?

    /// A request was sent.
    mutating func sent(at now: ContinuousClock.Instant) {
        if onTheirWay == 0 { since = now }
        onTheirWay += 1
    }

    /// A request was done.
    ///
    /// - Parameters:
    ///   - now: when.
    ///   - wallClock: the same in milliseconds since 1970; asked only when it matters.
    mutating func done(at now: ContinuousClock.Instant, wallClock: () -> UInt64) {
        if let since { note((now - since).inMilliseconds, wallClock) }
        since = now
        onTheirWay -= 1
    }

    /// A request came to another end.
    mutating func ended() { onTheirWay -= 1 }

    private mutating func note(_ gap: Int64, _ wallClock: () -> UInt64) {
        guard longest.count < Self.maximumKept || gap > (longest.last?.ms ?? 0) else { return }
        longest.append(Gap(began_ms: wallClock() &- UInt64(max(0, gap)), ms: gap))
        longest.sort { $0.ms == $1.ms ? $0.began_ms < $1.began_ms : $0.ms > $1.ms }
        if longest.count > Self.maximumKept { longest.removeLast() }
    }
}
