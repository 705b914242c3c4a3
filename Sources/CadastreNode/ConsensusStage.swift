internal import CadastreDisk
internal import CadastreProtocol
package import CadastreStorage
internal import DequeModule
package import RaftCore

/// The stage that decides: Raft, the commands that wait for it and the replies that wait for Raft.
///
/// A value without thread or clock; what it does in which order is in `ConsensusStage+Turn.swift`.
package struct ConsensusStage: Sendable {
    /// Who this node is.
    let identity: NodeIdentity
    /// Which log this stage keeps.
    ///
    /// A first cluster has one.
    let group: GroupID
    let settings: NodeSettings
    /// The algorithm.
    var raft: Raft
    /// What Raft wants, reused from step to step.
    var effects = Effects()
    /// Bytes of the newest entries.
    var cache: EntryCache
    /// Entries of the message that is being stepped, until Raft says which of them it takes.
    var incoming: [Entry] = []
    /// Their commands, where a leader sent them: in the same order.
    var incomingCommands: [[CommandEnvelope]] = []
    /// Commands of entries that Raft took, until they are executed.
    var decoded = DecodedCommands()
    /// Commands that wait for a block.
    var proposals: Proposals
    /// Where the replies of proposed commands go.
    var blocks = BlocksInFlight()
    /// Those whose commands were answered.
    var proposers = ReturningCallers()
    /// Since when this node does not lead, monotonic; nil while it does, and before its role changes.
    var followingSince: UInt64?
    /// Promises that wait for the disk.
    var deferred: Deque<DeferredMessage> = []
    /// Queries that wait for a quorum.
    var reads = Reads()
    /// How far the apply stage was fed.
    var delivery: Delivery
    /// The voters' wall clocks.
    var clocks = ClockSamples()
    /// When a Tick was last proposed, monotonic; nil in a term without one.
    var lastTickProposed: UInt64?
    /// When it was last looked whether cluster time is behind, without work to do.
    var lastLookAtClocks: UInt64?
    /// The newest digest of the own state that no Tick has carried.
    var newestMark: DigestMark?
    /// Cluster time as last applied here, in milliseconds; 0 before the first Tick.
    var clusterTime: UInt64 = 0
    /// Everything through here is applied.
    var appliedIndex: LogIndex
    /// What a crash of the machine keeps of the state at least.
    var durablyApplied: LogIndex = .zero
    /// What a witness was told that every full voter holds.
    var heldByAll: LogIndex = .zero
    /// A hand-over of leadership under way.
    var transfer: Transfer?
    /// A change of members that somebody waits for.
    var change: WaitingChange?
    /// Appends that wait for an earlier one to the same peer.
    var appendQueues = AppendQueues()
    /// Peers with a standing connection, ascending.
    var connectedPeers: [NodeID] = []
    /// Peers whose number belongs to a new disk, and to which no connection stands yet: what comes
    /// from them may be the old disk's.
    var unconfirmedPeers: [NodeID] = []
    /// The journal waits for room.
    var isJournalFull = false
    /// SQLite waits for room.
    var isStateFull = false
    /// Only the disk's reserve is left: nothing that grows is taken.
    var isSpaceLow = false
    /// When leadership is offered because of that.
    var lowSpaceOffers = LowSpaceOffers()
    /// How long the own disk has kept writes waiting.
    var syncWatch = SyncWatch()
    /// How often leadership was offered because of the own disk; says whose turn it is.
    var handOverAttempts = 0
    /// What is known of the own snapshots, and of the log before them.
    var snapshots: Snapshots
    /// The random bytes of entries.
    var generator: SplitMix64
    /// The moment of the present turn.
    var now = Moment(monotonic: 0, wall: 0)

    /// A hand-over of leadership under way.
    struct Transfer: Sendable {
        /// Who asked; nil when the node itself did.
        var key: RequestKey?
        /// The monotonic moment at which it has failed.
        var deadline: UInt64
    }

    /// A stage over what the journal recovered.
    ///
    /// - Parameters:
    ///   - identity: Who this node is.
    ///   - settings: Bounds and times.
    ///   - recovered: The group's hard state and the headers of its whole log.
    ///   - applied: What the state machine has durably applied.
    ///   - clusterTime: Cluster time there, in milliseconds.
    ///   - snapshot: The newest own snapshot; zero if there is none.
    ///   - seed: Different on each node and in each life of the process.
    package init(
        identity: NodeIdentity,
        settings: NodeSettings,
        recovered: GroupRecovery,
        applied: LogIndex,
        clusterTime: UInt64,
        snapshot: LogPosition = .zero,
        seed: UInt64
    ) {
        self.identity = identity
        self.settings = settings
        group = recovered.group
        raft = Raft(
            group: recovered.group,
            id: identity.node,
            incarnation: identity.incarnation,
            keepsState: !identity.isWitness,
            hardState: recovered.hardState,
            start: recovered.start,
            headers: recovered.headers,
            appliedThrough: applied,
            timing: settings.timing,
            seed: seed
        )
        cache = EntryCache(targetSize: settings.entryCacheSize)
        proposals = Proposals(
            maximumCount: settings.maximumWaitingCommands,
            maximumSize: settings.maximumWaitingSize
        )
        delivery = Delivery(applied: applied)
        snapshots = Snapshots(
            newest: snapshot.index,
            base: recovered.start.position.index,
            since: recovered.headers.lazy
                .filter { $0.index > snapshot.index && $0.index <= applied },
            interval: settings.snapshotInterval
        )
        appliedIndex = applied
        self.clusterTime = clusterTime
        generator = SplitMix64(seed: ~seed)
    }

    /// There is no room: no command is taken.
    var isDiskFull: Bool { isJournalFull || isStateFull }

    /// What is committed and not yet applied here would take longer than a moment: some hundredths of
    /// a second, as for a learner's log (``Limits/maximumPromotionLag``).
    var isStateBehind: Bool {
        appliedIndex.distance(to: raft.commitIndex) > Limits.maximumPromotionLag
    }

    /// The own disk has been silent for as long as followers wait for a leader: nothing proposed
    /// here can be answered, and another voter's disk may be well.
    var isDiskStalled: Bool {
        syncWatch.silence(at: now.monotonic) >= longestElection
    }

    /// It has not led for as long as another's election takes, so that what was proposed here would
    /// be decided if it heard of it: it is cut off, or its words are lost and no leader tells one
    /// that does not answer what is committed.
    var isLongDeposed: Bool {
        guard let followingSince else { return false }
        return now.monotonic - followingSince >= longestElection
    }

    /// The longest silence that followers bear, in nanoseconds.
    var longestElection: UInt64 {
        UInt64(settings.timing.maximumElectionTicks * settings.tickMilliseconds) * 1_000_000
    }

    /// What the stage can tell of itself.
    ///
    /// Cost: O(peers).
    package var status: ConsensusStatus {
        ConsensusStatus(
            node: identity.node,
            role: raft.role,
            term: raft.term,
            leader: raft.leader,
            commitIndex: raft.commitIndex,
            lastIndex: raft.lastPosition.index,
            persistedIndex: raft.persistedIndex,
            appliedIndex: appliedIndex,
            clusterTime: clusterTime,
            waitingCommands: proposals.count,
            waitingSize: proposals.size,
            cachedSize: cache.size,
            configuration: raft.configuration,
            peers: peers
        )
    }

    private var peers: [PeerStanding] {
        let known = raft.peers
        return raft.configuration.members.filter { $0.id != identity.node }.map { member in
            let progress = known.first { $0.id == member.id }
            return PeerStanding(
                node: member.id,
                match: progress?.matchIndex ?? .zero,
                next: progress?.nextIndex ?? .zero,
                state: progress.map { "\($0.state)" } ?? "unknown",
                isConnected: connectedPeers.contains(member.id)
            )
        }
    }
}
