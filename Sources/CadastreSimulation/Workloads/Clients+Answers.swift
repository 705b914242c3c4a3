internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What becomes of answers, once they are found to be right.
extension Clients {
    /// A node answered an attempt, perhaps an old one.
    mutating func replied(_ reply: OutgoingReply, in world: World) throws(Violation) {
        let number = Int(clamping: reply.key.request)
        let attempt = attempts[number]
        switch reply.content {
        case .command(let said):
            guard isAwaited(attempt) else { return }
            try take(said, attempt)
            finish(attempt, reply, in: world)
            if said.refusal == .noSuchSession { all[attempt.client].isRenewing = true }
            if attempt.purpose == .work, world.chance.perMille(20) {
                makeMischief(attempt, in: world)
            }
        case .answer: finish(attempt, reply, in: world)
        case .refused(let refusal, let leader):
            if refusal.isPassing {
                tryAgain(number, attempt, leader, in: world)
            } else {
                finish(attempt, reply, in: world)
            }
        case .unknown: tryAgain(number, attempt, .none, in: world)
        case .page, .digest, .transferred, .memberPlan, .policyPlan, .forbidden: break
        }
    }

    private mutating func take(_ reply: Reply, _ attempt: Attempt) throws(Violation) {
        switch attempt.purpose {
        case .setUp(let step):
            guard reply.refusal == nil else {
                throw Violation(.acknowledgedWrites, "set-up refused: \(step) is answered \(reply)")
            }
            switch step {
            case .createTenant(let tenant): tenants[tenant] = TenantID(reply.number)
            case .openSession(let client): all[client].session = reply.number
            case .grant, .createBucket: break
            }
        case .opening:
            guard reply.refusal == nil else {
                throw Violation(.acknowledgedWrites, "no session is opened: \(reply)")
            }
            all[attempt.client].session = reply.number
        case .work, .expiry, .farewell, .comparison, .mischief: break
        }
    }

    /// Whether the slot waits for what this attempt asked, be it an older attempt at it.
    private func isAwaited(_ attempt: Attempt) -> Bool {
        all[attempt.client].slots[attempt.slot].request?.number == attempt.request
    }

    /// Asks again soon, where the refusal points to.
    private mutating func tryAgain(
        _ number: Int,
        _ attempt: Attempt,
        _ leader: NodeID,
        in world: World
    ) {
        let slot = all[attempt.client].slots[attempt.slot]
        guard slot.request != nil, slot.attempt == number else { return }
        if leader != .none, leader.value <= UInt64(scenario.places) {
            all[attempt.client].node = Int(leader.value) - 1
        } else {
            all[attempt.client].node = world.chance.below(scenario.places)
        }
        world.plan(
            .patienceEnds(attempt: number),
            after: world.chance.draw(1 * Span.millisecond...30 * Span.millisecond)
        )
    }

    /// The attempt was answered: if the slot waits for it, the slot is free.
    private mutating func finish(_ attempt: Attempt, _ reply: OutgoingReply, in world: World) {
        guard isAwaited(attempt) else { return }
        world.history?.ends(attempt.request, reply, at: world.now)
        all[attempt.client].slots[attempt.slot].request = nil
        world.availability.answers(at: world.now)
        if case .faults = world.phase { world.operationsUnderFaults += 1 }
        switch attempt.purpose {
        case .setUp:
            steps.removeLast()
            nextStep(in: world)
        case .comparison:
            if case .query(let query, _) = attempt.content, let next = nextPage(of: query, reply) {
                comparisons.append((attempt.client, next))
            }
            nextComparison(in: world)
        case .farewell: all[attempt.client].hasSaidFarewell = true
        case .expiry: openSession(attempt.client, in: world)
        case .opening:
            world.reach.mark(.sessionRenewed)
            for slot in all[attempt.client].slots.indices {
                all[attempt.client].slots[slot] = Slot()
                plan(attempt.client, slot, in: world)
            }
            all[attempt.client].isRenewing = false
        case .work, .mischief:
            guard !goesOn(attempt, reply, in: world) else { return }
            plan(attempt.client, attempt.slot, in: world)
        }
    }

    /// A slot thinks, and then wants something new.
    func plan(_ client: Int, _ slot: Int, in world: World) {
        world.plan(
            .nextRequest(client: client, slot: slot),
            after: world.chance.draw(scenario.thinkTime)
        )
    }
}
