internal import CadastreTLS

/// Who is at the other end of a standing connection, judged again from time to time: a certificate
/// that was good at the handshake may have been revoked since, or its root be trusted no more.
struct StandingPeer {
    /// What the certificate said.
    let peer: TLSHandshakeCompleted
    private var judge: TLSContext
    private var judgedAt: UInt64

    /// Just let in by a context.
    init(_ peer: TLSHandshakeCompleted, letInBy judge: TLSContext, at now: UInt64) {
        self.peer = peer
        self.judge = judge
        judgedAt = now
    }

    /// Whether it is time to judge again: after a reload, and once in a while.
    func isDue(_ present: TLSContext, at now: UInt64) -> Bool {
        present !== judge || (now > judgedAt && now - judgedAt > RuntimeLimits.judgementInterval)
    }

    /// Judges again by what is trusted now; nil if the connection may stand.
    mutating func refusal(by present: TLSContext, at now: UInt64) -> TLSRefusal? {
        judge = present
        judgedAt = now
        return peer.chain.refusal(by: present)
    }
}
