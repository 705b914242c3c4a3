/// What happens to a node, stage by stage. The runtime's threads and the simulator's scheduler
/// speak to the stages in these words only.
///
/// ```
/// peers, clients, time ─► ConsensusStage ─► JournalStage ─┐
///                           ▲    │  ▲─────── persisted ◄──┘
///                           │    ├────────► ApplyStage ─► replies
///                           ├── applied ◄──────┘
///                           └─► SnapshotStage ◄─► peers' snapshot stages
/// ```
package import CadastreProtocol
package import CadastreStateMachine
package import CadastreStorage
package import RaftCore

/// When a turn happens.
///
/// Time is handed in; no stage looks at a clock.
package struct Moment: Hashable, Sendable {
    /// Nanoseconds of a clock that never goes back; for waiting and deadlines.
    package var monotonic: UInt64
    /// Milliseconds since 1970 of the wall clock; a sample for cluster time, never for waiting.
    package var wall: UInt64

    /// Names a moment.
    package init(monotonic: UInt64, wall: UInt64) {
        self.monotonic = monotonic
        self.wall = wall
    }
}

/// Where a reply goes: which connection of this node, which request on it.
package struct RequestKey: Hashable, Sendable {
    /// The connection, as the host numbers it.
    package var connection: UInt64
    /// The request, as the client numbers it.
    package var request: UInt64

    /// Names a request.
    package init(connection: UInt64, request: UInt64) {
        self.connection = connection
        self.request = request
    }
}

/// A command that the door let in and that waits for its place in a block.
package struct WaitingCommand: Sendable {
    /// Where the reply goes.
    package var key: RequestKey
    /// For whom: commands of different tenants take turns.
    package var tenant: TenantID
    /// The encoded ``CommandEnvelope``, as it will stand in the log.
    package var bytes: [UInt8]
    /// What these bytes say, so that the node that proposes them need not decode them to execute
    /// them; nil where only the bytes are known.
    package var envelope: CommandEnvelope?
    /// How much there is to do (``Command/operations``), at least 1.
    package var operations = 1
    /// Past this monotonic moment it is not proposed any more.
    package var deadline: UInt64

    /// Describes a command.
    package init(key: RequestKey, tenant: TenantID, bytes: [UInt8], deadline: UInt64) {
        self.key = key
        self.tenant = tenant
        self.bytes = bytes
        self.deadline = deadline
    }

    /// Describes a command that is encoded here.
    package init(
        key: RequestKey,
        tenant: TenantID,
        envelope: CommandEnvelope,
        deadline: UInt64
    ) {
        self.init(key: key, tenant: tenant, bytes: envelope.encode(), deadline: deadline)
        self.envelope = envelope
        operations = max(1, envelope.operations)
    }
}

/// A query that the door let in.
package struct WaitingQuery: Sendable {
    /// Where the reply goes.
    package var key: RequestKey
    private let question: Question
    /// Past this monotonic moment nobody waits for the answer.
    package var deadline: UInt64
    /// What was committed so many nanoseconds ago, by this node's clock, must be in the answer; nil:
    /// what was committed when it was asked.
    package var maximumAge: UInt64?
    /// A quorum has confirmed its index: the consensus stage counts it until it is answered.
    var isConfirmed = false

    /// Describes a query.
    package init(
        key: RequestKey,
        principal: Principal,
        tenant: TenantID,
        query: Query,
        deadline: UInt64,
        maximumAge: UInt64? = nil
    ) {
        self.key = key
        question = Question(principal: principal, tenant: tenant, query: query)
        self.deadline = deadline
        self.maximumAge = maximumAge
    }

    /// Who asks; judged again where it is answered.
    package var principal: Principal { question.principal }
    /// For which tenant.
    package var tenant: TenantID { question.tenant }
    /// What is asked.
    package var query: Query { question.query }

    /// What does not change, in memory of its own: queries are copied from stage to stage, and its
    /// names and keys would be counted one by one each time.
    private final class Question: Sendable {
        let principal: Principal
        let tenant: TenantID
        let query: Query

        init(principal: Principal, tenant: TenantID, query: Query) {
            self.principal = principal
            self.tenant = tenant
            self.query = query
        }
    }
}

