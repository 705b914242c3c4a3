/// Rows of objects as SQLite has them, those that were stored last: a change of one needs the row
/// that it replaces.
///
/// Two generations, the younger of which takes the place of the older when it is full: so between
/// one and two times a generation is kept, and nothing is written down at a look-up.
struct RememberedObjects: ~Copyable {
    private var younger: ObjectTable
    private var older: ObjectTable
    /// Bytes of memory of a generation.
    private let maximumBytes: Int

    /// Remembers nothing yet.
    ///
    /// - Parameters:
    ///   - maximumBytes: Of memory that both generations take, about.
    ///   - memory: Where they lie.
    init(maximumBytes: Int, in memory: MemoryPieces) {
        self.maximumBytes = maximumBytes / 2
        younger = ObjectTable(memory)
        older = ObjectTable(memory)
    }

    /// What SQLite has here; nil: that is not remembered.
    @inline(__always)
    func known(at place: HashedPlace) -> KnownObject? {
        younger.known(at: place) ?? older.known(at: place)
    }

    /// Remembers what was stored.
    mutating func remember(_ record: ObjectTable.RecordNumber, of table: borrowing ObjectTable) {
        younger.putRow(record, of: table)
        guard younger.byteCount >= maximumBytes else { return }
        swap(&older, &younger)
        younger.removeAll()
    }
}
