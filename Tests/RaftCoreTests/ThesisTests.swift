@testable import RaftCore
import Testing

/// One test per rule of Ongaro's dissertation that is implemented here, and per mistake of others.
@Suite
struct ThesisTests {
    // MARK: Leadership transfer, §3.10

    @Test
    func `the successor is told once it has the whole log`() {
        var lone = Lone()
        lone.lead()
        lone.accept(2, from: 2)
        lone.accept(2, from: 3)
        lone.propose()
        #expect(!lone.step(.transferLeadership(to: NodeID(3))).tellsSuccessor)
        #expect(lone.raft.transferTarget == NodeID(3))
        #expect(!lone.accept(3, from: 2).tellsSuccessor)
        #expect(lone.accept(3, from: 3).tellsSuccessor)
        #expect(!lone.accept(3, from: 3).tellsSuccessor)
    }

    @Test
    func `nothing is proposed while leadership is handed over, and again when that fails`() {
        var lone = Lone()
        lone.lead()
        lone.step(.transferLeadership(to: NodeID(3)))
        #expect(!lone.raft.canPropose)
        #expect(lone.propose().refusals.map(\.reason) == [.transferring])
        for _ in 0..<Cluster.quick.minimumElectionTicks {
            lone.hearHeartbeatReply(from: 2)
            lone.step(.tick)
        }
        #expect(lone.raft.canPropose)
        #expect(lone.propose().refusals.isEmpty)
    }

    @Test
    func `leadership goes to another voter only`() {
        var lone = Lone()
        lone.lead()
        for target in [1, 9] as [UInt64] {
            lone.step(.transferLeadership(to: NodeID(target)))
            #expect(lone.raft.transferTarget == .none)
        }
    }

    @Test
    func `only the leader's word makes a follower stand at once`() {
        var lone = Lone()
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        lone.receive(.timeoutNow(TimeoutNow()), from: 3, term: 1)
        #expect(lone.raft.role == .follower)
        lone.receive(.timeoutNow(TimeoutNow()), from: 2, term: 1)
        #expect(lone.raft.role == .candidate)
        #expect(lone.effects.requests.allSatisfy { $0.purpose == .transfer })
    }

    // MARK: Terms are learnt from refusals, §9.6

    // Without it a member with the better log never stands in the term that the others are in.
    @Test
    func `a refused pre-vote teaches the refuser's term`() {
        var lone = Lone([1, 1, 1], term: 1)
        lone.timeOut()
        lone.receive(
            .requestVoteReply(RequestVoteReply(purpose: .preVote, isGranted: false)),
            from: 2,
            term: 5
        )
        #expect(lone.raft.term == Term(5))
        #expect(lone.raft.role == .follower)
    }

    // Its own pre-vote promises nothing; a second election would be wasted.
    @Test
    func `a pre-candidate votes for who stands in its term`() {
        var lone = Lone([1], term: 2)
        lone.timeOut()
        #expect(lone.raft.role == .preCandidate)
        lone.receive(Lone.request(), from: 2, term: 2)
        #expect(lone.effects.votes == [true])
        #expect(lone.effects.persists.map(\.hardState?.vote) == [NodeID(2)])
        #expect(lone.raft.role == .follower)
        lone.receive(Lone.request(), from: 3, term: 2)
        #expect(lone.effects.votes == [false])
    }

    @Test
    func `who may not stand forgets a leader that is silent`() {
        var lone = Lone([1], term: Limits.maximumTerm)
        lone.receive(Lone.heartbeat(), from: 2, term: Limits.maximumTerm)
        #expect(lone.raft.leader == NodeID(2))
        for _ in 0...Cluster.quick.maximumElectionTicks { lone.step(.tick) }
        #expect(lone.raft.leader == .none)
    }

    // N6, etcd#12959, #14893.
    @Test
    func `a member that is cut off and returns a hundred times never moves leadership`() {
        var cluster = Cluster(voters: 3)
        cluster.elect(1)
        let term = cluster[1].term
        for round in 0..<100 {
            let away = NodeID(UInt64(2 + round % 2))
            for _ in 0..<2 * Cluster.quick.maximumElectionTicks {
                for id in 1...3 { cluster.step(id, .tick) }
                cluster.settle { $0.from == away || $0.to == away }
            }
            cluster.propose(1)
            cluster.settle()
        }
        #expect(cluster.breach == nil)
        #expect(cluster[1].isLeader)
        #expect(cluster[1].term == term)
    }

    // MARK: Probes