/// What happens to the consensus stage.
package enum ConsensusEvent: Sendable {
    /// One tick of ``Timing`` went by.
    case tick
    /// The body of a peer's frame arrived, whole, on a connection that belongs to `from`.
    case received(from: NodeID, group: GroupID, bytes: [UInt8])
    /// Commands from clients.
    case commands([WaitingCommand])
    /// Linearizable queries from clients.
    case queries([WaitingQuery])
    /// The journal stage finished writes.
    case persisted(PersistNumber)
    /// The journal stage read entries that had left memory.
    case entriesRead(ReadPurpose, [Entry])
    /// The apply stage went on.
    case applied(AppliedReport)
    /// The journal has no room for what it was to write, or has it again.
    case diskFull(Bool)
    /// A connection to the peer stands, with the disk that the newest configuration names: what it
    /// sent before this came was sent before that.
    case peerConnected(NodeID)
    /// The connection broke. `isRefused`: an attempt to make it again was refused just after it broke,
    /// which is told beside the break and perhaps later.
    case peerDisconnected(NodeID, isRefused: Bool)
    /// An operator, or a clean shutdown (no key), wants another leader; nil lets this node choose.
    case transferLeadership(to: NodeID?, RequestKey?)
    /// The snapshot stage went on.
    case snapshot(SnapshotResult)
    /// An operator wants other members, or to know what would be done.
    case changeMembers(MemberChange, RequestKey, isDryRun: Bool)
    /// An operator wants another policy, or to know what would be done.
    case setPolicy(PolicyChange, RequestKey, isDryRun: Bool)
}

/// Why entries are read back from the journal.
package enum ReadPurpose: Hashable, Sendable {
    /// The state machine is to apply them.
    case apply
    /// A peer is far behind.
    case send(Message)
}

/// What the apply stage tells the consensus stage.
package struct AppliedReport: Hashable, Sendable {
    /// Everything through here is applied.
    package var through: LogIndex
    /// Cluster time after it, in milliseconds since 1970; 0 before the first tick.
    package var clusterTime: UInt64
    /// SQLite lost a transaction: entries from here on must be handed over again.
    package var reapplyFrom: LogIndex?
    /// There is no room, and nothing was kept since that was found.
    package var isDiskFull: Bool
    /// Only the reserve of the disk is left: what grows is to be refused.
    package var isSpaceLow: Bool
    /// The digests at the marked indices that were applied since the last report, ascending: equal
    /// on all nodes.
    package var marks: [DigestMark]
    /// What a crash of the machine keeps of the state at least.
    package var durablyApplied: LogIndex
    /// The image that was asked for: held until ``ApplyEvent/endImage``.
    package var image: StateImage?
    /// An image was asked for and could not be made.
    package var hasNoImage: Bool
    /// An image was ended: whether it was held until then.
    package var imageWasHeld: Bool?
    /// How many reads that a quorum had confirmed were answered since the last report.
    package var answeredReads: Int

    /// Whether it tells nothing but that the stage is further than it was in that report.
    package func isMereProgress(since other: AppliedReport?) -> Bool {
        guard let other else { return false }
        return reapplyFrom == nil && marks.isEmpty && image == nil && !hasNoImage
            && imageWasHeld == nil && isDiskFull == other.isDiskFull
            && isSpaceLow == other.isSpaceLow
    }

    /// Composes a report.
    package init(
        through: LogIndex,
        clusterTime: UInt64,
        reapplyFrom: LogIndex? = nil,
        isDiskFull: Bool = false,
        isSpaceLow: Bool = false,
        marks: [DigestMark] = [],
        durablyApplied: LogIndex = .zero,
        image: StateImage? = nil,
        hasNoImage: Bool = false,
        imageWasHeld: Bool? = nil,
        answeredReads: Int = 0
    ) {
        self.through = through
        self.answeredReads = answeredReads
        self.durablyApplied = durablyApplied
        self.image = image
        self.hasNoImage = hasNoImage
        self.imageWasHeld = imageWasHeld
        self.clusterTime = clusterTime
        self.reapplyFrom = reapplyFrom
        self.isDiskFull = isDiskFull
        self.isSpaceLow = isSpaceLow
        self.marks = marks
    }
}

