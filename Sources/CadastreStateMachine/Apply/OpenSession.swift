internal import CadastreProtocol

extension Applier {
    /// Opens a session of the principal.
    ///
    /// Its id follows from the entry's random bytes and from how many were opened before, so it is
    /// the same on every node and hard to guess.
    func apply(
        _ command: OpenSession,
        of principal: Principal,
        random: (UInt64, UInt64)
    ) throws(StateMachineError) -> Reply {
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        // Nobody takes more than is left to all others: there is room for who comes late.
        let reserve = principal.isOperator ? 0 : StateLimits.sessionsForOperators
        let free = StateLimits.maximumSessions - reserve - rows.sessionCount
        let held = rows.sessionCount(of: SessionHolder(principal))
        guard held < min(StateLimits.maximumSessionsPerHolder, free) else {
            return .refused(.tooManySessions)
        }
        var id: UInt64 = 0
        // An id that is taken is as good as impossible, and skipped.
        while id == 0 || rows.session(id) != nil {
            rows.system.sessionsOpened += 1
            var hasher = RowHasher(key: RowHashKey.sessions, tag: rows.system.sessionsOpened)
            hasher.combine(random.0)
            hasher.combine(random.1)
            id = hasher.finished64()
        }
        let row = SessionRow(
            id: id,
            principal: principal,
            slots: command.slots,
            seen: rows.system.clusterTime
        )
        try rows.put(row, replacing: nil)
        return .done(number: id, sequence: nextSequence())
    }
}
