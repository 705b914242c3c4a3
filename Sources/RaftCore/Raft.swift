/// One member's Raft for one group: a pure, copyable value.
///
/// What happens goes in through ``step(_:into:)``, what the node must do comes out of it; there is
/// no clock, no disk, no socket and no payload in here.
///
/// Durability is asynchronous: every change of term, vote or log is a numbered ``Persist``, and
/// every promise that rests on it waits for ``Input/persisted(_:)`` of that number.
public struct Raft: Hashable, Sendable {
    /// Which log this is about.
    public let group: GroupID
    /// Which member this is.
    public let id: NodeID
    /// Which life of its disk, if that is told apart.
    let incarnation: Incarnation?
    /// Whether the node applies what is committed; a witness keeps the log alone.
    let keepsState: Bool
    /// How time is counted.
    public let timing: Timing
    /// The newest term seen, and the vote in it.
    var hardState: HardState
    /// What this member is at the moment.
    var current: Role = .listening
    /// The headers of all entries.
    var log: Log
    /// What of all that is on disk.
    var durability: Durability
    /// The highest index known to be durable on a quorum (Raft figure 2).
    public internal(set) var commitIndex: LogIndex
    /// The node was given everything through here to apply.
    var releasedIndex: LogIndex
    /// The number of the newest question for a read index.
    ///
    /// Begins at random: numbers of another life of this member must not come again, or an old
    /// answer would grant a new read.
    var lastReadRound: UInt64
    /// A snapshot took the place of the log, and that is not durable yet.
    var pendingInstall: PendingInstall?
    /// The configuration in force, the last one in the log.
    public internal(set) var configuration: Configuration
    /// Who decides in it.
    var quorum: Quorum
    /// All who belong to it, those who leave included, ascending.
    var memberIDs: [NodeID]
    /// The leader of the current term once known, even while a pre-candidate names none.
    var termLeader: NodeID = .none
    /// Peers whose process refused a reconnect, ascending.
    var gonePeers: [NodeID] = []
    /// Peers whose state is far behind their log, ascending.
    public internal(set) var laggards: [NodeID] = []
    /// Ticks since a leader or a granted vote gave reason to wait.
    var electionElapsed = 0
    /// How many such ticks are too many; drawn anew each time.
    var electionTimeout: Int
    /// Before leadership is handed over to a site that is wanted more.
    var preferencePause = PreferencePause()
    /// The seeded chance behind `electionTimeout`.
    var generator: Generator

    /// Wakes a member with what its disk holds.
    ///
    /// - Parameters:
    ///   - group: Which log.
    ///   - id: Which member of its configuration.
    ///   - incarnation: Which life of its disk: where the configuration names another one, that
    ///     one's vote is not this member's. Nil: it is not told apart.
    ///   - keepsState: False for a witness: its node has no state machine.
    ///   - hardState: The newest durable term and vote; not older than the log's last entry.
    ///   - start: What stands before the first of `headers`.
    ///   - headers: The log from there on; from the very beginning, its first entry is the founding
    ///     configuration.
    ///   - appliedThrough: The state machine's durable applied index, or where a witness's log begins;
    ///     it is committed for sure.
    ///   - timing: How time is counted.
    ///   - seed: Different on each node, so that they do not stand for election together.
    public init(
        group: GroupID,
        id: NodeID,
        incarnation: Incarnation? = nil,
        keepsState: Bool = true,
        hardState: HardState,
        start: LogStart = .beginning,
        headers: [EntryHeader],
        appliedThrough: LogIndex,
        timing: Timing,
        seed: UInt64
    ) {
        precondition(id != .none, "a member of group \(group) needs a node id")
        let log = Log(start: start, headers: headers)
        precondition(
            hardState.term >= log.last.term,
            "the log ends in term \(log.last.term), the hard state in \(hardState.term): a vote is lost"
        )
        precondition(
            appliedThrough <= log.lastIndex && appliedThrough >= log.base.index,
            "applied through \(appliedThrough), but the log reaches from \(log.base) to \(log.last)"
        )
        self.group = group
        self.id = id
        self.incarnation = incarnation
        self.keepsState = keepsState
        self.timing = timing
        self.hardState = hardState
        self.log = log
        durability = Durability(persistedIndex: log.lastIndex)
        commitIndex = appliedThrough
        releasedIndex = appliedThrough
        configuration = log.configuration
        quorum = Quorum(configuration)
        memberIDs = Self.memberIDs(of: configuration)
        generator = Generator(seed: seed)
        var rounds = Generator(seed: ~seed)
        lastReadRound = rounds.next() >> 3
        electionTimeout = timing.maximumElectionTicks
        restartElectionClock()
        checkInvariants()
    }