/// The digest of the state right after one entry.
package struct DigestMark: Hashable, Sendable {
    /// Which entry.
    package var index: LogIndex
    /// The digest kept while applying.
    package var digest: StateDigest

    /// Names a digest.
    package init(index: LogIndex, digest: StateDigest) {
        self.index = index
        self.digest = digest
    }
}

/// What the consensus stage wants done after a turn.
///
/// Emptied by the host.
package struct ConsensusOutput: Sendable {
    /// For the journal stage, in this order.
    package var journal: [JournalEvent] = []
    /// For the apply stage, in this order.
    package var apply: [ApplyEvent] = []
    /// For the snapshot stage, in this order.
    package var snapshots: [SnapshotRequest] = []
    /// Bodies of peer frames, to be sent at once, in this order for each peer.
    package var frames: [PeerFrame] = []
    /// For clients.
    package var replies: [OutgoingReply] = []
    /// The peer sent what no peer sends: its connection is to be closed.
    ///
    /// With the reason.
    package var peerFaults: [PeerFault] = []
    /// The newest view of this node's role; set when it changed.
    package var role: RoleChange?
    /// The newest configuration in force; set when it changed.
    package var configuration: Configuration?
    /// Leadership is being handed to this voter, at a site that the policy prefers.
    package var preferredSuccessor: NodeID?
    /// A rule of Raft was broken by a peer: stop with exit code 70.
    package var alarm: SafetyAlarm?
    /// Something waits for nothing but that what is on its way is answered.
    package var isHoldingBack = false
    /// The monotonic moment at which a turn is due even if nothing comes; nil: none is.
    package var nextTurn: UInt64?

    /// Nothing to do.
    package init() {}

    /// Empties the value and keeps its storage.
    package mutating func removeAll() {
        journal.removeAll(keepingCapacity: true)
        apply.removeAll(keepingCapacity: true)
        snapshots.removeAll(keepingCapacity: true)
        frames.removeAll(keepingCapacity: true)
        replies.removeAll(keepingCapacity: true)
        peerFaults.removeAll(keepingCapacity: true)
        role = nil
        configuration = nil
        preferredSuccessor = nil
        alarm = nil
        isHoldingBack = false
        nextTurn = nil
    }
}

/// Why a peer's connection is closed.
package struct PeerFault: Sendable {
    /// Whose.
    package var peer: NodeID
    /// What it sent.
    package var reason: String
}

/// A reply on its way to a client.
package struct OutgoingReply: Sendable {
    /// Where it goes.
    package var key: RequestKey
    /// The applied index at which it was made; 0 where no state was asked.
    package var appliedIndex: LogIndex
    /// What it says.
    package var content: ReplyContent

    /// Composes a reply.
    package init(key: RequestKey, appliedIndex: LogIndex, content: ReplyContent) {
        self.key = key
        self.appliedIndex = appliedIndex
        self.content = content
    }
}

/// What a reply says.
package enum ReplyContent: Sendable {
    /// A command was applied; the reply may itself be a stored refusal.
    case command(Reply)
    /// A query, but for lists of objects, was answered: encoded `QueryReply`.
    case answer([UInt8])
    /// A list of objects was answered: a hundred kilobytes, maybe, encoded where it is sent.
    case page(ObjectPage)
    /// The digest was recomputed.
    case digest(DigestReport)
    /// Leadership went to this node.
    case transferred(to: NodeID)
    /// The members are changed so, or would be.
    case memberPlan(MemberPlan)
    /// The policy is changed so, or would be.
    case policyPlan(PolicyPlan)
    /// Nothing happened, nothing will: what stands against it, by name.
    case forbidden(Refusal, String)
    /// Nothing happened, nothing will. The leader is a hint, or ``NodeID/none``.
    case refused(Refusal, leader: NodeID)
    /// Nobody knows; ask again with the same request identity.
    case unknown
}

