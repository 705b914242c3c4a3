/// A leader's view of one peer (Raft figure 2, `nextIndex` and `matchIndex`).
///
/// *Probing*: where the logs agree is not known; one message is on its way at a time. *Replicating*:
/// entries are sent before the ones ahead of them are acknowledged, within ``Inflight``'s bounds.
/// *Snapshotting*: what it lacks is compacted here; it hears heartbeats alone.
struct Progress: Hashable, Sendable {
    /// Which peer.
    let id: NodeID
    /// Known to be durable there, and the same as here.
    private(set) var matchIndex: LogIndex = .zero
    /// The next entry to send.
    private(set) var nextIndex: LogIndex
    /// How entries are sent.
    private(set) var state: ProgressState = .probing
    /// A probe is on its way: nothing more is sent before an answer to it or to a heartbeat.
    private(set) var isPaused = false
    /// Messages on their way; empty unless replicating.
    ///
    /// Beside the state, not in it, so that its storage is made once.
    private(set) var inflight = Inflight()
    /// While snapshotting: how far the peer must be before entries can follow.
    private(set) var neededThrough: LogIndex = .zero
    /// Ticks since the peer last answered entries or a heartbeat of this term.
    var silentTicks = 0
    /// The highest commit index that the peer was told.
    var toldCommitIndex: LogIndex = .zero
    /// The newest read round that the peer confirmed.
    var readRound: UInt64 = 0
    /// Something was sent or acknowledged within this heartbeat interval.
    private var isFresh = false
    /// Nothing was within the whole interval before.
    private var isSuspected = false

    /// A peer of whom nothing is known yet, at the start of a leader's term.
    init(id: NodeID, nextIndex: LogIndex) {
        self.id = id
        self.nextIndex = nextIndex
    }

    /// Whether another message with entries may be sent.
    var hasRoom: Bool {
        switch state {
        case .probing: !isPaused
        case .replicating: !inflight.isFull
        case .snapshotting: false
        }
    }

    /// Entries through `last`, `size` bytes, go out.
    ///
    /// The next ones follow them if replicating.
    mutating func sent(through last: LogIndex, size: Int) {
        isFresh = true
        isSuspected = false
        switch state {
        case .probing:
            isPaused = true
        case .replicating:
            guard last >= nextIndex else { return }
            nextIndex = last.next
            inflight.add(through: last, size: size)
        case .snapshotting:
            preconditionFailure("entries for peer \(id), which waits for a snapshot")
        }
    }

    /// A probe without entries goes out; its answer says where to go on.
    mutating func probed() {
        precondition(state == .probing, "a probe to peer \(id), which is \(state)")
        isFresh = true
        isPaused = true
    }

    /// The peer has everything through `match`.
    ///
    /// Says whether the match moved.
    mutating func accepted(match: LogIndex) -> Bool {
        guard match >= matchIndex else { return false }
        let moved = match > matchIndex
        isFresh = true
        isSuspected = false
        matchIndex = match
        switch state {
        case .probing: becomeReplicating()
        case .replicating:
            inflight.free(through: match)
            nextIndex = max(nextIndex, match.next)
        case .snapshotting:
            // What it has by now can be followed by entries, or, when the log has forgotten more
            // while it fetched, needs another snapshot: asked again like any peer.
            if match >= neededThrough { becomeReplicating() } else { becomeProbing() }
        }
        return moved
    }

    /// The peer lacks `previous`; it may agree at `agreement`.
    ///
    /// Says whether that was news and not an answer that was overtaken. Never backs up to or below
    /// the match. Nor, of what is on its way, further than the peer says: it has more than its match
    /// where an acknowledgement is late, and what is between may be compacted here already.
    mutating func rejected(previous: LogIndex, agreement: LogIndex) -> Bool {
        switch state {
        case .replicating:
            guard previous > matchIndex else { return false }
            becomeProbing()
        case .probing:
            guard previous == nextIndex.previous, previous > matchIndex else { return false }
            isPaused = false
        case .snapshotting: return false
        }
        nextIndex = max(min(agreement, previous.previous), matchIndex).next
        return true
    }

    /// A heartbeat interval is over.
    mutating func intervalPassed() {
        isSuspected = !isFresh
        isFresh = false
    }

