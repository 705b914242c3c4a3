/// Rows of objects as SQLite has them, those that were used last: a change of one needs the row that
/// it replaces.
///
/// Two generations, the younger of which takes the place of the older when it is full: so between
/// one and two times ``maximumCount`` rows are kept, and nothing is written down at a look-up.
struct RememberedObjects {
    // Only looked up, never iterated.
    private var younger: [ObjectPlace: ObjectRow] = [:]
    private var older: [ObjectPlace: ObjectRow] = [:]

    /// Rows of a generation: some 6 MiB with keys of 64 bytes.
    static let maximumCount = 8_192

    /// The row here; nil: it is not remembered, and may be there.
    @inline(__always)
    subscript(place: ObjectPlace) -> ObjectRow? { younger[place] ?? older[place] }

    /// Remembers a row that SQLite has.
    mutating func remember(_ row: ObjectRow, at place: ObjectPlace) {
        younger[place] = row
        guard younger.count >= Self.maximumCount else { return }
        swap(&older, &younger)
        younger.removeAll(keepingCapacity: true)
    }

    /// SQLite has no such row any more.
    mutating func forget(_ place: ObjectPlace) {
        younger[place] = nil
        older[place] = nil
    }
}
