package import CadastreProtocol

/// Who shares one allowance of sessions: all certificates of a tenant, all of a service, or one
/// operator.
package enum SessionHolder: Hashable, Sendable {
    /// A node, which opens none.
    case node(UInt64)
    /// One operator.
    case `operator`(name: [UInt8])
    /// All processes of a service.
    case service(name: [UInt8])
    /// All users of a tenant.
    case tenant(name: [UInt8])

    /// The holder to whom a principal's sessions are counted.
    package init(_ principal: Principal) {
        switch principal {
        case .node(let number): self = .node(number)
        case .operator(let name): self = .operator(name: name)
        case .service(let name): self = .service(name: name)
        case .tenant(let tenant, _): self = .tenant(name: tenant)
        }
    }
}

/// Under which session, slot and sequence a request was sent.
struct RequestPlace {
    var session: UInt64
    var slot: UInt32
    var sequence: UInt64
}

/// What a slot says about a request.
enum Recognition {
    /// It was applied before, or may not be applied: this is the answer.
    case answered(Reply)
    /// It is the next one; the slot's row as it is now.
    case fresh(SlotRow?)
}

/// Exactly once: which request was applied already, and what was answered.
extension Applier {
    /// Judges a request by its slot.
    func recognise(
        _ principal: Principal,
        at place: RequestPlace,
        hash: UInt64
    ) throws(StateMachineError) -> Recognition {
        // The session of somebody else looks like one that does not exist.
        guard let session = rows.session(place.session), session.principal == principal else {
            return .answered(.refused(.noSuchSession))
        }
        guard place.slot < session.slots else { return .answered(.refused(.slotOutOfRange)) }
        try noteSeen(session)
        let slot = try rows.slot(place.slot, of: place.session)
        let newest = slot?.sequence ?? 0
        if let slot, place.sequence == newest {
            return .answered(slot.commandHash == hash ? slot.reply : .refused(.requestReused))
        }
        // The newest is below the largest number, or nothing could follow it.
        guard newest < .max, place.sequence == newest + 1 else {
            return .answered(.refused(.sequenceOutOfOrder))
        }
        return .fresh(slot)
    }

    /// Stores the reply for retries, unless it is a refusal that a retry is to be judged anew after
    /// (``Refusal/isStored``): then the slot stays as it is, and the same sequence is the next.
    func remember(
        _ reply: Reply,
        at place: RequestPlace,
        hash: UInt64,
        replacing slot: SlotRow?
    ) throws(StateMachineError) {
        // A command may have closed its own session: then there is no slot to keep it in.
        guard reply.refusal?.isStored != false, rows.session(place.session) != nil else { return }
        let row = SlotRow(
            session: place.session,
            slot: place.slot,
            sequence: place.sequence,
            commandHash: hash,
            reply: reply
        )
        try rows.put(row, replacing: slot)
    }

    private func noteSeen(_ session: SessionRow) throws(StateMachineError) {
        let time = rows.system.clusterTime
        // Cluster time never goes back, so no session was seen after it.
        guard time - session.seen >= StateLimits.sessionTimeStepMilliseconds else { return }
        var seen = session
        seen.seen = time
        try rows.put(seen, replacing: session)
    }

    /// Gives sessions that were opened before the first tick its time.
    ///
    /// To them it seems that nobody has been seen since 1970.
    func noteAllSeen() throws(StateMachineError) {
        let time = rows.system.clusterTime
        for session in rows.sessions(seenBefore: time, maximum: StateLimits.maximumSessions) {
            try noteSeen(session)
        }
    }

    /// Closes sessions that were silent for too long, the longest silent first.
    func closeSilentSessions() throws(StateMachineError) {
        let allowed =
            StateLimits.sessionSilenceMilliseconds + StateLimits.sessionTimeStepMilliseconds
        guard rows.system.clusterTime > allowed else { return }
        let silent = rows.sessions(
            seenBefore: rows.system.clusterTime - allowed,
            maximum: StateLimits.sessionsClosedPerTick
        )
        for session in silent { try rows.delete(session) }
    }
}