    // A follower whose disk is slow must not be sent the same megabyte every other heartbeat.
    @Test
    func `a probe that is repeated asks without entries, and its answer opens the pipeline`() {
        var lone = Lone()
        lone.lead()
        #expect(lone.raft.peers.first?.state == .probing)
        for _ in 0..<2 * Cluster.quick.heartbeatTicks { lone.step(.tick) }
        let repeated = lone.hearHeartbeatReply(from: 2).appends
        #expect(repeated.map(\.entries.count) == [0])
        #expect(lone.hearHeartbeatReply(from: 2).appends.isEmpty)
        let answer = lone.accept(1, from: 2)
        #expect(answer.appends.map(\.entries.count) == [1])
        #expect(lone.raft.peers.first?.state == .replicating)
    }

    // MARK: Protection of the leader, §4.2.3

    @Test
    func `who hears a leader neither votes nor enters the term of a candidate`() {
        var lone = Lone([1])
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        #expect(lone.receive(Lone.request(.preVote), from: 3, term: 2).votes == [false])
        #expect(lone.receive(Lone.request(), from: 3, term: 2).votes.isEmpty)
        #expect(lone.raft.term == Term(1))
        #expect(lone.receive(Lone.request(.transfer), from: 3, term: 2).votes == [true])
    }

    @Test
    func `the protection ends with the shortest election timeout`() {
        var lone = Lone([1])
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        for _ in 1..<Cluster.quick.minimumElectionTicks { lone.step(.tick) }
        #expect(lone.receive(Lone.request(.preVote), from: 3, term: 2).votes == [false])
        lone.step(.tick)
        #expect(lone.receive(Lone.request(.preVote), from: 3, term: 2).votes == [true])
    }

    @Test
    func `the protection is waived only where both saw the leader go`() {
        let request = Lone.request(.preVote, leaderIsGone: true)
        var lone = Lone([1])
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        #expect(lone.receive(request, from: 3, term: 2).votes == [false])
        lone.step(.peerIsGone(NodeID(2)))
        #expect(lone.receive(Lone.request(.preVote), from: 3, term: 2).votes == [false])
        #expect(lone.receive(request, from: 3, term: 2).votes == [true])
        lone.step(.peerIsBack(NodeID(2)))
        #expect(lone.receive(request, from: 3, term: 2).votes == [false])
    }

    @Test
    func `who is heard to lead is not gone, in the term that was known too`() {
        var lone = Lone([1])
        lone.step(.peerIsGone(NodeID(2)))
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        let request = Lone.request(.preVote, leaderIsGone: true)
        #expect(lone.receive(request, from: 3, term: 2).votes == [false])
        // What is seen from now on counts.
        lone.step(.peerIsGone(NodeID(2)))
        #expect(lone.receive(request, from: 3, term: 2).votes == [true])
    }

    @Test(arguments: 1...50 as ClosedRange<UInt64>)
    func `followers whose leader is gone stand within a few ticks, and not together`(
        _ seed: UInt64
    ) {
        var cluster = Cluster(voters: 3, timing: .standard, seed: seed)
        cluster.elect(1)
        cluster.crash(1)
        cluster.network = []
        for id in 2...3 { cluster.step(id, .peerIsGone(NodeID(1))) }
        for _ in 0..<8 {
            for id in 2...3 { cluster.step(id, .tick) }
            cluster.settle()
        }
        #expect((2...3).count { cluster[$0].isLeader } == 1)
        #expect(cluster.leaders.map(\.term) == [Term(1), Term(2)])
        #expect(cluster.breach == nil)
    }

    // MARK: Check-quorum and reads, §6.2, §6.4

    @Test
    func `a leader that hears no quorum for an election timeout steps down`() {
        var lone = Lone(voters: 5)
        lone.timeOut()
        for peer in 2...3 as ClosedRange<UInt64> { lone.grantPreVote(from: peer) }
        lone.persist()
        for peer in 2...3 as ClosedRange<UInt64> { lone.vote(true, from: peer) }
        lone.propose(.noOp)
        for _ in 0..<20 {
            for peer in 2...3 as ClosedRange<UInt64> { lone.hearHeartbeatReply(from: peer) }
            lone.step(.tick)
            #expect(lone.raft.isLeader)
        }
        lone.step(.readIndex(RequestID(4)))
        var refused: [RequestID] = []
        for _ in 0..<Cluster.quick.minimumElectionTicks {
            lone.hearHeartbeatReply(from: 2)
            refused += lone.step(.tick).refusedReads
        }
        #expect(!lone.raft.isLeader)
        #expect(lone.raft.term == Term(1))
        #expect(refused == [RequestID(4)])
    }

    @Test
    func `a read is granted at the commit index of when its round began`() {
        var lone = Lone()
        lone.lead()
        lone.accept(2, from: 2)
        #expect(lone.step(.readIndex(RequestID(1))).heartbeats.map(\.readRound) == [1, 1])
        lone.propose()
        lone.persist()
        lone.accept(3, from: 2)
        #expect(lone.raft.commitIndex == LogIndex(3))
        let grants = lone.hearHeartbeatReply(from: 3, round: 1).grantedReads
        #expect(grants == [ReadGrant(id: RequestID(1), index: LogIndex(2))])
    }

