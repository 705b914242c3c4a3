/// When a leader whose disk is nearly full offers leadership to others.
///
/// At once, since others may have room; and again while its disk stays so, since the one that was
/// asked first may not have heard it. After pauses that double: where the disks of all are nearly full,
/// leadership goes round, and whoever leads must get on with what gives room back.
struct LowSpaceOffers: Sendable {
    /// The monotonic moment of the next offer; nil until the first.
    private var next: UInt64?
    /// Between the next offer and the one after it, in nanoseconds.
    private var pause = Self.shortestPause

    private static let shortestPause: UInt64 = 2_000_000_000
    private static let longestPause: UInt64 = 64_000_000_000

    /// None was made.
    init() {}

    /// Whether it is time for one, which then counts as made.
    mutating func take(at moment: UInt64) -> Bool {
        if let next, moment < next { return false }
        next = moment + pause
        pause = min(2 * pause, Self.longestPause)
        return true
    }

    /// There is room again.
    mutating func reset() { self = LowSpaceOffers() }
}
