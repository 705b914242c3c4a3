internal import CadastreProtocol

/// Objects as they are now, where SQLite's pages do not say so yet.
///
/// Changes wait here until a COMMIT is due, so that what is written twice meanwhile is stored once,
/// and are stored in the order of their keys, so that a page is written once however many of its
/// rows changed. Two generations: one takes the changes that come, the other is what is being
/// stored for the COMMIT that is under way, piece by piece between entries. What was stored stays
/// until all of it is.
struct ObjectChanges {
    /// What became of an object.
    enum Change {
        /// It is this row with this body, in the body's layout.
        case stored(ObjectRow, body: [UInt8])
        /// It is gone.
        case deleted
    }

    // Dictionaries are only looked up; what is iterated is sorted.
    private var recent: [ObjectPlace: Change] = [:]
    private var frozen: [ObjectPlace: Change] = [:]
    /// Of the frozen ones: those not stored yet, ascending.
    private var unstored: ArraySlice<ObjectPlace> = []

    /// What became of the object here; nil: it is what SQLite has.
    @inline(__always)
    subscript(place: ObjectPlace) -> Change? { recent[place] ?? frozen[place] }

    /// Whether something would be frozen.
    var hasRecent: Bool { !recent.isEmpty }
    /// How many of the frozen ones are not stored yet.
    var unstoredCount: Int { unstored.count }

    /// Notes a change.
    ///
    /// - Returns: Whether it is the first of this object since the others were frozen.
    @inline(__always)
    mutating func note(_ change: Change, at place: ObjectPlace) -> Bool {
        recent.updateValue(change, forKey: place) == nil
    }

    /// What changed is to be stored from now on; all that was frozen before is stored already.
    mutating func freeze() {
        precondition(unstored.isEmpty, "what was frozen before is not stored")
        swap(&frozen, &recent)
        recent.removeAll(keepingCapacity: true)
        unstored = frozen.keys.sorted()[...]
    }

    /// All that was frozen is stored: SQLite's pages say it from now on.
    mutating func forgetStored() {
        precondition(unstored.isEmpty, "what was frozen is not stored")
        frozen.removeAll(keepingCapacity: true)
    }

    /// The next change to store.
    mutating func takeUnstored() -> (place: ObjectPlace, change: Change)? {
        guard let place = unstored.popFirst(), let change = frozen[place] else { return nil }
        return (place, change)
    }
}

/// Where an object stands, in the order of the table.
struct ObjectPlace: Hashable, Comparable {
    var bucket: UInt64
    var key: [UInt8]

    static func < (left: Self, right: Self) -> Bool {
        left.bucket == right.bucket
            ? left.key.precedes(right.key) : left.bucket < right.bucket
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(bucket)
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}

extension ObjectPlace {
    /// Where this object stands.
    init(_ row: ObjectRow) { self.init(bucket: row.bucket.value, key: row.key) }
}

extension [UInt8] {
    /// Whether these bytes sort before those; eight at a time, since keys have long beginnings in
    /// common.
    fileprivate func precedes(_ other: [UInt8]) -> Bool {
        unsafe withUnsafeBytes { left in
            unsafe other.withUnsafeBytes { right in
                let shared = Swift.min(left.count, right.count)
                var place = 0
                while place + 8 <= shared {
                    let mine = unsafe left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                    let theirs = unsafe right.loadUnaligned(fromByteOffset: place, as: UInt64.self)
                    if mine != theirs { return mine.bigEndian < theirs.bigEndian }
                    place += 8
                }
                while place < shared {
                    if unsafe left[place] != right[place] {
                        return unsafe left[place] < right[place]
                    }
                    place += 1
                }
                return left.count < right.count
            }
        }
    }
}
