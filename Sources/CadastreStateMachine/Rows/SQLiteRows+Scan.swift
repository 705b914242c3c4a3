internal import CadastreProtocol

/// Scans of objects: what SQLite has and what memory says of it, in the order of the keys.
extension SQLiteRows {
    func scanObjects(
        in bucket: BucketID,
        from start: [UInt8],
        to end: [UInt8]?,
        visit: (borrowing ScannedObject) -> ScanStep
    ) throws(StateMachineError) {
        let end = end ?? Keys.behindAll
        let statement = statements.scanObjects
        statement.bind(1, bucket.value)
        statement.bind(2, start)
        defer { statement.reset() }
        let changed = changes.cursor(in: bucket.value, from: start, to: end)
        try withoutActuallyEscaping(visit) { visit throws(StateMachineError) in
            let scan = ObjectScan(of: self, in: bucket, to: end, at: changed, visit)
            while try statement.step(visitor: scan) {
                guard let key = scan.keyToSearchFor() else { break }
                statement.reset()
                statement.bind(2, key)
            }
            scan.showRest()
        }
    }
}

/// A scan under way.
private final class ObjectScan: RowVisitor {
    private let rows: SQLiteRows
    private let bucket: BucketID
    /// The first key behind the range.
    private let end: [UInt8]
    private let visit: (borrowing ScannedObject) -> ScanStep
    /// The next change in memory.
    private var changed: ObjectChanges.Cursor
    /// The key from which the scan goes on, until it has come there.
    private var sought: [UInt8]?
    /// Rows of SQLite that lay before it.
    private var passed = 0
    /// SQLite was asked to search for it.
    private var wasSearched = false
    /// SQLite has come to the end of the range.
    private var isPastEnd = false
    /// Nothing more is wanted.
    private var isOver = false

    /// Most groups are small: a search costs as much as some ten steps.
    private static let passedBeforeSearch = 8

    init(
        of rows: SQLiteRows,
        in bucket: BucketID,
        to end: [UInt8],
        at changed: ObjectChanges.Cursor,
        _ visit: @escaping (borrowing ScannedObject) -> ScanStep
    ) {
        self.rows = rows
        self.bucket = bucket
        self.end = end
        self.changed = changed
        self.visit = visit
    }

    /// Why a step has ended: the key to search for, or nil, since SQLite is not asked for more.
    func keyToSearchFor() -> [UInt8]? {
        guard !isOver, !isPastEnd else { return nil }
        guard let sought else { preconditionFailure("a step ended for no reason") }
        wasSearched = true
        return sought
    }

    override func stops(at row: borrowing VisitedRow) -> Bool {
        unsafe row.withBytes(0) { key in
            if unsafe end.withUnsafeBytes({ unsafe ByteOrder.order(key, $0) != .before }) {
                isPastEnd = true
                return true
            }
            while true {
                if unsafe isBeforeSought(key) {
                    passed += 1
                    // Behind a search only in a damaged file.
                    return passed >= Self.passedBeforeSearch && !wasSearched
                }
                // What memory says of an object counts, whatever SQLite has.
                let order = unsafe rows.changes.order(of: changed, key: key)
                guard order == .before || order == .same else { break }
                showChanged()
                if isOver || order == .same { return isOver }
            }
            unsafe row.withBytes(3) { etag in
                let object = unsafe ScannedObject(
                    key: key,
                    sequence: row.integer(1),
                    size: row.integer(2),
                    etag: etag,
                    modified: row.integer(4)
                )
                follow(visit(object))
            }
            return isOver
        }
    }

    /// Shows what memory has behind the last row of SQLite.
    func showRest() {
        while !isOver, changed.head != .none { showChanged() }
    }

    /// Shows the next change in memory.
    ///
    /// A step over it is work, too, whether it is shown or not.
    private func showChanged() {
        rows.connection.rowsRead &+= 1
        let step = rows.changes.show(at: changed, to: visit)
        rows.changes.advance(&changed)
        follow(step)
    }

    @inline(__always)
    private func follow(_ step: ScanStep) {
        switch step {
        case .next: break
        case .stop: isOver = true
        case .seek(let key):
            rows.changes.skip(&changed, in: bucket.value, to: key)
            sought = key
            passed = 0
            wasSearched = false
        }
    }

    @inline(__always)
    private func isBeforeSought(_ key: UnsafeRawBufferPointer) -> Bool {
        guard let sought else { return false }
        let isBefore = unsafe sought.withUnsafeBytes { sought in
            unsafe ByteOrder.order(key, sought) == .before
        }
        if !isBefore { self.sought = nil }
        return isBefore
    }
}
