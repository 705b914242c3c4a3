internal import CadastreProtocol

/// The digest computed anew from what is in the tables.
extension SQLiteRows {
    /// Sums the hashes of all rows; each body is compared with the hash in its object's row.
    ///
    /// What is only in memory must have been written before.
    func recomputeDigest(
        progress: (UInt64) -> Void
    ) throws(StateMachineError) -> (digest: StateDigest, rows: UInt64) {
        var sum = system.digest(key)
        var count: UInt64 = 1
        var objects = 0
        func add(_ row: some DigestedRow) {
            sum += row.digest(key)
            count += 1
            if count.isMultiple(of: 8_192) { progress(count) }
        }
        try each(Statements.Text.allTenants) { row throws(StateMachineError) in
            add(try tenantRow(row))
        }
        try each(Statements.Text.allTenantUsage) { add(tenantUsageRow($0)) }
        try each(Statements.Text.allGrants) {
            add(GrantRow(tenant: TenantID($0.integer(0)), service: $0.bytes(1)))
        }
        try each(Statements.Text.allBuckets) { add(bucketRow($0)) }
        try each(Statements.Text.allBucketUsage) {
            add(
                BucketUsageRow(
                    bucket: BucketID($0.integer(0)),
                    objects: $0.integer(1),
                    bytes: $0.integer(2)
                )
            )
        }
        try each(Statements.Text.allObjects) { statement throws(StateMachineError) in
            let row = ObjectRow(
                bucket: BucketID(statement.integer(0)),
                key: statement.bytes(1),
                sequence: statement.integer(2),
                size: statement.integer(3),
                etag: statement.bytes(4),
                modified: statement.integer(5),
                bodyHash: statement.integer(6)
            )
            _ = try body(of: row)
            objects += 1
            add(row)
        }
        let bodies = try connection.value(of: "SELECT count(*) FROM bodies")
        guard bodies == "\(objects)" else {
            throw .damaged("there are \(bodies) bodies for \(objects) objects")
        }
        try each(Statements.Text.allSessions) { row throws(StateMachineError) in
            add(try sessionRow(row))
        }
        try each(Statements.Text.allSlots) { row throws(StateMachineError) in
            add(try slotRow(row, session: row.integer(0), from: 1))
        }
        progress(count)
        return (sum, count)
    }

    private func each(
        _ text: String,
        _ visit: (Statement) throws(StateMachineError) -> Void
    ) throws(StateMachineError) {
        let statement = try Statement(text, on: connection)
        while try statement.step() { try visit(statement) }
    }
}
