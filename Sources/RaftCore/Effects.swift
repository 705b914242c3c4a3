/// The one door out: what the node must do after ``Raft/step(_:into:)``.
///
/// Reused between turns; several steps may be gathered in one value before the node acts on it.
///
/// Order of use, stated here only:
/// 1. `persists` go to the journal in their order; one sync may serve them all. The node answers
///    ``Input/persisted(_:)`` with the number of the last one when the sync has returned.
/// 2. `messages` may be sent at once, even before the writes of 1 are durable.
/// 3. `messagesAfterPersist` are promises: each is sent only once its number is durable.
/// 4. `committed` may be applied: committed *and* durable here.
/// 5. `grantedReads` are answered once the state machine has applied their index.
/// 6. `wantedEntry`: the node builds it and proposes it before any other entry.
public struct Effects: Sendable {
    /// Durable writes, numbers ascending.
    public var persists: [Persist] = []
    /// May be sent at once.
    ///
    /// ``AppendEntries`` names entries by their headers; the node adds bytes.
    public var messages: [Message] = []
    /// Promises, each with the number it waits for, numbers ascending.
    public var messagesAfterPersist: [DeferredMessage] = []
    /// Newly committed and durable here: closed on both sides, follows the last one given.
    public var committed: ClosedRange<LogIndex>?
    /// Reads that may be answered.
    public var grantedReads: [ReadGrant] = []
    /// Reads that may not, with nothing said about the state.
    ///
    /// If this member does not lead after the step (``Raft/isLeader``), it cannot answer them: the
    /// client asks again elsewhere. If it does, ``Limits/maximumWaitingReads`` wait already: the
    /// client asks again here, later.
    public var refusedReads: [RequestID] = []
    /// Entries that were not taken.
    public var refusals: [ProposalRefusal] = []
    /// An entry that the algorithm itself needs: a no-op after an election, a configuration.
    public var wantedEntry: EntryKind?
    /// Peers that lack what was compacted here: each needs a snapshot (Raft §7).
    public var neededSnapshots: [NodeID] = []
    /// A snapshot has durably taken the place of the log: the state machine goes on from it, before
    /// anything of `committed` is applied.
    public var installed: LogStart?
    /// Of a witness: every full voter holds the log through here, durably; what is committed and
    /// durable here too may be compacted.
    public var heldByAll: LogIndex?
    /// The newest configuration in force, set when it changed in this turn.
    public var configuration: Configuration?
    /// The newest change of role, term or known leader in this turn.
    public var roleChange: RoleChange?
    /// This leader hands over to this voter, which stands where the policy wants the leader.
    public var preferredSuccessor: NodeID?
    /// A peer spoke of a term further ahead than any honest one gets: the message was dropped.
    public var implausibleTerm: ImplausibleTerm?
    /// A rule of the algorithm was broken by a peer (two leaders in one term, one position with two
    /// hashes).
    ///
    /// The node stops with exit code 70 and keeps the evidence.
    public var alarm: SafetyAlarm?

    /// Nothing to do.
    public init() {}

    /// Empties the value and keeps its storage for the next turn.
    public mutating func removeAll() {
        persists.removeAll(keepingCapacity: true)
        messages.removeAll(keepingCapacity: true)
        messagesAfterPersist.removeAll(keepingCapacity: true)
        committed = nil
        grantedReads.removeAll(keepingCapacity: true)
        refusedReads.removeAll(keepingCapacity: true)
        refusals.removeAll(keepingCapacity: true)
        wantedEntry = nil
        neededSnapshots.removeAll(keepingCapacity: true)
        installed = nil
        heldByAll = nil
        configuration = nil
        roleChange = nil
        preferredSuccessor = nil
        implausibleTerm = nil
        alarm = nil
    }
}

/// A term beyond ``Limits/maximumTermAdvance``, and who spoke of it.
public struct ImplausibleTerm: Hashable, Sendable {
    /// The peer.
    public var from: NodeID
    /// Its term.
    public var term: Term

