internal import CadastreProtocol
internal import NIOCore

/// Slots for writes, and the session that has them.
extension RequestRouter {
    /// Gives the request a slot if it needs one, and sends it.
    func start(_ request: ActiveRequest) {
        guard !request.isFinished else { return }
        guard request.submission.kind == .command, request.slot == nil else {
            dispatch(request)
            return
        }
        // Not past those that wait already.
        if sessions.waiting.isEmpty, sessions.lease(to: request) {
            dispatch(request)
        } else {
            sessions.waiting.append(request)
            serveWaitingForSlots()
        }
    }

    /// Gives free slots to those that wait.
    func serveWaitingForSlots() {
        guard isOpen else { return }
        while let request = sessions.waiting.first {
            guard sessions.lease(to: request) else {
                openSessionIfNeeded()
                return
            }
            sessions.waiting.removeFirst()
            dispatch(request)
        }
    }

    private func openSessionIfNeeded() {
        guard case .none = sessions.state else { return }
        sessions.becomeOpening()
        // Its deadline is its own and not that of the first that waits: one that is given up after
        // it was sent may leave behind a session that nobody closes.
        let open = OpenSession(slots: configuration.sessionSlots)
        openingID = take(Submission(.repeatableCommand, open.encoded)) { outcome in
            self.sessionOpened(outcome)
        }
    }

    private func sessionOpened(_ outcome: RawOutcome) {
        switch outcome {
        case .done(let content, _):
            guard let receipt = Receipt(content) else {
                failWaitingForSlots(Refused(.unreadableReply, detail: "no id of a session"))
                break
            }
            failedOpeningCount = 0
            sessions.becomeOpen(receipt.number)
            serveWaitingForSlots()
        case .refused(let refused):
            if refused.advice == .askAgainLater {
                openSessionLater(refused)
            } else {
                failWaitingForSlots(refused)
            }
        case .unknown(let reason):
            openSessionLater(Refused(.deadlinePassed, detail: reason))
        }
        closeSessions()
    }

    /// Those whose deadline has not passed ask again.
    private func openSessionLater(_ obstacle: Refused) {
        sessions.becomeNone()
        sessions.waiting.note(obstacle)
        failedOpeningCount += 1
        let delay = jitter(.milliseconds(25 << min(failedOpeningCount, 5)))
        loop.assumeIsolated().scheduleTask(in: delay) { self.serveWaitingForSlots() }
    }

    /// Nothing of these was ever sent, so nothing happened.
    private func failWaitingForSlots(_ refused: Refused) {
        sessions.becomeNone()
        for request in sessions.waiting.takeAll() { finish(request, .refused(refused)) }
    }

    /// What keeps a request from being done: for one that waits for a session, what keeps that.
    func obstacle(of request: ActiveRequest) -> Refused? {
        if let obstacle = request.lastObstacle { return obstacle }
        guard request.submission.kind == .command, request.slot == nil else { return nil }
        return requests[openingID]?.lastObstacle
    }
}
