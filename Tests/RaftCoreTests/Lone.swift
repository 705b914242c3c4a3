@testable import RaftCore

/// One Raft alone, member 1 of three, to which a test says what peers would say.
struct Lone {
    var raft: Raft
    /// What the last step asked for.
    private(set) var effects = Effects()

    /// A follower of `term` whose log has these terms after the founding entry.
    init(_ terms: [UInt64] = [], term: UInt64? = nil, voters: Int = 3, seed: UInt64 = 1) {
        let headers = Cluster.log(Cluster.founding(voters: voters), terms)
        raft = Raft(
            group: .directory,
            id: NodeID(1),
            hardState: HardState(term: Term(term ?? terms.last ?? 0), vote: .none),
            headers: headers,
            appliedThrough: .zero,
            timing: Cluster.quick,
            seed: seed
        )
    }

    @discardableResult
    mutating func step(_ input: Input) -> Effects {
        effects.removeAll()
        raft.step(input, into: &effects)
        return effects
    }

    @discardableResult
    mutating func receive(_ body: MessageBody, from: UInt64, term: UInt64) -> Effects {
        step(
            .received(
                Message(
                    group: .directory,
                    from: NodeID(from),
                    to: raft.id,
                    term: Term(term),
                    body: body
                )
            )
        )
    }

    @discardableResult
    mutating func persist() -> Effects { step(.persisted(raft.lastPersistNumber)) }

    /// Ticks until it asks for pre-votes.
    mutating func timeOut() {
        for _ in 0...Cluster.quick.maximumElectionTicks {
            step(.tick)
            if raft.role == .preCandidate { return }
        }
    }

    /// Stands for election, with its vote durable.
    mutating func becomeCandidate() {
        timeOut()
        grantPreVote(from: 2)
        persist()
    }

    mutating func grantPreVote(from peer: UInt64) {
        receive(
            .requestVoteReply(RequestVoteReply(purpose: .preVote, isGranted: true)),
            from: peer,
            term: raft.term.value + 1
        )
    }

    @discardableResult
    mutating func vote(_ isGranted: Bool, from peer: UInt64) -> Effects {
        receive(
            .requestVoteReply(RequestVoteReply(purpose: .election, isGranted: isGranted)),
            from: peer,
            term: raft.term.value
        )
    }

    /// Leads, with its no-op appended and durable here only.
    mutating func lead() {
        becomeCandidate()
        vote(true, from: 2)
        propose(.noOp)
        persist()
    }

    @discardableResult
    mutating func propose(_ kind: EntryKind = .commands, size: Int = 10) -> Effects {
        step(.propose(next(kind, size: size)))
    }

    func next(_ kind: EntryKind = .commands, size: Int = 10) -> EntryHeader {
        let position = LogPosition(index: raft.lastPosition.index.next, term: raft.term)
        let hash = Cluster.chain(raft.lastHash, position, payload: 1)
        return EntryHeader(position: position, kind: kind, size: size, hash: hash)
    }

    @discardableResult
    mutating func accept(_ match: UInt64, from peer: UInt64) -> Effects {
        receive(
            .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: LogIndex(match)))),
            from: peer,
            term: raft.term.value
        )
    }

    @discardableResult
    mutating func hearHeartbeatReply(from peer: UInt64, round: UInt64 = 0) -> Effects {
        receive(
            .heartbeatReply(HeartbeatReply(readRound: round)),
            from: peer,
            term: raft.term.value
        )
    }

    /// The append that brings the entries of `log` (terms after the founding entry) after
    /// `previous`.
    static func append(
        _ log: [UInt64],
        after previous: UInt64,
        commit: UInt64 = 0,
        voters: Int = 3
    ) -> MessageBody {
        let headers = Cluster.log(Cluster.founding(voters: voters), log)
        let before = previous == 0 ? nil : headers[Int(previous) - 1]
        return .appendEntries(
            AppendEntries(
                previous: before?.position ?? .zero,
                previousHash: before?.hash ?? .zero,
                entries: Array(headers.dropFirst(Int(previous))),
                commitIndex: LogIndex(commit)
            )
        )
    }

    static func request(
        _ purpose: RequestVote.Purpose = .election,
        last: (index: UInt64, term: UInt64) = (99, 99),
        leaderIsGone: Bool = false
    ) -> MessageBody {
        let position = LogPosition(index: LogIndex(last.index), term: Term(last.term))
        return .requestVote(
            RequestVote(purpose: purpose, last: position, leaderIsGone: leaderIsGone)
        )
    }

    static func heartbeat(commit: UInt64 = 0, round: UInt64 = 0) -> MessageBody {
        .heartbeat(Heartbeat(commitIndex: LogIndex(commit), readRound: round))
    }

    /// The terms of the log after the founding entry.
    var terms: [UInt64] {
        var terms: [UInt64] = []
        var index = LogIndex(2)
        while let header = raft.header(at: index) {
            terms.append(header.term.value)
            index = index.next
        }
        return terms
    }
}

extension Effects {
    /// Everything said, now or after a write.
    var said: [Message] { messages + messagesAfterPersist.map(\.message) }

    /// The answers to requests for votes.
    var votes: [Bool] {
        said.compactMap { message in
            if case .requestVoteReply(let reply) = message.body { reply.isGranted } else { nil }
        }
    }

    /// The answers to entries.
    var outcomes: [AppendEntriesReply.Outcome] {
        said.compactMap { message in
            if case .appendEntriesReply(let reply) = message.body { reply.outcome } else { nil }
        }
    }

    /// The entries sent.
    var appends: [AppendEntries] {
        said.compactMap { message in
            if case .appendEntries(let append) = message.body { append } else { nil }
        }
    }

    /// The heartbeats sent.
    var heartbeats: [Heartbeat] {
        said.compactMap { message in
            if case .heartbeat(let heartbeat) = message.body { heartbeat } else { nil }
        }
    }

    /// The requests for votes.
    var requests: [RequestVote] {
        said.compactMap { message in
            if case .requestVote(let request) = message.body { request } else { nil }
        }
    }

    /// Whether a successor is told to stand.
    var tellsSuccessor: Bool {
        said.contains { message in
            if case .timeoutNow = message.body { true } else { false }
        }
    }
}
