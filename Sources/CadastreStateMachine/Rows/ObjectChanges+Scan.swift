/// Changes in the order of their places, for scans: those of a bucket in a range of keys.
extension ObjectChanges {
    /// How far a scan is in the order of the changes, none of which may be noted meanwhile.
    struct Cursor {
        /// What is left in the order of the recent ones.
        fileprivate var recent: Range<Int>
        /// What is left in the order of the frozen ones.
        fileprivate var frozen: Range<Int>
        /// Which of the two is next.
        fileprivate(set) var head = Head.none

        /// Which generation a change is of.
        enum Head {
            case none, recent, frozen
            /// Of the recent one, and there is an older one of the same object.
            case both
        }
    }

    /// Begins a scan of the places from `start` (inclusive) to `end` (exclusive).
    mutating func cursor(in bucket: UInt64, from start: [UInt8], to end: [UInt8]) -> Cursor {
        sortRecent()
        var cursor = Cursor(recent: 0..<recentOrder.count, frozen: 0..<frozenOrder.count)
        skip(&cursor, in: bucket, to: start)
        // Where the range is empty this is where it begins.
        let recentEnd = first(of: cursor.recent, in: recentOrder, recent, bucket, end)
        let frozenEnd = first(of: cursor.frozen, in: frozenOrder, frozen, bucket, end)
        cursor.recent = cursor.recent.lowerBound..<recentEnd
        cursor.frozen = cursor.frozen.lowerBound..<frozenEnd
        compare(&cursor)
        return cursor
    }

    /// Goes on at the first place whose key is not below this one.
    func skip(_ cursor: inout Cursor, in bucket: UInt64, to key: [UInt8]) {
        let recentStart = first(of: cursor.recent, in: recentOrder, recent, bucket, key)
        let frozenStart = first(of: cursor.frozen, in: frozenOrder, frozen, bucket, key)
        cursor.recent = recentStart..<cursor.recent.upperBound
        cursor.frozen = frozenStart..<cursor.frozen.upperBound
        compare(&cursor)
    }

    /// Goes on behind the change that is next.
    func advance(_ cursor: inout Cursor) {
        let (recent, frozen) =
            switch cursor.head {
            case .none: (0, 0)
            case .recent: (1, 0)
            case .frozen: (0, 1)
            case .both: (1, 1)
            }
        cursor.recent = cursor.recent.dropFirst(recent)
        cursor.frozen = cursor.frozen.dropFirst(frozen)
        compare(&cursor)
    }

    /// Where the change that is next stands, as seen from a key of the same bucket; nil: there is
    /// none.
    func order(of cursor: Cursor, key: UnsafeRawBufferPointer) -> PlaceOrder? {
        switch cursor.head {
        case .none: nil
        case .recent, .both:
            unsafe recent.withRecord(recentOrder[cursor.recent.lowerBound]) {
                unsafe ByteOrder.order($0.key, key)
            }
        case .frozen:
            unsafe frozen.withRecord(frozenOrder[cursor.frozen.lowerBound]) {
                unsafe ByteOrder.order($0.key, key)
            }
        }
    }

    /// Shows the object that the change which is next has made; one that it has removed is not
    /// shown.
    func show(
        at cursor: Cursor,
        to visit: (borrowing ScannedObject) -> ScanStep
    ) -> ScanStep {
        switch cursor.head {
        case .none: .next
        case .recent, .both: recent.show(recentOrder[cursor.recent.lowerBound], to: visit)
        case .frozen: frozen.show(frozenOrder[cursor.frozen.lowerBound], to: visit)
        }
    }

    /// Finds out which generation's change is next.
    private func compare(_ cursor: inout Cursor) {
        switch (cursor.recent.first, cursor.frozen.first) {
        case (nil, nil): cursor.head = .none
        case (_, nil): cursor.head = .recent
        case (nil, _): cursor.head = .frozen
        case (let mine?, let theirs?):
            let order = unsafe recent.withRecord(recentOrder[mine]) { mine in
                unsafe frozen.withRecord(frozenOrder[theirs]) { theirs in
                    unsafe ByteOrder.order(mine.key, theirs.key)
                }
            }
            cursor.head =
                switch order {
                case .before: .recent
                case .same: .both
                case .behind: .frozen
                }
        }
    }

    /// The first in this part of an order whose place is not before this one.
    private func first(
        of part: Range<Int>,
        in order: [ObjectTable.RecordNumber],
        _ table: borrowing ObjectTable,
        _ bucket: UInt64,
        _ key: [UInt8]
    ) -> Int {
        unsafe key.withUnsafeBytes { key in
            part.partitioningIndex { place in
                unsafe table.withRecord(order[place]) {
                    unsafe $0.order(bucket: bucket, key: key) != .before
                }
            }
        }
    }
}
