internal import CadastreProtocol

/// Objects: one table in the order of their keys, each row with its body behind what lists show,
/// and above it what changed last.
extension SQLiteRows: Rows {
    func object(at place: HashedPlace) throws(StateMachineError) -> ObjectRow? {
        switch changes.known(at: place) ?? remembered.known(at: place) {
        case .row(let row): return row
        case .absent: return nil
        case nil: break
        }
        let statement = statements.object
        statement.bind(1, place.bucket)
        statement.bind(2, place.key)
        defer { statement.reset() }
        return try statement.step() ? foundRow(statement, at: place) : nil
    }

    private func foundRow(_ statement: Statement, at place: HashedPlace) -> ObjectRow {
        ObjectRow(
            bucket: BucketID(place.bucket),
            key: place.key,
            sequence: statement.integer(0),
            size: statement.integer(1),
            etag: statement.bytes(2),
            modified: statement.integer(3),
            bodyHash: statement.integer(4)
        )
    }

    func wholeObject(at place: HashedPlace) throws(StateMachineError) -> ObjectRecord? {
        switch changes.known(at: place) {
        case .row(let row):
            let body = changes.body(at: place) ?? []
            return try wholeObject(
                row.key + row.etag + body,
                place,
                bodySize: body.count,
                sequence: row.sequence,
                size: row.size,
                modified: row.modified,
                bodyHash: row.bodyHash
            )
        case .absent: return nil
        case nil: break
        }
        let statement = statements.wholeObject
        statement.bind(1, place.bucket)
        statement.bind(2, place.key)
        defer { statement.reset() }
        guard try statement.step() else { return nil }
        var memory: [UInt8] = []
        let (etagSize, bodySize) = (statement.size(2), statement.size(5))
        memory.reserveCapacity(place.key.count + etagSize + bodySize)
        memory.append(contentsOf: place.key)
        statement.append(2, to: &memory)
        statement.append(5, to: &memory)
        return try wholeObject(
            memory,
            place,
            bodySize: bodySize,
            sequence: statement.integer(0),
            size: statement.integer(1),
            modified: statement.integer(3),
            bodyHash: statement.integer(4)
        )
    }

    /// The object whose key, entity tag and body lie in this memory, one behind the other.
    private func wholeObject(
        _ memory: [UInt8],
        _ place: HashedPlace,
        bodySize: Int,
        sequence: UInt64,
        size: UInt64,
        modified: UInt64,
        bodyHash: UInt64
    ) throws(StateMachineError) -> ObjectRecord {
        let body = memory.span.extracting(last: bodySize)
        guard self.bodyHash(body) == bodyHash,
            let record = ObjectRecord(
                memory,
                keySize: place.key.count,
                bodySize: bodySize,
                sequence: sequence,
                size: size,
                modified: modified
            )
        else { throw .damaged("the body of change \(sequence) is not what was written") }
        return record
    }

    func put(
        _ row: consuming ObjectRow,
        at place: HashedPlace,
        body: [UInt8],
        replacing old: ObjectRow?
    ) throws(StateMachineError) {
        row.bodyHash = bodyHash(body)
        let isFirst = changes.put(row, body: body, at: place)
        noteChange(isFirst, bytes: row.key.count + row.etag.count + body.count)
        replace(old, by: row)
    }

    func delete(_ row: ObjectRow, at place: HashedPlace) throws(StateMachineError) {
        let isFirst = changes.delete(at: place)
        noteChange(isFirst, bytes: row.key.count)
        replace(row, by: nil)
    }

    private func noteChange(_ isFirst: Bool, bytes: Int) {
        changesNoted += 1
        if isFirst { dirtyRows += 1 }
        // Every change, so that few objects that change for ever are committed, too.
        dirtyBytes += bytes + ObjectTable.overhead
    }

    /// Stores what became of an object: its row with its body, or that it is gone.
    func store(_ object: borrowing PackedObject) throws(StateMachineError) {
        let header = unsafe object.header
        guard !header.isDeleted else {
            statements.deleteObject.bind(1, header.bucket)
            unsafe statements.deleteObject.bindShared(2, object.key)
            return try statements.deleteObject.run()
        }
        let statement = statements.putObject
        statement.bind(1, header.bucket)
        unsafe statement.bindShared(2, object.key)
        statement.bind(3, header.sequence)
        statement.bind(4, header.size)
        unsafe statement.bindShared(5, object.etag)
        statement.bind(6, header.modified)
        statement.bind(7, header.bodyHash)
        unsafe statement.bindShared(8, object.body)
        try statement.run()
    }

    /// The keyed hash of a body's bytes.
    func bodyHash(_ bytes: [UInt8]) -> UInt64 { bodyHash(bytes.span) }

    private func bodyHash(_ bytes: Span<UInt8>) -> UInt64 {
        var hasher = RowHasher(key: key, tag: Self.bodyTag)
        hasher.combine(bytes)
        return hasher.finished64()
    }

    /// The tag of bodies, beside those of the rows.
    static var bodyTag: UInt64 { 100 }
}