    /// Composes the news.
    public init(from: NodeID, term: Term) {
        self.from = from
        self.term = term
    }
}

/// What must survive a crash beside the log (Raft figure 2, "persistent state").
public struct HardState: Hashable, Sendable {
    /// The newest term seen.
    public var term: Term
    /// Who got this node's vote in `term`, or ``NodeID/none``.
    public var vote: NodeID

    /// Composes the state.
    public init(term: Term, vote: NodeID) {
        self.term = term
        self.vote = vote
    }

    /// Of a node that has seen nothing.
    public static let initial = HardState(term: .zero, vote: .none)
}

/// One numbered durable write.
///
/// Done in the order: hard state, snapshot, truncation, entries. It counts as durable as a whole; a crash
/// before that may keep a front part of it, which is what a shorter message would have left.
public struct Persist: Hashable, Sendable {
    /// Grows by one for each.
    public var number: PersistNumber
    /// The log loses everything from this place on, before `entries` are appended.
    public var truncateFrom: LogIndex?
    /// Entries to append, contiguous; the node has their bytes.
    public var entries: Range<LogIndex>?
    /// The new term or vote.
    public var hardState: HardState?
    /// The log is replaced, whole, by this start.
    public var start: LogStart?

    /// Composes the write.
    public init(
        number: PersistNumber,
        truncateFrom: LogIndex? = nil,
        entries: Range<LogIndex>? = nil,
        hardState: HardState? = nil,
        start: LogStart? = nil
    ) {
        self.number = number
        self.truncateFrom = truncateFrom
        self.entries = entries
        self.hardState = hardState
        self.start = start
    }
}

/// A promise and what it waits for.
public struct DeferredMessage: Hashable, Sendable {
    /// The write that must be durable first.
    public var number: PersistNumber
    /// What is sent then.
    public var message: Message

    /// Composes the promise.
    public init(number: PersistNumber, message: Message) {
        self.number = number
        self.message = message
    }
}

/// A read may be answered from any state that has applied `index`.
public struct ReadGrant: Hashable, Sendable {
    /// Which read.
    public var id: RequestID
    /// The commit index when its quorum round began.
    public var index: LogIndex

    /// Composes the grant.
    public init(id: RequestID, index: LogIndex) {
        self.id = id
        self.index = index
    }
}

/// An entry that was not taken.
public struct ProposalRefusal: Hashable, Sendable {
    /// Why.
    public enum Reason: Hashable, Sendable {
        /// Ask the leader, if one is known.
        case notLeader
        /// Built for another place or term than the next one: build it again.
        case outOfPlace
        /// Leadership is being handed over.
        case transferring
        /// Too much is proposed and not yet committed.
        case tooMuchUncommitted
    }
    /// Which entry.
    public var position: LogPosition
    /// Why.
    public var reason: Reason

    /// Composes the refusal.
    public init(position: LogPosition, reason: Reason) {
        self.position = position
        self.reason = reason
    }
}

/// What the node tells its operators and its clients' sessions.
public struct RoleChange: Hashable, Sendable {
    /// The role's name, without its data.
    public var role: RoleName
    /// The current term.
    public var term: Term
    /// The leader of the term, or ``NodeID/none`` while unknown.
    public var leader: NodeID

    /// Composes the news.
    public init(role: RoleName, term: Term, leader: NodeID) {
        self.role = role
        self.term = term
        self.leader = leader
    }
}

/// The roles by name.
public enum RoleName: UInt8, Hashable, Sendable, CaseIterable {
    case follower = 1
    case preCandidate = 2
    case candidate = 3
    case leader = 4
}

/// Evidence that a peer is broken beyond what Raft tolerates.
public enum SafetyAlarm: Hashable, Sendable {
    /// Two nodes lead in one term.
    case twoLeaders(term: Term, known: NodeID, other: NodeID)
    /// One position, two contents.
    case divergentHash(position: LogPosition, from: NodeID)
    /// A leader asks to remove what is committed here.
    case committedEntryContradicted(position: LogPosition, from: NodeID)
}
