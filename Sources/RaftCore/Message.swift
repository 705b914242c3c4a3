/// What nodes say to one another about one group: the header that every message has, and one struct
/// for each kind.
///
/// The bytes on the wire are in CadastreProtocol's `Peer` folder.
public struct Message: Hashable, Sendable {
    /// Which log is spoken of.
    public var group: GroupID
    /// Who speaks.
    public var from: NodeID
    /// Who is spoken to.
    public var to: NodeID
    /// The speaker's term; for a pre-vote and a granted pre-vote the term it *would* have.
    public var term: Term
    /// What is said.
    public var body: MessageBody

    /// Composes a message.
    public init(group: GroupID, from: NodeID, to: NodeID, term: Term, body: MessageBody) {
        self.group = group
        self.from = from
        self.to = to
        self.term = term
        self.body = body
    }
}

/// The kinds of message.
public enum MessageBody: Hashable, Sendable {
    /// Asks for a vote or, before that, for a pre-vote.
    case requestVote(RequestVote)
    /// Answers it.
    case requestVoteReply(RequestVoteReply)
    /// Brings entries, or an empty one the news of the commit index.
    case appendEntries(AppendEntries)
    /// Answers it.
    case appendEntriesReply(AppendEntriesReply)
    /// Keeps followers quiet and confirms leadership for waiting reads.
    case heartbeat(Heartbeat)
    /// Answers it.
    case heartbeatReply(HeartbeatReply)
    /// Tells the chosen successor to stand for election at once (thesis §3.10).
    case timeoutNow(TimeoutNow)
    /// A follower asks, for reads of its own, through which index the state must be applied.
    case readIndex(ReadIndex)
    /// Answers it.
    case readIndexReply(ReadIndexReply)
    /// Tells a witness what of the log it need not keep.
    case heldByAll(HeldByAll)
}

/// Raft §5.2, §5.4.1; pre-vote as in thesis §9.6.
public struct RequestVote: Hashable, Sendable {
    /// What the asking is about.
    public enum Purpose: UInt8, Hashable, Sendable, CaseIterable {
        /// "Would you vote for me?" Changes nothing at either end.
        case preVote = 1
        /// A vote, with the usual protection of a living leader.
        case election = 2
        /// A vote that the leader itself asked for: its protection is waived (thesis §4.2.3).
        case transfer = 3
    }
    /// What the asking is about.
    public var purpose: Purpose
    /// The candidate's last entry.
    public var last: LogPosition
    /// The candidate saw the leader's process refuse connections: who saw the same waives
    /// the leader's protection.
    public var leaderIsGone: Bool

    /// Composes the question.
    public init(purpose: Purpose, last: LogPosition, leaderIsGone: Bool) {
        self.purpose = purpose
        self.last = last
        self.leaderIsGone = leaderIsGone
    }
}

/// Answers ``RequestVote``.
public struct RequestVoteReply: Hashable, Sendable {
    /// What was asked.
    public var purpose: RequestVote.Purpose
    /// Yes or no.
    public var isGranted: Bool

    /// Composes the answer.
    public init(purpose: RequestVote.Purpose, isGranted: Bool) {
        self.purpose = purpose
        self.isGranted = isGranted
    }
}

/// Raft §5.3.
///
/// The entries' bytes travel beside the message; here stand their headers.
public struct AppendEntries: Hashable, Sendable {
    /// The entry just before the first one sent.
    public var previous: LogPosition
    /// Its chain hash, which the receiver's must equal where the positions are equal.
    public var previousHash: EntryHash
    /// Contiguous and ascending from `previous.index + 1`; may be empty.
    public var entries: [EntryHeader]
    /// The leader's commit index.
    ///
    /// Counts only up to what this message proves to match.
    public var commitIndex: LogIndex

    /// Composes the message.
    public init(
        previous: LogPosition,
        previousHash: EntryHash,
        entries: [EntryHeader],
        commitIndex: LogIndex
    ) {
        self.previous = previous
        self.previousHash = previousHash
        self.entries = entries
        self.commitIndex = commitIndex
    }
}

/// Answers ``AppendEntries``.
public struct AppendEntriesReply: Hashable, Sendable {
    /// What the follower says.
    public enum Outcome: Hashable, Sendable {
        /// Everything through `match` is the leader's and durable here.
        case accepted(match: LogIndex)
        /// `previous` is not in the follower's log. The hint names the last place at which the
        /// logs may agree: index, and the follower's term there (fast back-up, Raft §5.3).
        case rejected(previous: LogIndex, hint: LogPosition)
    }
    /// What the follower says.
    public var outcome: Outcome

    /// Composes the answer.
    public init(outcome: Outcome) { self.outcome = outcome }
}

/// The leader is alive.
///
/// Kept apart from ``AppendEntries`` so that it is small and never waits behind entries.
public struct Heartbeat: Hashable, Sendable {
    /// At most what the receiver is known to match.
    public var commitIndex: LogIndex
    /// The newest round of waiting reads; the answer names it back (thesis §6.4).
    public var readRound: UInt64

    /// Composes the message.
    public init(commitIndex: LogIndex, readRound: UInt64) {
        self.commitIndex = commitIndex
        self.readRound = readRound
    }
}

/// Answers ``Heartbeat``.
public struct HeartbeatReply: Hashable, Sendable {
    /// The round that is confirmed.
    public var readRound: UInt64

    /// Composes the answer.
    public init(readRound: UInt64) { self.readRound = readRound }
}

/// Thesis §6.4: one question for all reads that wait at a follower.
public struct ReadIndex: Hashable, Sendable {
    /// Names the question; no other one of this follower, in this or an earlier life, has it.
    public var round: UInt64

    /// Composes the question.
    public init(round: UInt64) { self.round = round }
}

/// Answers ``ReadIndex``, once a quorum has confirmed the leader.
public struct ReadIndexReply: Hashable, Sendable {
    /// The question that is answered.
    public var round: UInt64
    /// What was committed when the question had come.
    public var index: LogIndex

    /// Composes the answer.
    public init(round: UInt64, index: LogIndex) {
        self.round = round
        self.index = index
    }
}

/// The leader knows that every full voter holds the log, durably, through here.
public struct HeldByAll: Hashable, Sendable {
    /// Committed.
    public var through: LogIndex

    /// Composes the message.
    public init(through: LogIndex) { self.through = through }
}

/// Thesis §3.10.
public struct TimeoutNow: Hashable, Sendable {
    /// Composes the message.
    public init() {}
}
