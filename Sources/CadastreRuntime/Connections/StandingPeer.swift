internal import CadastreNode
internal import CadastreTLS

/// Who is at the other end of a standing connection, judged again from time to time: a certificate
/// that was good at the handshake may have been revoked since, or its root be trusted no more.
struct StandingPeer {
    /// What the certificate said.
    let peer: TLSHandshakeCompleted
    private var judge: TLSContext
    private var judgedAt: Moment

    /// Just let in by a context.
    init(_ peer: TLSHandshakeCompleted, letInBy judge: TLSContext, at moment: Moment) {
        self.peer = peer
        self.judge = judge
        judgedAt = moment
    }

    /// Whether it is time to judge again: after a reload, once in a while, and when the wall clock
    /// was set.
    ///
    /// A leader whose clock jumps over the end of all certificates lets nobody in any more. It must
    /// not lead on over the connections that it has.
    func isDue(_ present: TLSContext, at moment: Moment) -> Bool {
        present !== judge || judgedAt.isOver(RuntimeLimits.judgementInterval, at: moment)
            || judgedAt.isClockSet(by: RuntimeLimits.judgementInterval, at: moment)
    }

    /// Judges again by what is trusted now; nil if the connection may stand.
    mutating func refusal(by present: TLSContext, at moment: Moment) -> TLSRefusal? {
        judge = present
        judgedAt = moment
        return peer.chain.refusal(by: present)
    }
}

extension Moment {
    /// Whether more than these nanoseconds have gone by since.
    fileprivate func isOver(_ span: UInt64, at moment: Moment) -> Bool {
        moment.monotonic > monotonic && moment.monotonic - monotonic > span
    }

    /// Whether the wall clock went on by more, or by less, than the monotonic one since, by more than
    /// these nanoseconds.
    func isClockSet(by span: UInt64, at moment: Moment) -> Bool {
        let gone = moment.monotonic > monotonic ? (moment.monotonic - monotonic) / 1_000_000 : 0
        // No clock of this millennium comes near the bound; it keeps the sums from overflowing.
        let bound = UInt64(1) << 60
        let expected = min(wall, bound) + min(gone, bound)
        let shown = min(moment.wall, bound)
        return max(expected, shown) - min(expected, shown) > span / 1_000_000
    }
}
