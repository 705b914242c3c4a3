internal import CadastreStorage
internal import DequeModule
internal import RaftCore

/// The newest entries with their bytes: what goes to peers and to the state machine is almost
/// always here; older ones are read back from the journal.
struct EntryCache: Sendable {
    /// Contiguous and ascending.
    private var entries: Deque<Entry> = []
    /// Bytes of all of them.
    private(set) var size = 0
    /// What trimming aims at.
    private let targetSize: Int

    /// An empty cache that keeps some `targetSize` bytes.
    init(targetSize: Int) { self.targetSize = targetSize }

    /// The first index held, if any.
    var first: LogIndex? { entries.first?.header.index }

    /// Takes the next entry of the log.
    ///
    /// Cost: O(1).
    mutating func append(_ entry: Entry) {
        if let last = entries.last {
            precondition(
                entry.header.index == last.header.index.next,
                "entry \(entry.header.index) does not follow \(last.header.index) in the cache"
            )
        }
        entries.append(entry)
        size += entry.bytes.count
    }

    /// The log lost everything from `index` on.
    mutating func truncate(from index: LogIndex) {
        while let last = entries.last, last.header.index >= index {
            size -= last.bytes.count
            entries.removeLast()
        }
    }

    /// The log begins anew.
    mutating func removeAll() {
        entries.removeAll()
        size = 0
    }

    /// The entry at `index`, if it is held.
    ///
    /// Cost: O(1).
    func entry(at index: LogIndex) -> Entry? {
        guard let first, index >= first else { return nil }
        let offset = first.distance(to: index)
        return offset < entries.count ? entries[offset] : nil
    }

    /// All entries of a range, or nil where one is missing.
    func entries(in range: Range<LogIndex>) -> [Entry]? {
        guard let first, range.lowerBound >= first else { return nil }
        let start = first.distance(to: range.lowerBound)
        let end = first.distance(to: range.upperBound)
        guard end <= entries.count else { return nil }
        return Array(entries[start..<end])
    }

    /// Forgets the oldest entries above the target size, but none above `limit`: what is not yet
    /// durable cannot be read back, what is not yet handed over soon will be wanted.
    mutating func trim(through limit: LogIndex) { trim(to: targetSize, through: limit) }

    /// Forgets, above several times the target size, what was not handed over yet too: a state
    /// machine far behind reads it back, rather than that memory grows with its distance.
    mutating func trimFar(through limit: LogIndex) { trim(to: 4 * targetSize, through: limit) }

    private mutating func trim(to target: Int, through limit: LogIndex) {
        while size > target, let oldest = entries.first, oldest.header.index <= limit {
            size -= oldest.bytes.count
            entries.removeFirst()
        }
    }
}
