/// When a peer is dialled again: at once when a good connection broke, else after a wait that grows.
///
/// A value without I/O or clock. A peer that greets and then hangs up was never reached: only a
/// connection that stood for a while lets the next attempt begin without a wait.
struct Redial {
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var openedAt: UInt64?
    private var quarantinedUntil: UInt64 = 0
    /// A good connection broke and none was made since: an attempt that is refused says that the
    /// process is gone.
    ///
    /// Not only the first attempt: a process that ends closes one socket after the other, and what is
    /// dialled before its listener is closed is cut, not refused.
    private(set) var mayBeGone = false

    /// Nothing was tried yet.
    init() {}

    /// The peer has greeted.
    mutating func opened(at now: UInt64) {
        openedAt = now
        mayBeGone = false
    }

    /// An attempt was refused: that is said once.
    mutating func refused() {
        mayBeGone = false
    }

    /// The connection, which may never have been open, is gone, or could not be made.
    ///
    /// - Parameter now: The monotonic moment.
    /// - Returns: Milliseconds to wait; 0: none.
    mutating func ended(at now: UInt64) -> Int {
        var wasGood = false
        if let openedAt, now >= openedAt, now - openedAt >= RuntimeLimits.goodConnection {
            backoff.reset()
            wasGood = true
        }
        openedAt = nil
        if now < quarantinedUntil {
            mayBeGone = false
            return Int((quarantinedUntil - now) / 1_000_000) + 1
        }
        guard !wasGood else {
            mayBeGone = true
            return 0
        }
        return backoff.wait(using: &generator)
    }

    /// The peer is left alone until a moment.
    mutating func quarantine(until moment: UInt64) {
        quarantinedUntil = moment
    }

    /// Whether the peer may be dialled.
    func mayDial(at now: UInt64) -> Bool { now >= quarantinedUntil }
}