    /// A heartbeat was answered: what was paused may go on if nothing moved for an interval.
    ///
    /// Says whether entries that were sent look lost. Read rounds are answered much more often than
    /// intervals pass and prove nothing about entries, which may travel on another connection.
    mutating func resume(last: LogIndex) -> Bool {
        guard isSuspected else { return false }
        isSuspected = false
        isPaused = false
        return matchIndex < last
    }

    /// A new connection: what was on its way is lost, and the next probe may leave at once.
    ///
    /// Of a peer that is probed `nextIndex` is the best guess there is. One first heard of after the
    /// election has a match of zero: to go back there would send it the whole log.
    mutating func reconnected(base: LogIndex) {
        switch state {
        case .probing: isPaused = false
        case .replicating, .snapshotting: becomeProbing(from: base)
        }
    }

    /// The log here begins after `base`, and the peer lacks what is before: nothing is sent to it
    /// until it has a snapshot.
    mutating func becomeSnapshotting(base: LogIndex) {
        state = .snapshotting
        neededThrough = base
        inflight.removeAll()
    }

    /// The snapshot did not arrive, or was of no use: asks again where the logs agree, after the next
    /// heartbeat.
    mutating func snapshotFailed(base: LogIndex) {
        guard state == .snapshotting else { return }
        becomeProbing(from: base)
        isPaused = true
    }

    /// Goes back to asking, at the earliest place that can be asked about.
    ///
    /// The peer may have more than its match says: one that installed a snapshot and crashed before
    /// it said so declines every further one, and only a question tells.
    private mutating func becomeProbing(from base: LogIndex) {
        becomeProbing()
        nextIndex = max(nextIndex, base.next)
    }

    /// Goes back to asking where the logs agree, from the match on, which is known exactly.
    private mutating func becomeProbing() {
        state = .probing
        isPaused = false
        nextIndex = matchIndex.next
        inflight.removeAll()
    }

    private mutating func becomeReplicating() {
        state = .replicating
        isPaused = false
        nextIndex = matchIndex.next
        inflight.removeAll()
    }
}

/// How entries are sent to a peer.
public enum ProgressState: UInt8, Hashable, Sendable, CaseIterable {
    /// Where the logs agree is not known.
    case probing = 1
    /// Known; entries are pipelined.
    case replicating = 2
    /// It lacks what was compacted; a snapshot is on its way.
    case snapshotting = 3
}

/// What an operator sees of a leader's view of one peer.
public struct PeerProgress: Hashable, Sendable {
    /// Which peer.
    public var id: NodeID
    /// Durable there, and the same as here.
    public var matchIndex: LogIndex
    /// The next entry to send.
    public var nextIndex: LogIndex
    /// How entries are sent.
    public var state: ProgressState
    /// Messages with entries on their way.
    public var inflightCount: Int
    /// Bytes of entries on their way.
    public var inflightSize: Int
    /// Ticks since the peer was last heard.
    public var silentTicks: Int
}

/// Messages on their way to one peer, oldest first: what a slow peer may cost.
struct Inflight: Hashable, Sendable {
    private struct Item: Hashable {
        var last: LogIndex
        var size: Int
    }

    /// A ring; grows by doubling up to the limit.
    private var ring: [Item] = []
    private var head = 0
    /// Messages on their way.
    private(set) var count = 0
    /// Bytes on their way.
    private(set) var size = 0

    /// Whether another message has to wait.
    var isFull: Bool {
        count >= Limits.maximumInflightMessages || size >= Limits.maximumInflightSize
    }

    /// A message with entries through `last` goes out.
    mutating func add(through last: LogIndex, size: Int) {
        precondition(!isFull, "\(count) messages of \(self.size) bytes are in flight already")
        if count == ring.count { grow() }
        ring[(head + count) & (ring.count - 1)] = Item(last: last, size: size)
        count += 1
        self.size += size
    }

    /// Everything through `match` arrived.
    mutating func free(through match: LogIndex) {
        while count > 0, ring[head].last <= match {
            size -= ring[head].size
            head = (head + 1) & (ring.count - 1)
            count -= 1
        }
    }

    /// Forgets all.
    mutating func removeAll() {
        head = 0
        count = 0
        size = 0
    }

    private mutating func grow() {
        var larger: [Item] = []
        larger.reserveCapacity(max(8, ring.count * 2))
        for place in 0..<count { larger.append(ring[(head + place) & (ring.count - 1)]) }
        while larger.count < max(8, ring.count * 2) { larger.append(Item(last: .zero, size: 0)) }
        ring = larger
        head = 0
    }
}
