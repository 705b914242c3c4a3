/// The log as Raft sees it: the headers of its entries, in memory, from where it was compacted.
struct Log: Hashable, Sendable {
    /// What stands before the first header.
    private(set) var start: LogStart
    /// Contiguous and ascending from `base.index + 1`; terms never fall.
    private(set) var headers: [EntryHeader]
    /// Where the configuration entries stand that are kept, ascending.
    private var configurationIndices: [LogIndex] = []

    /// Takes a log that was read from disk.
    init(start: LogStart = .beginning, headers: [EntryHeader]) {
        self.start = start
        self.headers = []
        self.headers.reserveCapacity(headers.count + 64)
        for header in headers { append(header) }
    }

    /// The position before the first header.
    var base: LogPosition { start.position }

    /// The last place, `base.index` if no header is kept.
    var lastIndex: LogIndex { LogIndex(base.index.value + UInt64(headers.count)) }

    /// The last entry's position.
    var last: LogPosition { headers.last?.position ?? base }

    /// The last entry's chain hash.
    var lastHash: EntryHash { headers.last?.hash ?? start.hash }

    /// The header at `index`, or nil where none is kept.
    ///
    /// O(1).
    func header(at index: LogIndex) -> EntryHeader? {
        guard index > base.index, index <= lastIndex else { return nil }
        return headers[offset(of: index)]
    }

    /// The term at `index`; that of the base included.
    ///
    /// Nil beyond either end. O(1).
    func term(at index: LogIndex) -> Term? {
        if index == base.index { return base.term }
        guard index > base.index, index <= lastIndex else { return nil }
        return headers[offset(of: index)].position.term
    }

    /// The chain hash at `index`; that of the base included.
    ///
    /// Nil beyond either end. O(1).
    func hash(at index: LogIndex) -> EntryHash? {
        if index == base.index { return start.hash }
        guard index > base.index, index <= lastIndex else { return nil }
        return headers[offset(of: index)].hash
    }

    /// The newest configuration in the log: it is in force from its append on (Raft §6).
    var configuration: Configuration { configuration(at: lastIndex) }

    /// The configuration that was the newest at a place that is kept, or at the base.
    func configuration(at index: LogIndex) -> Configuration {
        guard let place = configurationIndices.last(where: { $0 <= index }) else {
            guard let configuration = start.configuration else {
                preconditionFailure("a log through \(last) without a configuration entry")
            }
            return configuration
        }
        guard case .configuration(let configuration)? = header(at: place)?.kind else {
            preconditionFailure("entry \(place) is no configuration")
        }
        return configuration
    }

    /// The configuration before the newest one; nil where the log does not have it any more.
    var configurationBefore: Configuration? {
        guard let newest = configurationIndices.last else { return nil }
        return configurationIndices.count > 1
            ? configuration(at: newest.previous) : start.configuration
    }

    /// Where the newest configuration entry stands; the base, if it was compacted.
    var configurationIndex: LogIndex { configurationIndices.last ?? base.index }

    /// Forgets the headers through `index`, which is kept as the base (Raft §7).
    mutating func compact(through index: LogIndex) {
        guard index > base.index else { return }
        guard let header = header(at: index) else {
            preconditionFailure("compaction through \(index) of a log from \(base) through \(last)")
        }
        let count = base.index.distance(to: index)
        start = LogStart(
            position: header.position,
            hash: header.hash,
            configuration: configuration(at: index)
        )
        headers.removeFirst(count)
        configurationIndices.removeAll { $0 <= index }
    }

    /// Adds the entry that follows the last one.
    mutating func append(_ header: EntryHeader) {
        precondition(
            header.index == lastIndex.next && header.term >= last.term,
            "entry \(header.position) cannot follow \(last)"
        )
        if case .configuration = header.kind { configurationIndices.append(header.index) }
        headers.append(header)
    }

    /// Removes everything from `index` on.
    mutating func truncate(from index: LogIndex) {
        precondition(
            index > base.index && index <= lastIndex,
            "truncation at \(index) of a log from \(base) through \(last)"
        )
        headers.removeSubrange(offset(of: index)...)
        while let place = configurationIndices.last, place >= index {
            configurationIndices.removeLast()
        }
    }

    /// The last place at or before `index` whose term is at most `term`: the furthest at which two
    /// logs can still agree (Raft §5.3, fast back-up).
    ///
    /// O(log n), for terms never fall.
    func lastPosition(notAfter index: LogIndex, termAtMost term: Term) -> LogPosition {
        var low = 0
        var high = max(0, base.index.distance(to: min(index, lastIndex)))
        while low < high {
            let middle = (low + high) / 2
            if headers[middle].position.term <= term { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? base : headers[low - 1].position
    }

    /// Headers from `first` on, as many as one message may carry; at least one if there is any.
    func batch(from first: LogIndex) -> (entries: [EntryHeader], size: Int) {
        guard first <= lastIndex else { return ([], 0) }
        let start = offset(of: first)
        var end = start
        var size = 0
        while end < headers.count, end - start < Limits.maximumEntriesPerMessage {
            let next = headers[end].size
            if end > start, size + next > Limits.maximumAppendSize { break }
            size += next
            end += 1
        }
        return (Array(headers[start..<end]), size)
    }

    /// Bytes of all entries after `index`.
    func size(after index: LogIndex) -> Int {
        size(of: index.next..<max(index, lastIndex).next)
    }

    /// Bytes of the entries of a range that is kept whole.
    func size(of range: Range<LogIndex>) -> Int {
        if range.isEmpty { return 0 }
        var size = 0
        for header in headers[offset(of: range.lowerBound)..<offset(of: range.upperBound)] {
            size += header.size
        }
        return size
    }

    private func offset(of index: LogIndex) -> Int { Int(index.value - base.index.value) - 1 }
}

/// What stands before the first entry that a log keeps (Raft §7: last included index and term).
public struct LogStart: Hashable, Sendable {
    /// The last entry that is gone, or ``LogPosition/zero`` of a log that was never compacted.
    public var position: LogPosition
    /// Its chain hash.
    public var hash: EntryHash
    /// The configuration in force there; nil before the first entry.
    public var configuration: Configuration?

    /// Composes the start.
    public init(position: LogPosition, hash: EntryHash, configuration: Configuration?) {
        self.position = position
        self.hash = hash
        self.configuration = configuration
    }

    /// Of a log that begins with its founding configuration entry.
    public static let beginning = LogStart(position: .zero, hash: .zero, configuration: nil)
}
