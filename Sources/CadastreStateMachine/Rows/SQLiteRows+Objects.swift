internal import CadastreProtocol

/// Objects: one table in the order of their keys, each row with its body behind what lists show,
/// and above it what changed last.
extension SQLiteRows: Rows {
    func object(in bucket: BucketID, key: [UInt8]) throws(StateMachineError) -> ObjectRow? {
        let place = ObjectPlace(bucket: bucket.value, key: key)
        switch changes[place] {
        case .stored(let row, _): return row
        case .deleted: return nil
        case nil: break
        }
        if let row = remembered[place] { return row }
        let statement = statements.object
        statement.bind(1, bucket.value)
        statement.bind(2, key)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        let row = ObjectRow(
            bucket: bucket,
            key: key,
            sequence: statement.integer(0),
            size: statement.integer(1),
            etag: statement.bytes(2),
            modified: statement.integer(3),
            bodyHash: statement.integer(4)
        )
        remembered.remember(row, at: place)
        return row
    }

    func body(of row: ObjectRow) throws(StateMachineError) -> ObjectBody {
        let bytes = try storedBody(of: row)
        guard bodyHash(bytes) == row.bodyHash, let body = ObjectBody(decoding: bytes) else {
            throw .damaged("the body of change \(row.sequence) is not what was written")
        }
        return body
    }

    private func storedBody(of row: ObjectRow) throws(StateMachineError) -> [UInt8] {
        if case .stored(_, let body) = changes[ObjectPlace(row)] { return body }
        let statement = statements.body
        statement.bind(1, row.bucket.value)
        statement.bind(2, row.key)
        defer { statement.reset() }
        guard try statement.step() else {
            throw .damaged("the body of change \(row.sequence) is missing")
        }
        return statement.bytes(0)
    }

    func put(
        _ row: ObjectRow,
        body: ObjectBody,
        replacing old: ObjectRow?
    ) throws(StateMachineError) {
        var row = row
        let bytes = body.encode()
        row.bodyHash = bodyHash(bytes)
        note(
            .stored(row, body: bytes),
            of: row,
            bytes: row.key.count + row.etag.count + bytes.count
        )
        replace(old, by: row)
    }

    func delete(_ row: ObjectRow) throws(StateMachineError) {
        note(.deleted, of: row, bytes: row.key.count)
        replace(row, by: nil)
    }

    private func note(_ change: ObjectChanges.Change, of row: ObjectRow, bytes: Int) {
        if changes.note(change, at: ObjectPlace(row)) { dirtyRows += 1 }
        // Every change, so that few objects that change for ever are committed, too.
        dirtyBytes += bytes + Self.costOfChange
    }

    /// What a change takes in memory beside its bytes, about.
    private static var costOfChange: Int { 256 }

    /// Stores an object that was only in memory.
    func write(_ row: ObjectRow, body: [UInt8]) throws(StateMachineError) {
        let statement = statements.putObject
        statement.bind(1, row.bucket.value)
        statement.bind(2, row.key)
        statement.bind(3, row.sequence)
        statement.bind(4, row.size)
        statement.bind(5, row.etag)
        statement.bind(6, row.modified)
        statement.bind(7, row.bodyHash)
        statement.bind(8, body)
        try statement.run()
    }

    /// Removes an object that memory says is gone; none may be there.
    func erase(_ place: ObjectPlace) throws(StateMachineError) {
        statements.deleteObject.bind(1, place.bucket)
        statements.deleteObject.bind(2, place.key)
        try statements.deleteObject.run()
    }

    func scanObjects(
        in bucket: BucketID,
        from start: [UInt8],
        to end: [UInt8]?,
        visit: (ObjectRow) -> ScanStep
    ) throws(StateMachineError) {
        try settleObjects()
        let statement = statements.scanObjects
        statement.bind(1, bucket.value)
        statement.bind(2, start)
        statement.bind(3, end ?? Keys.behindAll)
        defer { statement.reset() }
        /// Rows below this are stepped over, not shown.
        var target: [UInt8]?
        var stepped = 0
        while try statement.step() {
            let key = statement.bytes(0)
            if let sought = target {
                if key.lexicographicallyPrecedes(sought) {
                    // Most groups are small: a search costs as much as some ten steps.
                    stepped += 1
                    guard stepped == Self.stepsBeforeSeek else { continue }
                    statement.reset()
                    statement.bind(2, sought)
                    continue
                }
                target = nil
            }
            let row = ObjectRow(
                bucket: bucket,
                key: key,
                sequence: statement.integer(1),
                size: statement.integer(2),
                etag: statement.bytes(3),
                modified: statement.integer(4),
                bodyHash: statement.integer(5)
            )
            switch visit(row) {
            case .next: break
            case .seek(let sought):
                target = sought
                stepped = 0
            case .stop: return
            }
        }
    }

    /// The keyed hash of a body's bytes.
    func bodyHash(_ bytes: [UInt8]) -> UInt64 {
        var hasher = RowHasher(key: key, tag: Self.bodyTag)
        hasher.combine(bytes)
        return hasher.finished64()
    }

    private static var stepsBeforeSeek: Int { 8 }
    /// The tag of bodies, beside those of the rows.
    static var bodyTag: UInt64 { 100 }
}
