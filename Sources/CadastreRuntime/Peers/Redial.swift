/// When a peer is dialled again: at once when a good connection broke, else after a wait that grows.
///
/// A value without I/O or clock. A peer that greets and then hangs up was never reached: only a
/// connection that stood for a while lets the next attempt begin without a wait.
struct Redial {
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    private var openedAt: UInt64?
    private var quarantinedUntil: UInt64 = 0
    /// When a good connection broke, if none was made since and no attempt was refused.
    private var brokenAt: UInt64?
    private let goodConnection: UInt64

    /// Nothing was tried yet.
    ///
    /// - Parameter goodConnection: Nanoseconds after which a connection was a good one.
    init(goodConnection: UInt64 = RuntimeLimits.goodConnection) {
        self.goodConnection = goodConnection
    }

    /// The peer has greeted.
    mutating func opened(at now: UInt64) {
        openedAt = now
        brokenAt = nil
    }

    /// An attempt was refused.
    ///
    /// Not only the first one counts: a process that ends closes one socket after the other, and what
    /// is dialled before its listener is closed is cut, not refused.
    ///
    /// - Returns: Whether it says that the process is gone, with which a good connection stood until
    ///   just now; true only once.
    mutating func refused(at now: UInt64) -> Bool {
        guard let brokenAt else { return false }
        self.brokenAt = nil
        return now >= brokenAt && now - brokenAt <= RuntimeLimits.goneAfterBreak
    }

    /// The connection, which may never have been open, is gone, or could not be made.
    ///
    /// - Parameter now: The monotonic moment.
    /// - Returns: Milliseconds to wait; 0: none.
    mutating func ended(at now: UInt64) -> Int {
        let wasGood = openedAt.map { now >= $0 && now - $0 >= goodConnection } ?? false
        openedAt = nil
        if wasGood { backoff.reset() }
        if now < quarantinedUntil {
            brokenAt = nil
            return Int((quarantinedUntil - now) / 1_000_000) + 1
        }
        guard wasGood else { return backoff.wait(using: &generator) }
        brokenAt = now
        return 0
    }

    /// The peer is left alone until a moment.
    mutating func quarantine(until moment: UInt64) {
        quarantinedUntil = moment
    }

    /// Whether the peer may be dialled.
    func mayDial(at now: UInt64) -> Bool { now >= quarantinedUntil }
}