    /// Takes one thing that happened and adds to `effects` what has to be done about it.
    ///
    /// The only way in, and the only dispatch.
    public mutating func step(_ input: Input, into effects: inout Effects) {
        let before = (role: role, term: term, leader: leader, commit: commitIndex)
        switch input {
        case .tick: tick(into: &effects)
        case .received(let message): received(message, into: &effects)
        case .propose(let header): propose(header, into: &effects)
        case .readIndex(let request): readIndex(request, into: &effects)
        case .persisted(let number): persisted(number, into: &effects)
        case .transferLeadership(let target): transferLeadership(to: target, into: &effects)
        case .peerIsGone(let peer): peerIsGone(peer)
        case .peerIsBack(let peer): peerIsBack(peer, into: &effects)
        case .peerLags(let peer, let lags): peerLags(peer, lags)
        case .changeConfiguration(let target): changeConfiguration(to: target, into: &effects)
        case .compact(let index): compact(through: index)
        case .installSnapshot(let start): installSnapshot(start, into: &effects)
        case .snapshotFailed(let peer): snapshotFailed(peer, into: &effects)
        }
        releaseCommitted(into: &effects)
        settleMembership(into: &effects)
        passLeadershipOn(into: &effects)
        if (role, term, leader) != (before.role, before.term, before.leader) {
            effects.roleChange = RoleChange(role: role, term: term, leader: leader)
        }
        checkInvariants()
        precondition(
            term >= before.term && commitIndex >= before.commit,
            "went back from term \(before.term), commit \(before.commit) to \(term), \(commitIndex)"
        )
    }

    /// Hands the message to its rule, once header and term are in order (Raft §5.1).
    private mutating func received(_ message: Message, into effects: inout Effects) {
        guard isForThisMember(message), isPlausible(message, into: &effects),
            adoptTerm(of: message, into: &effects)
        else { return }
        switch message.body {
        case .requestVote(let request):
            received(request, message, into: &effects)
        case .requestVoteReply(let reply):
            received(reply, message, into: &effects)
        case .appendEntries(let append):
            received(append, from: message.from, into: &effects)
        case .appendEntriesReply(let reply):
            received(reply, from: message.from, into: &effects)
        case .heartbeat(let heartbeat):
            received(heartbeat, from: message.from, into: &effects)
        case .heartbeatReply(let reply):
            received(reply, from: message.from, into: &effects)
        case .timeoutNow:
            receivedTimeoutNow(from: message.from, into: &effects)
        case .readIndex(let question):
            received(question, from: message.from, into: &effects)
        case .readIndexReply(let reply):
            received(reply, from: message.from, into: &effects)
        case .heldByAll(let held):
            received(held, from: message.from, into: &effects)
        }
    }

    /// Whether the message is for this member, and from one whom it concerns.
    ///
    /// A member that lags behind does not know who was added since: a stranger is heard where it
    /// leads, or where its log goes on beyond ours and may hold the configuration that names it
    /// (thesis §4.2.2). Of one that was removed neither is so, and it disturbs nobody.
    private func isForThisMember(_ message: Message) -> Bool {
        guard message.group == group, message.to == id, message.from != id else { return false }
        if memberIDs.contains(message.from) { return true }
        switch message.body {
        case .appendEntries, .heartbeat: return true
        case .requestVote(let request): return request.last > log.last
        // A leader that removed itself names its successor last.
        case .timeoutNow, .readIndexReply: return message.from == leader
        case .requestVoteReply, .appendEntriesReply, .heartbeatReply, .readIndex, .heldByAll:
            return false
        }
    }

    /// Whether the term is within ``Limits``; one that is not is said to the operators.
    private func isPlausible(_ message: Message, into effects: inout Effects) -> Bool {
        let isPlausible =
            message.term.value <= Limits.maximumTerm
            && message.term.value <= term.value + Limits.maximumTermAdvance
        if !isPlausible {
            effects.implausibleTerm = ImplausibleTerm(from: message.from, term: message.term)
        }
        return isPlausible
    }
}
