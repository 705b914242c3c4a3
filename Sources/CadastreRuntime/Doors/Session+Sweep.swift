internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import Logging
internal import NIOCore

/// What a client may not do for ever: looked at every few milliseconds.
extension Session {
    /// Gives up requests past their deadline, and connections that have had their time.
    ///
    /// - Parameters:
    ///   - moment: Now.
    ///   - judgements: How many certificates may still be judged in this sweep.
    func sweep(at moment: Moment, judgements: inout Int) {
        guard case .open = phase else { return }
        let now = moment.monotonic
        for (key, request) in requests.removeLate(at: now) { giveUp(key, request) }
        if let since = stalledSince, now > since, now - since > RuntimeLimits.slowReaderTimeout {
            closeFaulty("replies were not read")
        } else if unfinished.isLate(at: now) {
            closeFaulty("a message did not come whole in time")
        } else if isIdle(at: now) {
            context.log.debug("an idle connection is closed", metadata: ["session": "\(number)"])
            close()
        } else {
            judge(at: moment, judgements: &judgements)
        }
    }

    private func isIdle(at now: UInt64) -> Bool {
        requests.isEmpty && unsent.size == 0 && now > lastHeard
            && now - lastHeard > RuntimeLimits.idleTimeout
    }

    /// Ends the connection if its certificate is no longer one that would be let in.
    private func judge(at moment: Moment, judgements: inout Int) {
        guard var standing = entrant?.standing else { return }
        if Int64(clamping: moment.wall / 1_000) > standing.peer.notAfter {
            refuse(.tls(.expired), "the certificate ended while the connection stood")
            return
        }
        let present = context.tls.current
        guard judgements > 0, standing.isDue(present, at: moment) else { return }
        judgements -= 1
        let refusal = standing.refusal(by: present, at: moment)
        entrant?.standing = standing
        guard let refusal else { return }
        refuse(.tls(refusal.reason), "while the connection stood: \(refusal.detail)")
    }
}
