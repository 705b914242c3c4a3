internal import CadastreDisk
internal import RaftCore

/// The state that batches add up to.
struct Replay {
    /// Whose entries are allowed.
    var cluster = ClusterID(high: 0, low: 0)
    private(set) var logs: [GroupID: JournalLog] = [:]
    private(set) var headers: [GroupID: [EntryHeader]] = [:]
    /// Number and opening of the last batch.
    private(set) var number: UInt64 = 0
    private(set) var opening: UInt64 = 0
    /// Groups named by the last segment, ascending.
    private(set) var touched: [GroupID] = []
    private let hasher = SHA256()

    /// The groups found, ascending.
    var groups: [GroupID] { logs.keys.sorted() }

    /// Whether a batch may follow the last one.
    func isNext(_ header: BatchHeader) -> Bool {
        header.number == number + 1 && header.opening >= opening && header.opening > 0
            && header.firstSegment == 1
    }

    /// Groups are counted as touched by segment.
    mutating func beginSegment() { touched.removeAll() }

    /// Does what a batch says, and holds the result against what its header says.
    ///
    /// After an error the value is of no use.
    mutating func apply(_ header: BatchHeader, _ records: [Record]) throws(Damage) {
        for record in records {
            switch record.content {
            case .entry(let entry): try append(entry, header.place.segment, record.offset)
            case .truncation(let group, let index):
                let log = logs[group] ?? JournalLog()
                try refuse(log.objection(toTruncatingFrom: index), record.offset)
                truncate(group, from: index)
            case .hardState(let group, let state):
                try refuse(logs[group]?.objection(to: state), record.offset)
                logs[group, default: JournalLog()].hardState = state
                touch(group)
            }
        }
        let marks = touched.map { (logs[$0] ?? JournalLog()).mark($0) }
        guard marks == header.groups else {
            throw Damage(
                offset: header.place.offset,
                reason: "the records do not lead to the state that their batch names"
            )
        }
        number = header.number
        opening = header.opening
    }

    private mutating func append(
        _ entry: Entry,
        _ segment: UInt64,
        _ offset: Int
    ) throws(Damage) {
        let group = entry.group
        // Taken out and put back, so that the arrays inside are not copied.
        var log = logs.removeValue(forKey: group) ?? JournalLog()
        try refuse(log.objection(toAppending: entry.header), offset)
        guard entry.cluster == cluster else {
            throw Damage(offset: offset, reason: "an entry of another cluster")
        }
        guard entry.verifies(after: log.hash, using: hasher) else {
            throw Damage(offset: offset, reason: "the hash of entry \(entry.position) is wrong")
        }
        log.places.append(
            EntryPlace(
                segment: segment,
                offset: UInt32(offset),
                size: UInt32(entry.bytes.count)
            )
        )
        log.last = entry.position
        log.hash = entry.hash
        logs[group] = log
        headers[group, default: []].append(entry.header)
        touch(group)
    }

    private mutating func truncate(_ group: GroupID, from index: LogIndex) {
        let count = Int(index.value) - 1
        var log = logs.removeValue(forKey: group) ?? JournalLog()
        log.places.removeLast(log.places.count - count)
        headers[group, default: []].removeLast((headers[group]?.count ?? 0) - count)
        log.last = headers[group]?.last?.position ?? .zero
        log.hash = headers[group]?.last?.hash ?? .zero
        logs[group] = log
        touch(group)
    }

    private func refuse(_ objection: String?, _ offset: Int) throws(Damage) {
        if let objection { throw Damage(offset: offset, reason: objection) }
    }

    private mutating func touch(_ group: GroupID) {
        touched.insertSorted(group)
    }
}

extension Array where Element: Comparable {
    /// Puts an element into an ascending array, once.
    mutating func insertSorted(_ element: Element) {
        if let last, element > last {
            append(element)
            return
        }
        if last == element { return }
        if let place = firstIndex(where: { $0 >= element }) {
            if self[place] != element { insert(element, at: place) }
        } else {
            append(element)
        }
    }
}
