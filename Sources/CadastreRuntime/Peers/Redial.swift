/// When a peer is dialled again: at once when a good connection broke, else after a wait that grows.
///
/// A value without I/O or clock. A peer that greets and then hangs up was never reached: only a
/// connection that stood for a while lets the next attempt begin without a wait.
struct Redial {
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var openedAt: UInt64?
    private var quarantinedUntil: UInt64 = 0
    /// A good connection broke just now: an attempt that is refused says that the process is gone.
    private(set) var hasJustBroken = false

    /// Nothing was tried yet.
    init() {}

    /// The peer has greeted.
    mutating func opened(at now: UInt64) {
        openedAt = now
    }

    /// The connection, which may never have been open, is gone, or could not be made.
    ///
    /// - Parameter now: The monotonic moment.
    /// - Returns: Milliseconds to wait; 0: none.
    mutating func ended(at now: UInt64) -> Int {
        hasJustBroken = false
        if let openedAt, now >= openedAt, now - openedAt >= RuntimeLimits.goodConnection {
            backoff.reset()
            hasJustBroken = true
        }
        openedAt = nil
        if now < quarantinedUntil {
            hasJustBroken = false
            return Int((quarantinedUntil - now) / 1_000_000) + 1
        }
        return hasJustBroken ? 0 : backoff.wait(using: &generator)
    }

    /// The peer is left alone until a moment.
    mutating func quarantine(until moment: UInt64) {
        quarantinedUntil = moment
    }

    /// Whether the peer may be dialled.
    func mayDial(at now: UInt64) -> Bool { now >= quarantinedUntil }
}
