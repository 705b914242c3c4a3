internal import CadastreProtocol

/// Sessions, always in memory, and their slots.
extension SQLiteRows {
    func session(_ id: UInt64) -> SessionRow? { sessionRows[id]?.row }

    var sessionCount: Int { sessionRows.count }

    func sessionCount(of holder: SessionHolder) -> Int { sessionCounts[holder] ?? 0 }

    func sessions(seenBefore time: UInt64, maximum: Int) -> [SessionRow] {
        guard oldestSeen < time else { return [] }
        // Sorted by time and id, so that the order of the table does not get out.
        let silent = sessionRows.unordered.map(\.row).filter { $0.seen < time }
            .sorted { ($0.seen, $0.id) < ($1.seen, $1.id) }
        oldestSeen = sessionRows.unordered.map(\.row.seen).min() ?? time
        return Array(silent.prefix(maximum))
    }

    func put(_ row: SessionRow, replacing old: SessionRow?) throws(StateMachineError) {
        replace(old, by: row)
        if old == nil { sessionCounts[SessionHolder(row.principal), default: 0] += 1 }
        oldestSeen = min(oldestSeen, row.seen)
        if sessionRows.update(Cached(row: row, isDirty: true), of: row.id)?.isDirty != true {
            dirtySessions.append(row.id)
            dirtyRows += 1
        }
    }

    func delete(_ row: SessionRow) throws(StateMachineError) {
        try beginWriting()
        for slot in try slots(of: row) {
            replace(slot, by: nil)
            slotRows[SlotKey(session: row.id, slot: slot.slot)] = nil
        }
        statements.deleteSlots.bind(1, row.id)
        try statements.deleteSlots.run()
        statements.deleteSession.bind(1, row.id)
        try statements.deleteSession.run()
        wrote(bytes: 0)
        replace(row, by: nil)
        sessionRows[row.id] = nil
        let holder = SessionHolder(row.principal)
        sessionCounts[holder, default: 1] -= 1
        if sessionCounts[holder] == 0 { sessionCounts[holder] = nil }
    }

    func slot(_ slot: UInt32, of session: UInt64) throws(StateMachineError) -> SlotRow? {
        if let cached = slotRows[SlotKey(session: session, slot: slot)] { return cached.row }
        let statement = statements.slot
        statement.bind(1, session)
        statement.bind(2, UInt64(slot))
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let row = SlotRow(
            session: session,
            slot: slot,
            sequence: statement.integer(0),
            commandHash: statement.integer(1),
            reply: try reply(statement, from: 2)
        )
        if slotRows.count < Self.maximumCached {
            slotRows[SlotKey(session: session, slot: slot)] = Cached(row: row, isDirty: false)
        }
        return row
    }

    func put(_ row: SlotRow, replacing old: SlotRow?) throws(StateMachineError) {
        replace(old, by: row)
        let key = SlotKey(session: row.session, slot: row.slot)
        if slotRows.update(Cached(row: row, isDirty: true), of: key)?.isDirty != true {
            dirtySlots.append(key)
            dirtyRows += 1
        }
    }

    /// The slots of a session as they are now, in memory or in the file.
    private func slots(of session: SessionRow) throws(StateMachineError) -> [SlotRow] {
        var rows: [SlotRow] = []
        for number in 0..<session.slots {
            if let row = slotRows[SlotKey(session: session.id, slot: number)]?.row {
                rows.append(row)
            }
        }
        let statement = statements.slotsOfSession
        statement.bind(1, session.id)
        defer { statement.reset() }
        while try statement.step() {
            let row = try slotRow(statement, session: session.id, from: 0)
            guard slotRows[SlotKey(session: session.id, slot: row.slot)] == nil else { continue }
            rows.append(row)
        }
        return rows
    }

    /// Writes a session that was only in memory.
    func write(_ row: SessionRow) throws(StateMachineError) {
        let statement = statements.putSession
        statement.bind(1, row.id)
        statement.bind(2, PrincipalBytes.encode(row.principal))
        statement.bind(3, UInt64(row.slots))
        statement.bind(4, row.seen)
        try statement.run()
    }

    /// Writes a slot that was only in memory.
    func write(_ row: SlotRow) throws(StateMachineError) {
        let statement = statements.putSlot
        statement.bind(1, row.session)
        statement.bind(2, UInt64(row.slot))
        statement.bind(3, row.sequence)
        statement.bind(4, row.commandHash)
        statement.bind(5, UInt64(row.reply.refusal?.rawValue ?? 0))
        statement.bind(6, row.reply.number)
        statement.bind(7, row.reply.sequence)
        try statement.run()
    }

    /// The row under a `SELECT *`.
    func sessionRow(_ statement: Statement) throws(StateMachineError) -> SessionRow {
        guard let principal = PrincipalBytes.decode(statement.bytes(1)),
            let slots = UInt32(exactly: statement.integer(2))
        else { throw .damaged("session \(statement.integer(0)) has no known principal") }
        return SessionRow(
            id: statement.integer(0),
            principal: principal,
            slots: slots,
            seen: statement.integer(3)
        )
    }

    /// The slot whose number and further columns begin here.
    func slotRow(
        _ statement: Statement,
        session: UInt64,
        from column: Int32
    ) throws(StateMachineError) -> SlotRow {
        guard let slot = UInt32(exactly: statement.integer(column)) else {
            throw .damaged("session \(session) has a slot \(statement.integer(column))")
        }
        return SlotRow(
            session: session,
            slot: slot,
            sequence: statement.integer(column + 1),
            commandHash: statement.integer(column + 2),
            reply: try reply(statement, from: column + 3)
        )
    }

    private func reply(
        _ statement: Statement,
        from column: Int32
    ) throws(StateMachineError) -> Reply {
        let number = statement.integer(column)
        let refusal = UInt16(exactly: number).flatMap(Refusal.init(rawValue:))
        guard number == 0 || refusal != nil else { throw .damaged("a reply has refusal \(number)") }
        return Reply(
            refusal: refusal,
            number: statement.integer(column + 1),
            sequence: statement.integer(column + 2)
        )
    }
}
