internal import CadastreDisk
internal import RaftCore

/// The state that batches add up to.
struct Replay {
    /// Whose entries are allowed.
    let cluster: ClusterID
    /// The segment that reading begins at; what was before it, its resume records say.
    let first: UInt64
    /// Only this segment is read, to see that it is whole.
    ///
    /// A truncation may take what stands before it; what a journal begins at is never severed so
    /// (``JournalLog/mayBegin(at:)``).
    let isAlone: Bool
    private(set) var logs: [GroupID: JournalLog] = [:]
    private(set) var headers: [GroupID: [EntryHeader]] = [:]
    /// Number and opening of the last batch.
    private(set) var number: UInt64 = 0
    private(set) var opening: UInt64 = 0
    /// Groups named by the last segment, ascending.
    private(set) var touched: [GroupID] = []
    /// The number of the first segment that the last batch needs.
    private var needed: UInt64 = 1
    /// The next batch is the first of its segment.
    private var isAtBeginning = true
    /// Groups whose last entry is not known, since it stands in a segment that is not read.
    private var severed: [GroupID] = []
    private let hasher = SHA256()

    /// Begins with nothing.
    init(cluster: ClusterID, first: UInt64, isAlone: Bool = false) {
        self.cluster = cluster
        self.first = first
        self.isAlone = isAlone
    }

    /// The groups found, ascending.
    var groups: [GroupID] { logs.keys.sorted() }

    /// What was found, the groups ascending.
    var recovered: [GroupRecovery] {
        groups.map { group in
            GroupRecovery(
                group: group,
                hardState: logs[group]?.state.hardState ?? .initial,
                start: logs[group]?.start ?? .beginning,
                headers: headers[group] ?? []
            )
        }
    }

    /// Whether a batch may follow the last one.
    func isNext(_ header: BatchHeader) -> Bool {
        let begins = number == 0 && first > 1
        // Nothing but the first batch of all stands for those before it.
        let isInOrder =
            begins
            ? header.place == JournalPlace(segment: first, offset: SegmentFormat.blockSize)
                && header.number > 1
            : header.number == number + 1
        return isInOrder && header.opening >= opening && header.opening > 0
            && header.firstSegment >= needed && header.needsWhatWasBegun
    }

    /// What is read next begins a segment; groups are counted as touched by segment.
    mutating func beginSegment() {
        touched.removeAll()
        isAtBeginning = true
    }

    /// Does what a batch says, and holds the result against what its header says.
    ///
    /// After an error the value is of no use.
    mutating func apply(_ header: BatchHeader, _ records: [Record]) throws(Damage) {
        let segment = header.place.segment
        let changes = isAtBeginning ? try resume(header, records) : records[...]
        for record in changes {
            switch record.content {
            case .entry(let entry): try append(entry, segment, record.offset)
            case .truncation(let group, let index):
                let state = logs[group]?.state ?? LogState()
                if isAlone, .zero < index, index <= state.start.position.index {
                    sever(group, from: index, as: header)
                } else {
                    try refuse(state.objection(toTruncatingFrom: index), record.offset)
                    truncate(group, from: index, in: segment)
                }
                touch(group)
            case .hardState(let group, let state):
                try refuse(logs[group]?.state.objection(to: state), record.offset)
                logs[group, default: JournalLog()].set(state)
                touch(group)
            case .start(let group, let start):
                let state = logs[group]?.state ?? LogState()
                try refuse(state.objection(toBeginningAt: start), record.offset)
                logs[group, default: JournalLog()].begin(at: start)
                headers[group] = []
                touch(group)
            case .resume(let group, _, _):
                throw Damage(
                    offset: record.offset,
                    reason: "a resume of group \(group) that does not belong here"
                )
            }
        }
        let marks = touched.map { (logs[$0]?.state ?? LogState()).mark($0) }
        guard marks == header.groups else {
            throw Damage(
                offset: header.place.offset,
                reason: "the records do not lead to the state that their batch names"
            )
        }
        number = header.number
        opening = header.opening
        needed = header.firstSegment
        isAtBeginning = false
    }

    /// Takes the state at the beginning of a segment from its resume records, or holds them against
    /// what the segments before have led to.
    ///
    /// - Returns: The records behind them.
    private mutating func resume(
        _ header: BatchHeader,
        _ records: [Record]
    ) throws(Damage) -> ArraySlice<Record> {
        let known = groups
        let isKnown = number > 0 || first == 1
        var count = 0
        var last: GroupID?
        for record in records {
            guard case .resume(let group, let hardState, let start) = record.content else { break }
            if let last, group <= last {
                throw Damage(
                    offset: record.offset,
                    reason: "the resume of group \(group) is out of order"
                )
            }
            if isKnown {
                let log = logs[group]
                guard let log, log.state.hardState == hardState, log.end == start else {
                    throw Damage(
                        offset: record.offset,
                        reason: "the resume of group \(group) is not what the segments before "
                            + "lead to"
                    )
                }
            } else {
                var log = JournalLog()
                log.set(hardState)
                log.begin(at: start)
                logs[group] = log
            }
            last = group
            count += 1
        }
        if isKnown, count != known.count {
            throw Damage(
                offset: header.place.offset,
                reason: "the segment begins with the resumes of \(count) groups, "
                    + "there are \(known.count)"
            )
        }
        return records[count...]
    }

    private mutating func append(
        _ entry: Entry,
        _ segment: UInt64,
        _ offset: Int
    ) throws(Damage) {
        let group = entry.group
        let state = logs[group]?.state ?? LogState()
        try refuse(state.objection(toAppending: entry.header), offset)
        guard entry.cluster == cluster else {
            throw Damage(offset: offset, reason: "an entry of another cluster")
        }
        if let place = severed.firstIndex(of: group) {
            // Its checksum was right, and nothing here says what it follows.
            severed.remove(at: place)
        } else if !entry.verifies(after: state.hash, using: hasher) {
            throw Damage(offset: offset, reason: "the hash of entry \(entry.position) is wrong")
        }
        let place = EntryPlace(
            segment: segment,
            offset: UInt32(offset),
            size: UInt32(entry.bytes.count)
        )
        // Changed in place, so that the arrays inside are not copied.
        logs[group, default: JournalLog()].append(entry.header, at: place)
        headers[group, default: []].append(entry.header)
        touch(group)
    }

    private mutating func truncate(
        _ group: GroupID,
        from index: LogIndex,
        in segment: UInt64
    ) {
        let start = logs[group]?.start ?? .beginning
        let left = start.position.index.distance(to: index) - 1
        headers[group, default: []].removeSubrange(left...)
        let last = headers[group]?.last
        logs[group, default: JournalLog()].truncate(
            from: index,
            leaving: last?.position ?? start.position,
            last?.hash ?? start.hash,
            in: segment
        )
    }

    /// Everything that is known of the log is gone: it goes on behind an entry of an earlier segment,
    /// of which the batch names the hash, if nothing follows it there.
    private mutating func sever(_ group: GroupID, from index: LogIndex, as header: BatchHeader) {
        let mark = header.groups.first { $0.group == group && $0.last.index == index.previous }
        severed.removeAll { $0 == group }
        if mark == nil { severed.append(group) }
        logs[group]?.begin(
            at: LogStart(
                position: mark?.last ?? LogPosition(index: index.previous, term: .zero),
                hash: mark?.hash ?? .zero,
                configuration: nil
            )
        )
        headers[group] = []
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
