internal import CadastreProtocol

/// The digest computed anew from what is in the tables.
extension SQLiteRows {
    /// Begins anew: reads all tables but the objects.
    ///
    /// Those are small beside them, and what is kept in memory of them must be written before.
    func beginVerification() throws(StateMachineError) {
        verification = Verification()
        try each(Statements.Text.allTenants) { row throws(StateMachineError) in
            read(try tenantRow(row))
        }
        try each(Statements.Text.allTenantUsage) { read(tenantUsageRow($0)) }
        try each(Statements.Text.allGrants) {
            read(GrantRow(tenant: TenantID($0.integer(0)), service: $0.bytes(1)))
        }
        try each(Statements.Text.allBuckets) { read(bucketRow($0)) }
        try each(Statements.Text.allBucketUsage) {
            read(
                BucketUsageRow(
                    bucket: BucketID($0.integer(0)),
                    objects: $0.integer(1),
                    bytes: $0.integer(2)
                )
            )
        }
        try each(Statements.Text.allSessions) { row throws(StateMachineError) in
            read(try sessionRow(row))
        }
        try each(Statements.Text.allSlots) { row throws(StateMachineError) in
            read(try slotRow(row, session: row.integer(0), from: 1))
        }
    }

    /// Reads the next objects with their bodies.
    func continueVerification(maximumRows: Int) throws(StateMachineError) {
        guard case .objects(let last) = verification?.stage else { return }
        try settleObjects()
        try verifyObjects(behind: last, maximumRows)
    }

    private func verifyObjects(
        behind last: ObjectPlace,
        _ maximum: Int
    ) throws(StateMachineError) {
        let statement = try Statement(Statements.Text.objectsBehind, on: connection)
        statement.bind(1, last.bucket)
        statement.bind(2, last.key)
        statement.bind(3, UInt64(maximum))
        var count = 0
        while try statement.step() {
            count += 1
            let row = ObjectRow(
                bucket: BucketID(statement.integer(0)),
                key: statement.bytes(1),
                sequence: statement.integer(2),
                size: statement.integer(3),
                etag: statement.bytes(4),
                modified: statement.integer(5),
                bodyHash: statement.integer(6)
            )
            verification?.read(row, bodyHash: bodyHash(statement.bytes(7)), key: key)
        }
        // A slice that did not move on has met only rows that are out of order.
        guard count == maximum, case .objects(let now) = verification?.stage, last < now else {
            verification?.finishObjects()
            return
        }
    }

    private func read(_ row: some DigestedRow) { verification?.read(row, key: key) }

    /// Visits all rows of a table; one that cannot be read is noted, and missing in the sum.
    private func each(
        _ text: String,
        _ visit: (Statement) throws(StateMachineError) -> Void
    ) throws(StateMachineError) {
        let statement = try Statement(text, on: connection)
        while try statement.step() {
            do throws(StateMachineError) {
                try visit(statement)
            } catch {
                guard case .damaged(let what) = error else { throw error }
                verification?.note(what)
            }
        }
    }
}
