internal import CadastreDisk
internal import RaftCore

/// Where an entry's record lies: 16 bytes for each entry kept.
struct EntryPlace: Hashable {
    var segment: UInt64
    var offset: UInt32
    /// Bytes of the entry, without the record's header.
    var size: UInt32
}

/// What the journal keeps in memory of one group.
///
/// An entry's number in ``places`` is its index less that of the log's start, less one; only
/// ``number(of:)`` and ``index(ofNumber:)`` know.
struct JournalLog: Hashable {
    private(set) var state = LogState()
    /// The place of each entry from the start on.
    private(set) var places: [EntryPlace] = []
    /// The configuration entries among them, ascending.
    private var configurations: [ConfigurationEntry] = []
    /// Segments that no reading may begin at: an entry from before was the last one at their
    /// beginning, and a truncation from their beginning or later took it.
    private var severed: [ClosedRange<UInt64>] = []
    /// Nobody needs the entries through here; forgotten with the process.
    private(set) var released = LogIndex.zero

    private struct ConfigurationEntry: Hashable {
        var index: LogIndex
        var configuration: Configuration
    }

    /// What stands before the first entry that is kept.
    var start: LogStart { state.start }

    /// Where a log begins that goes on from here and keeps nothing of this one.
    var end: LogStart {
        LogStart(
            position: state.last,
            hash: state.hash,
            configuration: configurations.last?.configuration ?? start.configuration
        )
    }

    /// The record that a segment begins with for this group.
    func resume(_ group: GroupID) -> Record.Content { .resume(group, state.hardState, end) }

    /// The number of an index among the places; `nil` where none is kept.
    func number(of index: LogIndex) -> Int? {
        guard index > start.position.index, index <= state.last.index else { return nil }
        return start.position.index.distance(to: index) - 1
    }

    /// The index of the entry with this number among the places.
    func index(ofNumber number: Int) -> LogIndex {
        start.position.index.advanced(by: number + 1)
    }

    /// The place of an index.
    func place(of index: LogIndex) -> EntryPlace? { number(of: index).map { places[$0] } }

    // MARK: Changes, to which the state has no objection

    /// Takes a term or a vote.
    mutating func set(_ hardState: HardState) { state.hardState = hardState }

    /// Adds the entry that follows.
    mutating func append(_ header: EntryHeader, at place: EntryPlace) {
        if case .configuration(let configuration) = header.kind {
            configurations.append(
                ConfigurationEntry(index: header.index, configuration: configuration)
            )
        }
        places.append(place)
        state.last = header.position
        state.hash = header.hash
    }

    /// Loses everything from an index on by a record in `segment`; `position` and `hash` are of what
    /// is the last entry then.
    mutating func truncate(
        from index: LogIndex,
        leaving position: LogPosition,
        _ hash: EntryHash,
        in segment: UInt64
    ) {
        if let number = number(of: index) {
            let gone = places[number].segment
            if gone < segment { severed.append(gone + 1...segment) }
            places.removeSubrange(number...)
        }
        while let entry = configurations.last, entry.index >= index {
            configurations.removeLast()
        }
        state.last = position
        state.hash = hash
    }

    /// Is replaced by a log that begins here and holds nothing yet.
    mutating func begin(at start: LogStart) {
        state.start = start
        state.last = start.position
        state.hash = start.hash
        places = []
        configurations = []
    }

    // MARK: Compaction

    /// Remembers that nobody needs the entries through `index`.
    mutating func release(through index: LogIndex) {
        precondition(
            index <= state.last.index,
            "entries through \(index) are released of a log that ends at \(state.last)"
        )
        released = max(released, index)
    }

    /// The first segment with an entry that is needed; `nil` if there is none.
    var firstNeededSegment: UInt64? {
        place(of: max(released, start.position.index).next)?.segment
    }

    /// Whether the state at the beginning of this segment leads to the present one by what is
    /// written from there on.
    func mayBegin(at segment: UInt64) -> Bool { !severed.contains { $0.contains(segment) } }

    /// How many entries lie in segments before this one.
    func count(before segment: UInt64) -> Int {
        // Entries lie in their order.
        var range = 0..<places.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if places[middle].segment < segment {
                range = middle + 1..<range.upperBound
            } else {
                range = range.lowerBound..<middle
            }
        }
        return range.lowerBound
    }

    /// Loses the entries that lie before a segment; `start` is the last of them.
    mutating func compact(before segment: UInt64, to start: LogStart) {
        let count = count(before: segment)
        precondition(index(ofNumber: count - 1) == start.position.index, "not the last of them")
        places = Array(places[count...])
        configurations.removeAll { $0.index <= start.position.index }
        severed.removeAll { $0.upperBound < segment }
        state.start = start
    }
}
