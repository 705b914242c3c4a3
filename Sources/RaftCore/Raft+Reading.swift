/// What the node may know of its Raft between two steps.
extension Raft {
    /// The newest term seen.
    public var term: Term { hardState.term }

    /// What this member is, without the role's data.
    public var role: RoleName {
        switch current {
        case .follower: .follower
        case .preCandidate: .preCandidate
        case .candidate: .candidate
        case .leader: .leader
        }
    }

    /// The leader of the term, or ``NodeID/none`` while unknown.
    public var leader: NodeID {
        switch current {
        case .follower(let following): following.leader
        case .preCandidate, .candidate: .none
        case .leader: id
        }
    }

    /// Whether this member leads.
    ///
    /// A leader that was deposed may not know it yet.
    public var isLeader: Bool { role == .leader }

    /// The configuration before the one in force; nil where the log does not reach back to it.
    ///
    /// It describes who still votes until a change is finished and is no member any more.
    public var configurationBefore: Configuration? { log.configurationBefore }

    /// The last entry's position; a proposal follows it.
    public var lastPosition: LogPosition { log.last }

    /// The last entry's chain hash; a proposal's hash builds on it.
    public var lastHash: EntryHash { log.lastHash }

    /// The log is durable here through this index.
    public var persistedIndex: LogIndex { durability.persistedIndex }

    /// The newest write asked for.
    public var lastPersistNumber: PersistNumber { durability.lastNumber }

    /// The header at `index`, or nil where the log has none.
    ///
    /// O(1).
    public func header(at index: LogIndex) -> EntryHeader? { log.header(at: index) }

    /// The place before the first entry that the log still holds.
    public var logBase: LogPosition { log.base }

    /// What would stand before the log if it were compacted through this entry; nil where the log
    /// does not hold it, nor begins behind it.
    ///
    /// Cost: O(configurations in the log).
    public func logStart(at position: LogPosition) -> LogStart? {
        guard log.term(at: position.index) == position.term,
            let hash = log.hash(at: position.index)
        else { return nil }
        return LogStart(
            position: position,
            hash: hash,
            configuration: position == .zero ? nil : log.configuration(at: position.index)
        )
    }

    /// Bytes proposed here and not committed; zero unless leader.
    public var uncommittedSize: Int {
        switch current {
        case .leader(let leadership): leadership.uncommittedSize
        case .follower, .preCandidate, .candidate: 0
        }
    }

    /// The voter to whom leadership is being handed over, or ``NodeID/none``.
    public var transferTarget: NodeID {
        switch current {
        case .leader(let leadership): leadership.transfer?.target ?? .none
        case .follower, .preCandidate, .candidate: .none
        }
    }

    /// Whether an entry of commands that follows ``lastPosition`` would be taken now, of whatever
    /// size within ``Limits/maximumEntrySize``.
    public var canPropose: Bool { refusalOfCommands == nil }

    /// A leader's view of its peers, ascending by node id; empty unless leader.
    public var peers: [PeerProgress] {
        switch current {
        case .leader(let leadership):
            leadership.progress.map { progress in
                PeerProgress(
                    id: progress.id,
                    matchIndex: progress.matchIndex,
                    nextIndex: progress.nextIndex,
                    state: progress.state,
                    inflightCount: progress.inflight.count,
                    inflightSize: progress.inflight.size,
                    silentTicks: progress.silentTicks
                )
            }
        case .follower, .preCandidate, .candidate: []
        }
    }
}
