/// Objects as they are now, where SQLite's pages do not say so yet.
///
/// Changes wait here until a COMMIT is due, so that what is written twice meanwhile is stored once,
/// and are stored in the order of their keys, so that a page is written once however many of its
/// rows changed. Two generations: one takes the changes that come, the other is what is being
/// stored for the COMMIT that is under way, piece by piece between entries. What was stored stays
/// until all of it is.
struct ObjectChanges: ~Copyable {
    private(set) var recent: ObjectTable
    private(set) var frozen: ObjectTable
    /// The recent ones in the order of their places, as far as they were sorted: a scan needs it, a
    /// put does not.
    private(set) var recentOrder: [ObjectTable.RecordNumber] = []
    /// The frozen ones in the order of their places.
    private(set) var frozenOrder: [ObjectTable.RecordNumber] = []
    /// Where in that order those begin that are not stored yet.
    private var firstUnstored = 0

    /// Nothing has changed yet; what will lies in this memory.
    init(_ memory: MemoryPieces) {
        recent = ObjectTable(memory)
        frozen = ObjectTable(memory)
    }

    /// What became of the object here; nil: it is what SQLite has.
    @inline(__always)
    func known(at place: HashedPlace) -> KnownObject? {
        recent.known(at: place) ?? frozen.known(at: place)
    }

    /// The body of the object here, in the body's layout; nil: it is what SQLite has.
    func body(at place: HashedPlace) -> [UInt8]? {
        recent.body(at: place) ?? frozen.body(at: place)
    }

    /// Whether something would be frozen.
    var hasRecent: Bool { recent.count > 0 }
    /// How many of the frozen ones are not stored yet.
    var unstoredCount: Int { frozenOrder.count - firstUnstored }

    /// Notes that an object is this row with this body, in the body's layout.
    ///
    /// - Returns: Whether it is the first change of this object since the others were frozen.
    @inline(__always)
    mutating func put(_ row: ObjectRow, body: [UInt8], at place: HashedPlace) -> Bool {
        recent.put(row, body: body, at: place)
    }

    /// Notes that an object is gone.
    ///
    /// - Returns: As `put`.
    mutating func delete(at place: HashedPlace) -> Bool { recent.putDeletion(at: place) }

    /// What changed is to be stored from now on; all that was frozen before is stored already.
    mutating func freeze() {
        precondition(unstoredCount == 0, "what was frozen before is not stored")
        sortRecent()
        swap(&frozen, &recent)
        swap(&frozenOrder, &recentOrder)
        firstUnstored = 0
        recent.removeAll()
        recentOrder.removeAll(keepingCapacity: true)
    }

    /// All that was frozen is stored: SQLite's pages say it from now on.
    mutating func forgetStored() {
        precondition(unstoredCount == 0, "what was frozen is not stored")
        frozen.removeAll()
        frozenOrder.removeAll(keepingCapacity: true)
        firstUnstored = 0
    }

    /// The changes to store next, in ``frozen`` and in the order of their places.
    var unstored: ArraySlice<ObjectTable.RecordNumber> { frozenOrder[firstUnstored...] }

    /// The first of the unstored ones is stored.
    mutating func tookUnstored() { firstUnstored += 1 }

    /// Brings the order of the recent ones up to date.
    ///
    /// Cost: a search for each that is new since the last time, and one copy of the order.
    mutating func sortRecent() {
        let new = recent.sorted(from: recentOrder.count)
        guard !new.isEmpty else { return }
        guard !recentOrder.isEmpty else {
            recentOrder = new
            return
        }
        var merged: [ObjectTable.RecordNumber] = []
        merged.reserveCapacity(recent.count)
        var rest = recentOrder[...]
        for number in new {
            let place = rest.partitioningIndex { !recent.precedes($0, number) }
            merged += rest[..<place]
            merged.append(number)
            rest = rest[place...]
        }
        merged += rest
        recentOrder = merged
    }
}

extension RandomAccessCollection {
    /// The first index whose element is one of the second kind, all of which are behind the first.
    func partitioningIndex(isSecond: (Element) -> Bool) -> Index {
        var low = startIndex
        var count = count
        while count > 0 {
            let middle = index(low, offsetBy: count / 2)
            if isSecond(self[middle]) {
                count /= 2
            } else {
                low = index(after: middle)
                count -= count / 2 + 1
            }
        }
        return low
    }
}