/// The digest of the state at one index, kept and recomputed.
package struct DigestReport: Hashable, Sendable {
    /// The applied index of both.
    package var index: LogIndex
    /// Kept while commands were applied.
    package var kept: [UInt8]
    /// Computed from the rows, while further entries were applied: what is kept, and what the rows
    /// differ from it by.
    package var computed: [UInt8]
    /// Rows that went into it.
    package var rows: UInt64
    /// What is wrong with which row, for people; nil where nothing is, or nothing is known but that
    /// the two differ.
    package var damage: String?
}

/// What happens to the journal stage.
package enum JournalEvent: Sendable {
    /// Write these, then report the number.
    case write(PersistNumber, [JournalWrite])
    /// Read entries back, at least one, at most some 4 MiB.
    case read(GroupID, Range<LogIndex>, ReadPurpose)
    /// Nobody needs the group's entries through here: they are applied durably, and no peer that will
    /// be sent entries lacks them.
    case compact(GroupID, through: LogIndex)
    /// The body of a peer's frame of kind ``FrameKind/repair``.
    case repair(from: NodeID, group: GroupID, bytes: [UInt8])
}

/// What the journal stage answers.
package enum JournalResult: Sendable {
    /// Everything through this number is durable.
    case persisted(PersistNumber)
    /// What was asked for.
    case entriesRead(ReadPurpose, [Entry])
    /// There is no room for the next segment: writes wait, are tried again at the next turn, and
    /// nothing is acknowledged meanwhile. Or there is room again.
    case diskFull(Bool)
    /// The group's log begins here now: what was before can no longer be read.
    case compacted(GroupID, LogStart)
    /// For the bulk connections: what a peer whose journal is damaged asked for.
    case repairAnswer(PeerFrame)
    /// The peer sent what no peer sends: its connection is to be closed.
    case repairFault(PeerFault)
}

/// What happens to the apply stage.
package enum ApplyEvent: Sendable {
    /// Committed and durable entries, contiguous and ascending over all events. On the leader each
    /// carries where its commands' replies go.
    case entries([CommittedEntry])
    /// A query that may be answered once `index` is applied.
    case query(WaitingQuery, index: LogIndex)
    /// Recompute the digest at the first applied index at or above this one; given up when it is not
    /// reached, or not done, within the longest time that a request may take.
    case digest(RequestKey, atLeast: LogIndex)
    /// The connection is closed: nobody waits for its answers any more, and what waits is refused.
    case forget(connection: UInt64)
    /// Hold an image of the state as it is now, and report it.
    case beginImage
    /// The image is not needed any more.
    case endImage
    /// A peer's snapshot takes the place of the state.
    case install(VerifiedState)
    /// Nothing happened; the last turn left something to do (``ApplyOutput/hasMore``).
    case resume
}

/// An entry for the state machine.
package struct CommittedEntry: Sendable {
    /// The entry.
    package var entry: Entry
    /// Where the reply to each of its items goes, in their order; empty on a follower.
    package var keys: [RequestKey?]
    /// Its commands, where they are decoded already.
    var commands: [CommandEnvelope]?

    /// Describes an entry.
    package init(entry: Entry, keys: [RequestKey?]) {
        self.init(entry: entry, keys: keys, commands: nil)
    }

    init(entry: Entry, keys: [RequestKey?], commands: [CommandEnvelope]?) {
        self.entry = entry
        self.keys = keys
        self.commands = commands
    }
}

/// What the apply stage wants done after a turn.
///
/// Emptied by the host.
package struct ApplyOutput: Sendable {
    /// For clients.
    package var replies: [OutgoingReply] = []
    /// For the consensus stage; set by every turn.
    package var report: AppliedReport?
    /// Who may act for whom; set when it changed.
    package var access: AccessView?
    /// Something is left to do, though nothing more happens: the host is to give
    /// ``ApplyEvent/resume`` behind what came meanwhile.
    package var hasMore = false
    /// Somebody waits for an index that may never come, or for the end of a deadline: the host is to
    /// call ``ApplyStage/idle(at:into:)`` within some 250 ms of silence, again and again.
    package var isWaiting = false

    /// Nothing to do.
    package init() {}

    /// Empties the value and keeps its storage.
    package mutating func removeAll() {
        replies.removeAll(keepingCapacity: true)
        report = nil
        access = nil
        hasMore = false
        isWaiting = false
    }
}
