internal import CadastreProtocol
internal import NIOCore

/// What a reply means for its request. The rule that keeps writes exactly once: a request whose
/// earlier attempt may have happened ends as done, as a refusal that the state machine gave, or as
/// unknown, never as a refusal of the door.
extension RequestRouter {
    /// An attempt was answered.
    func received(_ reply: ReplyMessage, for request: ActiveRequest, on link: NodeLink) {
        guard !request.isFinished else { return }
        request.place = .waiting
        switch reply.outcome {
        case .done(let content):
            targetAnswered(link)
            settle(request, .used, .done(content, appliedIndex: reply.appliedIndex))
        case .unknown:
            if doubt(request, Refused(.deadlinePassed, detail: reply.detail)) {
                again(request, after: 0)
            }
        case .refused(let refusal, let retryAfter):
            var refused = Refused(number: refusal.rawValue, detail: reply.detail)
            if reply.operation != 0 { refused.operation = Int(reply.operation) - 1 }
            request.lastObstacle = refused
            if let leader = leadingAlready(request, refused, link) {
                targetAnswered(link)
                let answer = AdministrationAnswer.leadershipTransferred(leader: leader)
                let index = reply.appliedIndex
                settle(request, .used, .done(.administration(answer), appliedIndex: index))
            } else {
                refusedAttempt(request, refused, retryAfter, reply.leader, link)
            }
        }
        hasRoom(on: link)
    }

    /// A connection has room for one more.
    func hasRoom(on link: NodeLink) {
        if !leaderQueue.isEmpty { serveLeaderQueue() }
        if !link.waiting.isEmpty { serve(link) }
    }

    /// An attempt was answered with bytes that are no reply.
    func receivedUnreadable(_ detail: String, for request: ActiveRequest) {
        guard !request.isFinished else { return }
        request.isUnresolved = true
        refuseOrDoubt(request, Refused(.unreadableReply, detail: detail))
    }

    /// Nobody can say whether an attempt happened, but a retry with the same identity.
    ///
    /// False if such a retry would do harm: the request is then settled as unknown.
    func doubt(_ request: ActiveRequest, _ obstacle: Refused) -> Bool {
        request.isUnresolved = true
        request.lastObstacle = obstacle
        guard !request.submission.isRepeatable else { return true }
        settle(request, .unsettled, .unknown("it was sent, and no answer came: \(obstacle)"))
        return false
    }

    /// The node that a request wants to lead, if it is the one that refused it.
    ///
    /// A leader alone looks at who has a vote, and finds that it cannot hand over to itself.
    private func leadingAlready(
        _ request: ActiveRequest,
        _ refused: Refused,
        _ link: NodeLink
    ) -> UInt64? {
        guard refused.reason == .notAVoter, let successor = request.submission.successor,
            successor == link.node
        else { return nil }
        return successor
    }

    private func refusedAttempt(
        _ request: ActiveRequest,
        _ refused: Refused,
        _ retryAfter: UInt32,
        _ leader: LeaderHint?,
        _ link: NodeLink
    ) {
        switch refused.reason.handling {
        case .elsewhere: askElsewhere(request, refused, retryAfter, leader, link)
        case .later: again(request, after: retryAfter)
        case .session: sessionLost(request, refused)
        case .slot: slotOutOfStep(request, refused)
        case .final:
            targetAnswered(link)
            settle(request, .used, .refused(refused))
        case .door:
            targetAnswered(link)
            refuseOrDoubt(request, refused)
        }
    }

    private func askElsewhere(
        _ request: ActiveRequest,
        _ refused: Refused,
        _ retryAfter: UInt32,
        _ leader: LeaderHint?,
        _ link: NodeLink
    ) {
        switch request.submission.route {
        case .leader:
            if refused.reason == .notReady {
                again(request, after: retryAfter)
            } else {
                targetDoesNotLead(link, hint: leader.flatMap { Endpoint($0.address) })
                dispatch(request)
            }
        case .nearest where refused.reason == .notLeader:
            // Only the leader can say: asking the same node again would say the same.
            request.submission.route = .leader
            dispatch(request)
        case .nearest:
            again(request, after: retryAfter)
        case .node:
            if refused.reason == .notLeader {
                refuseOrDoubt(request, refused)
            } else {
                again(request, after: retryAfter)
            }
        }
    }

    /// Sends the same request once more, later, unless its deadline comes first.
    private func again(_ request: ActiveRequest, after milliseconds: UInt32) {
        let patience = Int64(milliseconds == 0 ? 10 << min(request.attemptCount, 5) : milliseconds)
        let delay = jitter(.milliseconds(min(patience, 10_000)))
        // One that would come too late is settled at its deadline.
        guard .now() + delay < request.deadline else { return }
        // Weakly: what is given up meanwhile is not kept for it.
        loop.assumeIsolated().scheduleTask(in: delay) { [weak request] in
            if let request { self.dispatch(request) }
        }
    }

    private func sessionLost(_ request: ActiveRequest, _ refused: Refused) {
        sessions.lost(by: request)
        if request.submission.kind != .command {
            finish(request, .refused(refused))
        } else if request.isUnresolved {
            finish(request, .unknown("the session ended before the outcome was known"))
            // It was the last, maybe, by whose end those that wait would have been served.
            serveWaitingForSlots()
        } else {
            start(request)
        }
    }

    private func slotOutOfStep(_ request: ActiveRequest, _ refused: Refused) {
        if !request.isUnresolved, sessions.fallBack(request) {
            dispatch(request)
        } else if request.isUnresolved {
            settle(request, .unsettled, .unknown("its place in the session was taken"))
        } else {
            settle(request, .unsettled, .refused(refused))
        }
    }

    /// A refusal of the door: final if nothing of the request can be on its way.
    func refuseOrDoubt(_ request: ActiveRequest, _ refused: Refused) {
        if request.isUnresolved, request.submission.changesState {
            settle(
                request,
                .unsettled,
                .unknown("an earlier attempt was lost, and the last was refused: \(refused)")
            )
        } else {
            settle(request, request.attemptCount == 0 ? .unused : .usedOrUnused, .refused(refused))
        }
    }

    /// The deadline has passed, or the caller wants no more.
    func expire(_ request: ActiveRequest, _ reason: String) {
        let obstacle = obstacle(of: request)
        let mayHappen = request.isUnresolved || request.isSent
        if case .sent(let connection) = request.place { connection.forget(request) }
        if mayHappen, request.submission.changesState {
            let last = obstacle.map { "; the last obstacle: \($0)" } ?? ""
            settle(request, .unsettled, .unknown(reason + last))
        } else {
            let refused = obstacle ?? Refused(.deadlinePassed, detail: reason)
            settle(request, .unused, .refused(refused))
        }
    }

    private func settle(_ request: ActiveRequest, _ fate: SessionPool.Fate, _ outcome: RawOutcome) {
        let hadSlot = request.slot != nil
        sessions.release(request, fate)
        finish(request, outcome)
        guard hadSlot, isOpen else { return }
        closeAbandoned()
        serveWaitingForSlots()
    }
}
