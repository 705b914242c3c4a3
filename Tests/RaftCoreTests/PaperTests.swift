@testable import RaftCore
import Testing

/// One test per sentence of the Raft paper's figure 2 that is implemented here.
@Suite
struct PaperTests {
    // MARK: All servers, §5.1

    // Figure 2, rules for all servers; §5.3.
    @Test
    func `if commitIndex advances, entries are applied once, in order, when durable here`() {
        var lone = Lone()
        let arrived = lone.receive(Lone.append([1, 1], after: 1, commit: 2), from: 2, term: 1)
        #expect(arrived.committed == LogIndex(1)...LogIndex(1))
        #expect(lone.raft.commitIndex == LogIndex(2))
        #expect(lone.persist().committed == LogIndex(2)...LogIndex(2))
        #expect(lone.step(.tick).committed == nil)
    }

    // Figure 2, rules for all servers; §5.1.
    @Test(arguments: [
        Lone.heartbeat(), Lone.append([], after: 1), Lone.request(),
        .heartbeatReply(HeartbeatReply(readRound: 0)),
        .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: .zero))),
        .requestVoteReply(RequestVoteReply(purpose: .election, isGranted: false)),
        .timeoutNow(TimeoutNow()), .readIndex(ReadIndex(round: 1)),
        .readIndexReply(ReadIndexReply(round: 1, index: .zero)),
        .heldByAll(HeldByAll(through: .zero)),
    ])
    func `a message with a newer term makes any member a follower of that term`(
        _ body: MessageBody
    ) {
        var candidate = Lone([1])
        candidate.becomeCandidate()
        candidate.receive(body, from: 3, term: 7)
        #expect(candidate.raft.role == .follower)
        #expect(candidate.raft.term == Term(7))

        var leader = Lone([1])
        leader.lead()
        leader.receive(body, from: 3, term: 7)
        let protects = if case .requestVote = body { true } else { false }
        // A leader that is heard by a quorum protects itself, thesis §4.2.3.
        #expect(leader.raft.role == (protects ? .leader : .follower))
        #expect(leader.raft.term == Term(protects ? 2 : 7))
    }

    // §5.1.
    @Test
    func `a request with a stale term is rejected, with the newer term`() {
        var lone = Lone([1], term: 5)
        let append = lone.receive(Lone.append([1], after: 1), from: 2, term: 4)
        guard case .rejected? = append.outcomes.first else {
            Issue.record("\(append)")
            return
        }
        #expect(append.said.map(\.term) == [Term(5)])
        #expect(lone.terms == [1])
        #expect(lone.receive(Lone.request(), from: 2, term: 4).votes == [false])
    }

    // MARK: RequestVote, §5.2, §5.4

    // Figure 2, RequestVote 2; §5.2.
    @Test
    func `each member votes for at most one candidate in a term, first come, first served`() {
        var lone = Lone()
        #expect(lone.receive(Lone.request(), from: 2, term: 1).votes == [true])
        #expect(lone.receive(Lone.request(), from: 3, term: 1).votes == [false])
        #expect(lone.receive(Lone.request(), from: 2, term: 1).votes == [true])
        #expect(lone.receive(Lone.request(), from: 3, term: 2).votes == [true])
    }

    // §5.4.1: the later term is more up to date; with equal terms the longer log is.
    @Test(
        arguments: [
            ((index: 4, term: 2), true), ((index: 5, term: 2), true), ((index: 3, term: 2), false),
            ((index: 2, term: 3), true), ((index: 9, term: 1), false),
        ] as [((index: UInt64, term: UInt64), Bool)]
    )
    func `a vote goes only to whose log is at least as up to date`(
        _ last: (index: UInt64, term: UInt64),
        _ isGranted: Bool
    ) {
        for purpose in RequestVote.Purpose.allCases {
            var lone = Lone([1, 1, 2])
            let request = Lone.request(purpose, last: last)
            #expect(lone.receive(request, from: 2, term: 5).votes == [isGranted])
        }
    }

    // Figure 2, "updated on stable storage before responding".
    @Test
    func `a vote is said only after it is durable`() {
        var lone = Lone()
        let effects = lone.receive(Lone.request(), from: 2, term: 1)
        #expect(effects.messages.isEmpty)
        #expect(effects.persists.last?.hardState == HardState(term: Term(1), vote: NodeID(2)))
        #expect(effects.messagesAfterPersist.map(\.number) == [effects.persists.last?.number])
    }

    // MARK: AppendEntries, §5.3

    // Figure 2, AppendEntries 2.
    @Test(
        arguments: [
            ([1, 1, 1], 4, (2, 1)), ([2, 2], 3, (1, 0)), ([1, 3, 3], 4, (2, 1)),
        ] as [([UInt64], UInt64, (UInt64, UInt64))]
    )
    func `entries are rejected where the log has no entry of previous, with a hint`(
        _ log: [UInt64],
        _ previous: UInt64,
        _ hint: (UInt64, UInt64)
    ) {
        var lone = Lone([1], term: 3)
        if log == [2, 2] { lone = Lone([3], term: 3) }
        let effects = lone.receive(Lone.append(log, after: previous), from: 2, term: 3)
        let position = LogPosition(index: LogIndex(hint.0), term: Term(hint.1))
        #expect(effects.outcomes == [.rejected(previous: LogIndex(previous), hint: position)])
    }

    // Figure 2, AppendEntries 3 and 4.
    @Test
    func `a conflicting entry is removed with all that follow it, and new ones are appended`() {
        var lone = Lone([1, 1, 1, 1])
        let effects = lone.receive(Lone.append([1, 2, 2], after: 2), from: 2, term: 2)
        #expect(lone.terms == [1, 2, 2])
        let write = effects.persists.last
        #expect(write?.truncateFrom == LogIndex(3))
        #expect(write?.entries == LogIndex(3)..<LogIndex(5))
    }

    // Figure 2, AppendEntries 3: only upon a conflict. A delayed message must not shorten the log.
    @Test
    func `entries that are there already remove nothing`() {
        var lone = Lone([1, 1, 1])
        let effects = lone.receive(Lone.append([1], after: 1), from: 2, term: 1)
        #expect(lone.terms == [1, 1, 1])
        #expect(effects.persists.isEmpty)
        #expect(effects.outcomes == [.accepted(match: LogIndex(2))])
        #expect(effects.messagesAfterPersist.isEmpty)
    }

    // Figure 2, AppendEntries 5; scylladb#9965.
    @Test
    func `a follower's commit index is at most the last entry that the message proves`() {
        var lone = Lone([1, 1, 1], term: 2)
        lone.receive(Lone.append([1], after: 1, commit: 4), from: 2, term: 2)
        #expect(lone.raft.commitIndex == LogIndex(2))
    }

    // scylladb#9965: the same for heartbeats.
    @Test
    func `a heartbeat commits nothing in a log whose end is not of the leader's term`() {
        var lone = Lone([1, 1, 1], term: 2)
        lone.receive(Lone.heartbeat(commit: 4), from: 2, term: 2)
        #expect(lone.raft.commitIndex == .zero)
        lone.receive(Lone.append([1, 1, 1, 2], after: 4, commit: 0), from: 2, term: 2)
        lone.receive(Lone.heartbeat(commit: 9), from: 2, term: 2)
        #expect(lone.raft.commitIndex == LogIndex(5))
    }

    // Figure 2, "updated on stable storage before responding"; C9.
    @Test
    func `entries are acknowledged only after they are durable`() {
        var lone = Lone([1])
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        let effects = lone.receive(Lone.append([1, 1], after: 2), from: 2, term: 1)
        #expect(effects.messages.isEmpty)
        #expect(effects.messagesAfterPersist.map(\.number) == effects.persists.map(\.number))
        let again = lone.receive(Lone.append([1, 1], after: 2), from: 2, term: 1)
        #expect(again.messages.isEmpty)
        lone.persist()
        let later = lone.receive(Lone.append([1, 1], after: 2), from: 2, term: 1)
        #expect(later.messages.count == 1)
    }

    // MARK: Followers and candidates, §5.2

    // Figure 2, rules for followers.
    @Test
    func `a follower that hears no leader for an election timeout stands`() {
        var lone = Lone()
        for _ in 1..<Cluster.quick.minimumElectionTicks { lone.step(.tick) }
        #expect(lone.raft.role == .follower)
        lone.timeOut()
        #expect(lone.raft.role == .preCandidate)
    }

    // Figure 2, rules for followers.
    @Test
    func `a follower that hears its leader never stands`() {
        var lone = Lone()
        for tick in 0..<200 {
            if tick % 3 == 0 { lone.receive(Lone.heartbeat(), from: 2, term: 1) }
            lone.step(.tick)
            #expect(lone.raft.role == .follower)
        }
    }

    // §5.2: election timeouts are chosen randomly from a fixed interval, anew for each election.
    @Test
    func `election timeouts are drawn anew, over the whole range`() {
        var drawn: [Int] = []
        var lone = Lone()
        for _ in 0..<100 {
            lone.raft.restartElectionClock()
            drawn.append(lone.raft.electionTimeout)
        }
        let range = Cluster.quick.minimumElectionTicks...Cluster.quick.maximumElectionTicks
        #expect(range.allSatisfy(drawn.contains))
        #expect(drawn.allSatisfy(range.contains))
    }

    // Figure 2, rules for candidates.
    @Test
    func `a candidate enters a new term, votes for itself, and asks all others`() {
        var lone = Lone([1])
        lone.timeOut()
        lone.grantPreVote(from: 3)
        #expect(lone.raft.role == .candidate)
        #expect(lone.effects.persists.last?.hardState == HardState(term: Term(2), vote: NodeID(1)))
        #expect(lone.effects.messages.isEmpty)
        #expect(lone.effects.messagesAfterPersist.map(\.message.to) == [NodeID(2), NodeID(3)])
        #expect(lone.effects.requests.allSatisfy { $0.last == lone.raft.lastPosition })
    }

    // Figure 2, rules for candidates.
    @Test(arguments: 0...2)
    func `a candidate leads once a majority voted for it`(_ no: Int) {
        var lone = Lone(voters: 5)
        lone.timeOut()
        lone.grantPreVote(from: 2)
        lone.grantPreVote(from: 3)
        lone.persist()
        var peer: UInt64 = 2
        for _ in 0..<no {
            lone.vote(false, from: peer)
            peer += 1
        }
        #expect(lone.raft.role == .candidate)
        lone.vote(true, from: peer)
        #expect(lone.raft.role == .candidate)
        lone.vote(true, from: peer)
        #expect(lone.raft.role == .candidate, "one member counted twice")
        lone.vote(true, from: peer + 1)
        #expect(lone.raft.role == .leader)
    }

    // §5.2: the candidate's own vote is one like the others.
    @Test
    func `a candidate's own vote counts only once it is durable`() {
        var lone = Lone(voters: 1)
        for _ in 0...Cluster.quick.maximumElectionTicks { lone.step(.tick) }
        #expect(lone.raft.role == .candidate)
        lone.persist()
        #expect(lone.raft.role == .leader)
    }

    // Figure 2, rules for candidates.
    @Test
    func `a candidate that hears the term's leader follows it`() {
        for body in [Lone.heartbeat(), Lone.append([], after: 1)] {
            var lone = Lone()
            lone.becomeCandidate()
            lone.receive(body, from: 3, term: 1)
            #expect(lone.raft.role == .follower)
            #expect(lone.raft.leader == NodeID(3))
        }
    }

    // Figure 2, rules for candidates.
    @Test
    func `a candidate whose election takes too long stands again`() {
        var lone = Lone()
        lone.becomeCandidate()
        lone.timeOut()
        #expect(lone.raft.role == .preCandidate)
        #expect(lone.raft.term == Term(1))
        lone.grantPreVote(from: 2)
        #expect(lone.raft.term == Term(2))
    }

    // MARK: Leaders, §5.3, §5.4

    // Figure 2, rules for leaders.
    @Test
    func `a leader sends heartbeats upon election and then at every interval`() {
        var lone = Lone()
        lone.becomeCandidate()
        #expect(lone.vote(true, from: 2).heartbeats.count == 2)
        for _ in 0..<3 {
            #expect(lone.step(.tick).heartbeats.count == 2)
            lone.hearHeartbeatReply(from: 2)
        }
    }

    // §8, thesis §6.4.
    @Test
    func `a leader's term begins with a no-op, and with nothing else`() {
        var lone = Lone([1])
        lone.becomeCandidate()
        #expect(lone.vote(true, from: 2).wantedEntry == .noOp)
        #expect(!lone.raft.canPropose)
        #expect(lone.propose().refusals.map(\.reason) == [.outOfPlace])
        #expect(lone.propose(.noOp).refusals.isEmpty)
        #expect(lone.raft.canPropose)
        #expect(lone.propose().refusals.isEmpty)
    }

    // Figure 2, rules for leaders.
    @Test
    func `a leader appends a command and sends it while it is being written`() {
        var lone = Lone()
        lone.lead()
        for peer in 2...3 as ClosedRange<UInt64> { lone.accept(2, from: peer) }
        let effects = lone.propose()
        #expect(effects.persists.map(\.entries) == [LogIndex(3)..<LogIndex(4)])
        #expect(effects.messages.map(\.to) == [NodeID(2), NodeID(3)])
        #expect(effects.appends.allSatisfy { $0.entries.map(\.index) == [LogIndex(3)] })
    }

    // Figure 2, rules for leaders: nextIndex is decremented upon a rejection, and it is tried again.
    @Test
    func `a leader backs up after a rejection until the logs agree`() {
        var lone = Lone([1, 1, 1])
        lone.lead()
        let hint = LogPosition(index: LogIndex(2), term: Term(1))
        let outcome = AppendEntriesReply.Outcome.rejected(previous: LogIndex(4), hint: hint)
        let reply = AppendEntriesReply(outcome: outcome)
        let effects = lone.receive(.appendEntriesReply(reply), from: 2, term: 2)
        #expect(effects.appends.map(\.previous) == [hint])
        #expect(effects.appends.first?.entries.count == 3)
    }

    // Figure 2, rules for leaders; §5.4.2, figure 8.
    @Test
    func `an entry of an older term is never committed by counting`() {
        var lone = Lone([1, 1])
        lone.lead()
        lone.accept(3, from: 2)
        lone.accept(3, from: 3)
        #expect(lone.raft.commitIndex == .zero)
        lone.accept(4, from: 3)
        #expect(lone.raft.commitIndex == LogIndex(4))
    }

    // §5.3; thesis §10.2.1: the leader's disk counts like another.
    @Test
    func `the leader counts itself only as far as its own disk`() {
        var lone = Lone()
        lone.becomeCandidate()
        lone.vote(true, from: 2)
        lone.propose(.noOp)
        lone.accept(2, from: 2)
        #expect(lone.raft.commitIndex == .zero)
        lone.accept(2, from: 3)
        #expect(lone.raft.commitIndex == LogIndex(2), "a majority without the leader")
        lone.propose()
        lone.accept(3, from: 2)
        #expect(lone.raft.commitIndex == LogIndex(2))
        #expect(lone.persist().committed == LogIndex(2)...LogIndex(3))
    }

    // C13, etcd's self acknowledgement after a change of term.
    @Test
    func `a write of an older leadership counts for nothing of a newer one`() {
        var lone = Lone()
        lone.lead()
        lone.propose()
        let old = lone.raft.lastPersistNumber
        // Deposed, its entry replaced; then the old write comes to its end.
        lone.receive(Lone.append([2], after: 1), from: 3, term: 2)
        lone.step(.persisted(old))
        #expect(lone.raft.persistedIndex == LogIndex(1))
        lone.persist()
        #expect(lone.raft.persistedIndex == LogIndex(2))
    }
}