    @Test
    func `one round confirms all reads that waited for it, and none that came later`() {
        var lone = Lone()
        lone.lead()
        lone.accept(2, from: 2)
        for id in 1...3 as ClosedRange<UInt64> { lone.step(.readIndex(RequestID(id))) }
        let first = lone.hearHeartbeatReply(from: 2, round: 1)
        #expect(first.grantedReads.map(\.id) == [RequestID(1)])
        #expect(first.heartbeats.map(\.readRound) == [2, 2])
        #expect(lone.hearHeartbeatReply(from: 3, round: 1).grantedReads.isEmpty)
        let second = lone.hearHeartbeatReply(from: 3, round: 2)
        #expect(second.grantedReads.map(\.id) == [RequestID(2), RequestID(3)])
    }

    // Read rounds send heartbeats of their own; they must not keep a loss from being noticed.
    @Test
    func `a lost entry is found while reads go on all the time`() {
        var lone = Lone()
        lone.lead()
        for peer in 2...3 as ClosedRange<UInt64> { lone.accept(2, from: peer) }
        lone.propose()
        var isFound = false
        for round in 1...40 as ClosedRange<UInt64> {
            lone.step(.readIndex(RequestID(round)))
            let answer = lone.hearHeartbeatReply(from: 2, round: round)
            isFound = isFound || answer.appends.contains { $0.entries.isEmpty }
            if round % 8 == 0 { lone.step(.tick) }
        }
        #expect(isFound)
    }

    @Test
    func `a read waits until an entry of the leader's own term is committed`() {
        var lone = Lone([1])
        lone.lead()
        #expect(lone.step(.readIndex(RequestID(1))).heartbeats.isEmpty)
        lone.hearHeartbeatReply(from: 2, round: 0)
        #expect(lone.effects.grantedReads.isEmpty)
        #expect(lone.accept(3, from: 2).heartbeats.map(\.readRound) == [1, 1])
        #expect(lone.hearHeartbeatReply(from: 2, round: 1).grantedReads.count == 1)
    }

    @Test
    func `reads past the limit, and reads where nobody leads, are refused`() {
        var lone = Lone()
        #expect(lone.step(.readIndex(RequestID(1))).refusedReads == [RequestID(1)])
        lone.lead()
        for id in 0..<UInt64(Limits.maximumWaitingReads) { lone.step(.readIndex(RequestID(id))) }
        #expect(lone.effects.refusedReads.isEmpty)
        let past = lone.step(.readIndex(RequestID(9)))
        #expect(past.refusedReads == [RequestID(9)])
        // It still leads, which is how the node tells this refusal from a lost leadership.
        #expect(lone.raft.isLeader && past.roleChange == nil)
        lone.accept(2, from: 2)
        let granted = lone.hearHeartbeatReply(from: 2, round: 1).grantedReads
        #expect(granted.count == Limits.maximumWaitingReads)
        #expect(lone.step(.readIndex(RequestID(9))).refusedReads.isEmpty)
    }

    // MARK: Reads at a follower, §6.4

    /// A follower of member 2 in term 1.
    private func follower() -> Lone {
        var lone = Lone()
        lone.receive(Lone.append([1], after: 1), from: 2, term: 1)
        lone.persist()
        return lone
    }

    private func questions(_ effects: Effects) -> [UInt64] {
        effects.messages.compactMap { message in
            guard case .readIndex(let question) = message.body else { return nil }
            return question.round
        }
    }

