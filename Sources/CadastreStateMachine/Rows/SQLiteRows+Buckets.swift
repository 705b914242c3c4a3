internal import CadastreProtocol

/// Buckets by name, and their usage.
extension SQLiteRows {
    func bucket(named name: Span<UInt8>) throws(StateMachineError) -> BucketRow? {
        // Who puts one object into a bucket mostly puts the next there, too.
        if let last = lastBucket, ByteOrder.areEqual(last.name.span, name) { return last }
        let row = try bucket(withName: name.copy(0..<name.count))
        if let row { lastBucket = row }
        return row
    }

    private func bucket(withName name: [UInt8]) throws(StateMachineError) -> BucketRow? {
        if let row = bucketRows[name] { return row }
        let statement = statements.bucketNamed
        statement.bind(1, name)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let row = bucketRow(statement)
        if bucketRows.count < Self.maximumCached { bucketRows[name] = row }
        return row
    }

    func buckets(
        of tenant: TenantID,
        prefix: [UInt8],
        after: [UInt8],
        maximum: Int
    ) throws(StateMachineError) -> [BucketRow] {
        let statement = statements.bucketsFrom
        statement.bind(1, tenant.value)
        statement.bind(2, Keys.start(prefix: prefix, after: after))
        statement.bind(3, Keys.end(ofPrefix: prefix) ?? Keys.behindAll)
        statement.bind(4, UInt64(maximum))
        defer { statement.reset() }
        var rows: [BucketRow] = []
        while try statement.step() { rows.append(bucketRow(statement)) }
        return rows
    }

    func insert(_ row: BucketRow) throws(StateMachineError) {
        try beginWriting()
        let statement = statements.insertBucket
        statement.bind(1, row.id.value)
        statement.bind(2, row.name)
        statement.bind(3, row.tenant.value)
        statement.bind(4, row.created)
        statement.bind(5, row.epoch)
        try statement.run()
        wrote(bytes: 2 * row.name.count)
        replace(nil, by: row)
        bucketRows[row.name] = row
        lastBucket = row
    }

    func delete(_ row: BucketRow) throws(StateMachineError) {
        try beginWriting()
        statements.deleteBucket.bind(1, row.id.value)
        try statements.deleteBucket.run()
        wrote(bytes: 0)
        replace(row, by: nil)
        bucketRows[row.name] = nil
        lastBucket = nil
    }

    func usage(of bucket: BucketID) throws(StateMachineError) -> BucketUsageRow? {
        if let cached = bucketUsages[bucket] { return cached.row }
        let statement = statements.bucketUsage
        statement.bind(1, bucket.value)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let row = BucketUsageRow(
            bucket: bucket,
            objects: statement.integer(0),
            bytes: statement.integer(1)
        )
        if bucketUsages.count < Self.maximumCached {
            bucketUsages[bucket] = Cached(row: row, isDirty: false)
        }
        return row
    }

    func put(_ row: BucketUsageRow, replacing old: BucketUsageRow?) throws(StateMachineError) {
        replace(old, by: row)
        if bucketUsages.update(Cached(row: row, isDirty: true), of: row.bucket)?.isDirty != true {
            dirtyBucketUsages.append(row.bucket)
            dirtyRows += 1
        }
    }

    func delete(_ row: BucketUsageRow) throws(StateMachineError) {
        try beginWriting()
        statements.deleteBucketUsage.bind(1, row.bucket.value)
        try statements.deleteBucketUsage.run()
        wrote(bytes: 0)
        replace(row, by: nil)
        bucketUsages[row.bucket] = nil
    }

    /// Writes a usage that was only in memory.
    func write(_ row: BucketUsageRow) throws(StateMachineError) {
        let statement = statements.putBucketUsage
        statement.bind(1, row.bucket.value)
        statement.bind(2, row.objects)
        statement.bind(3, row.bytes)
        try statement.run()
    }

    /// The row under a `SELECT *`.
    func bucketRow(_ statement: Statement) -> BucketRow {
        BucketRow(
            id: BucketID(statement.integer(0)),
            name: statement.bytes(1),
            tenant: TenantID(statement.integer(2)),
            created: statement.integer(3),
            epoch: statement.integer(4)
        )
    }
}
