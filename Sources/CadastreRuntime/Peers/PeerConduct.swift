/// How a peer has behaved lately: one that breaks the protocol again and again is left alone for a
/// while.
///
/// A value without clock.
struct PeerConduct {
    private var faultsInARow = 0
    /// Until when the peer is left alone, monotonic.
    private(set) var quarantinedUntil: UInt64 = 0

    /// It has done nothing wrong.
    init() {}

    /// The peer broke the protocol on a connection that had stood since a moment.
    ///
    /// - Returns: Whether it is left alone from now on.
    mutating func faulted(at now: UInt64, standingSince opened: UInt64) -> Bool {
        let isInARow = now < opened || now - opened < RuntimeLimits.quarantine
        faultsInARow = isInARow ? faultsInARow + 1 : 1
        guard faultsInARow >= RuntimeLimits.faultsUntilQuarantine else { return false }
        faultsInARow = 0
        quarantinedUntil = now + RuntimeLimits.quarantine
        return true
    }

    /// A connection ended for another reason.
    mutating func ended() {
        faultsInARow = 0
    }

    /// Whether it is left alone.
    func isQuarantined(at now: UInt64) -> Bool { now < quarantinedUntil }
}