    @Test
    func `a follower asks the leader once for all reads that wait, and grants at its index`() throws
    {
        var lone = follower()
        let round = try #require(questions(lone.step(.readIndex(RequestID(1)))).first)
        // Those that come later ask a question of their own: the answer may be older than they are.
        #expect(questions(lone.step(.readIndex(RequestID(2)))).isEmpty)
        let reply = ReadIndexReply(round: round, index: LogIndex(7))
        let first = lone.receive(.readIndexReply(reply), from: 2, term: 1)
        #expect(first.grantedReads == [ReadGrant(id: RequestID(1), index: LogIndex(7))])
        let second = questions(first)
        #expect(second.count == 1 && second != [round])
        // An answer that comes twice, or from somebody else, grants nothing.
        #expect(lone.receive(.readIndexReply(reply), from: 2, term: 1).grantedReads.isEmpty)
        let other = ReadIndexReply(round: second[0], index: LogIndex(9))
        #expect(lone.receive(.readIndexReply(other), from: 3, term: 1).grantedReads.isEmpty)
        #expect(
            lone.receive(.readIndexReply(other), from: 2, term: 1).grantedReads
                == [ReadGrant(id: RequestID(2), index: LogIndex(9))]
        )
    }

    @Test
    func `a follower asks again when no answer comes, and gives up with its leader`() {
        var lone = follower()
        let round = questions(lone.step(.readIndex(RequestID(1))))
        var again: [UInt64] = []
        for _ in 0..<Cluster.quick.heartbeatTicks { again += questions(lone.step(.tick)) }
        #expect(again == round)
        let refused = lone.receive(Lone.heartbeat(), from: 3, term: 2).refusedReads
        #expect(refused == [RequestID(1)])
        #expect(lone.raft.leader == NodeID(3))
    }

    @Test
    func `a life of a follower does not use the numbers of another`() {
        var rounds: Set<UInt64> = []
        for seed in 0..<100 as Range<UInt64> {
            var lone = Lone(seed: seed)
            lone.receive(Lone.append([1], after: 1), from: 2, term: 1)
            lone.persist()
            rounds.formUnion(questions(lone.step(.readIndex(RequestID(1)))))
        }
        #expect(rounds.count == 100)
    }

    @Test
    func `a leader answers a follower with what was committed when its question had come`() {
        var lone = Lone()
        lone.lead()
        lone.accept(2, from: 2)
        let question = ReadIndex(round: 5)
        #expect(
            lone.receive(.readIndex(question), from: 3, term: 1).heartbeats.map(\.readRound)
                == [1, 1]
        )
        // Asked again, it waits no second time.
        lone.receive(.readIndex(question), from: 3, term: 1)
        lone.propose()
        lone.persist()
        lone.accept(3, from: 2)
        let answers = lone.hearHeartbeatReply(from: 2, round: 1).messages.filter {
            if case .readIndexReply = $0.body { true } else { false }
        }
        #expect(answers.map(\.to) == [NodeID(3)])
        #expect(
            answers.map(\.body) == [.readIndexReply(ReadIndexReply(round: 5, index: LogIndex(2)))]
        )
    }

    @Test
    func `who does not lead answers no follower`() {
        var lone = follower()
        #expect(lone.receive(.readIndex(ReadIndex(round: 1)), from: 3, term: 1).messages.isEmpty)
    }

    // MARK: Pre-vote, §9.6

    @Test
    func `a pre-vote changes nothing durable at either end`() {
        var lone = Lone([1])
        lone.timeOut()
        #expect(lone.effects.persists.isEmpty)
        #expect(lone.raft.term == Term(1))
        #expect(lone.effects.said.map(\.term) == [Term(2), Term(2)])
        var other = Lone([1])
        let effects = other.receive(Lone.request(.preVote), from: 2, term: 2)
        #expect(effects.votes == [true])
        #expect(effects.persists.isEmpty)
        #expect(other.raft.term == Term(1))
        // A pre-vote is not a vote: another may have one too.
        #expect(other.receive(Lone.request(.preVote), from: 3, term: 2).votes == [true])
    }

    @Test
    func `a pre-candidate that is refused by a quorum goes back to waiting`() {
        var lone = Lone([1])
        lone.timeOut()
        let no = MessageBody.requestVoteReply(RequestVoteReply(purpose: .preVote, isGranted: false))
        lone.receive(no, from: 2, term: 1)
        lone.receive(no, from: 3, term: 1)
        #expect(lone.raft.role == .follower)
        #expect(lone.raft.term == Term(1))
    }

    // etcd#9586.
    @Test
    func `a pre-candidate names no leader, so that it protects none`() {
        var lone = Lone([1])
        lone.receive(Lone.heartbeat(), from: 2, term: 1)
        lone.timeOut()
        #expect(lone.raft.leader == .none)
        #expect(lone.receive(Lone.request(.preVote), from: 3, term: 2).votes == [true])
    }

    // MARK: Asynchronous writes, §10.2

    @Test
    func `nothing is said in a term that is not durable`() {
        var lone = Lone([1])
        let heartbeat = lone.receive(Lone.heartbeat(), from: 2, term: 3)
        #expect(heartbeat.messages.isEmpty)
        #expect(heartbeat.messagesAfterPersist.count == 1)
        let rejection = lone.receive(Lone.append([1, 1], after: 3), from: 2, term: 3)
        #expect(rejection.messages.isEmpty)
        lone.persist()
        #expect(lone.receive(Lone.heartbeat(), from: 2, term: 3).messages.count == 1)
    }

    @Test
    func `a follower acknowledges durable entries of an old term only in a durable new one`() {
        var lone = Lone([1, 1])
        let effects = lone.receive(Lone.append([1, 1], after: 3), from: 2, term: 2)
        #expect(effects.outcomes == [.accepted(match: LogIndex(3))])
        #expect(effects.messages.isEmpty)
        #expect(effects.messagesAfterPersist.map(\.number) == effects.persists.map(\.number))
    }
}
