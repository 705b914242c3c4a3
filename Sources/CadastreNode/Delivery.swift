internal import CadastreStorage
internal import DequeModule
internal import RaftCore

/// How far committed entries have been handed to the apply stage.
struct Delivery: Sendable {
    /// The next entry to hand over.
    private(set) var next: LogIndex
    /// Committed and durable here.
    private(set) var committed: LogIndex
    /// The journal is reading for us.
    private(set) var isReading = false
    /// Handed over and not yet applied.
    private var outstanding: Deque<(index: LogIndex, size: Int)> = []
    private var outstandingSize = 0

    /// What the apply stage may have before it: about a second of its work, since a node that stops
    /// does it first, and a turn reports when it is done.
    static let maximumOutstandingSize = 2 * 1_048_576

    /// Starts after what the state machine has applied.
    init(applied: LogIndex) {
        next = applied.next
        committed = applied
    }

    /// Nothing is handed over before this monotonic moment; nil when there is no such pause.
    private var pausedUntil: UInt64?

    /// Something waits and there is room.
    var wantsMore: Bool {
        next <= committed && !isReading && pausedUntil == nil
            && outstandingSize < Self.maximumOutstandingSize
    }

    /// Something waits for nothing but room.
    var isFull: Bool { next <= committed && outstandingSize >= Self.maximumOutstandingSize }

    /// Raft committed on.
    mutating func commit(through index: LogIndex) {
        if index > committed { committed = index }
    }

    /// An entry goes to the apply stage.
    mutating func handedOver(_ entry: Entry) {
        precondition(
            entry.header.index == next,
            "entry \(entry.header.index) handed over where \(next) is next"
        )
        // What it is when it is decompressed, too: that is what there is to do.
        let size = max(entry.bytes.count, entry.rawSize)
        outstanding.append((next, size))
        outstandingSize += size
        next = next.next
    }

    /// A witness executes nothing: what is committed is done with.
    mutating func passedOver() { next = committed.next }

    /// The journal was asked for what is missing.
    mutating func startedReading() { isReading = true }

    /// The journal answered.
    mutating func finishedReading() { isReading = false }

    /// The apply stage went on.
    mutating func applied(through index: LogIndex) {
        while let first = outstanding.first, first.index <= index {
            outstandingSize -= first.size
            outstanding.removeFirst()
        }
    }

    /// Ends a pause whose moment has come.
    mutating func resume(at moment: UInt64) {
        if let pausedUntil, moment >= pausedUntil { self.pausedUntil = nil }
    }

    /// A snapshot takes the place of everything through `index`.
    mutating func installed(through index: LogIndex) {
        restart(from: index.next, at: 0)
        pausedUntil = nil
        committed = max(committed, index)
        isReading = false
    }

    /// The apply stage lost what it had not committed: begin again from here, with the first tick
    /// at or after the moment.
    mutating func restart(from index: LogIndex, at moment: UInt64) {
        pausedUntil = moment
        next = index
        outstanding.removeAll(keepingCapacity: true)
        outstandingSize = 0
    }
}
