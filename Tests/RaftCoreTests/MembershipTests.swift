@testable import RaftCore
import TestLanes
import Testing

/// Changing who belongs to the group (Raft §6, thesis §4).
@Suite(.heavy)
struct MembershipTests {
    private func three() -> Cluster {
        var cluster = Cluster(voters: 3)
        cluster.elect(1)
        return cluster
    }

    /// Three voters and two learners who have everything.
    private func threeAndTwo() -> Cluster {
        var cluster = three()
        let learners = [cluster.join(), cluster.join()]
        cluster.change(1, voters: [1, 2, 3], learners: learners)
        cluster.settle()
        cluster.tick(3)
        #expect(cluster[4].lastPosition == cluster[1].lastPosition)
        return cluster
    }

    @Test
    func `while a change is under way the configuration before it is known`() {
        var cluster = three()
        #expect(cluster[1].configurationBefore == nil)
        #expect(cluster.change(1, voters: [1, 2]) == nil)
        #expect(!cluster[1].configuration.outgoing.isEmpty)
        #expect(cluster[1].configurationBefore == Cluster.configuration(voters: [1, 2, 3]))
    }

    @Test
    func `a learner receives the log and decides nothing`() {
        var cluster = three()
        let id = cluster.join()
        #expect(cluster.change(1, voters: [1, 2, 3], learners: [id]) == nil)
        cluster.settle()
        cluster.tick(3)
        #expect(cluster[id].lastPosition == cluster[1].lastPosition)
        #expect(cluster[id].configuration.member(NodeID(4))?.role == .learner)
        let committed = cluster.committed.count
        cluster.propose(1)
        cluster.settle { $0.from.value == 2 || $0.from.value == 3 }
        #expect(cluster.committed.count == committed, "the learner is no quorum")
        for _ in 0..<3 * Cluster.quick.maximumElectionTicks { cluster.step(id, .tick) }
        #expect(cluster[id].role == .follower)
        #expect(cluster.breach == nil)
    }

    @Test
    func `a voter is made only of a learner that has caught up`() {
        var cluster = three()
        let id = cluster.join()
        #expect(
            cluster[1].refusal(ofChangeTo: Cluster.configuration(voters: [1, 2, 3, 4]))
                == .notCaughtUp(NodeID(4), missing: cluster[1].lastPosition.index.value)
        )
        cluster.change(1, voters: [1, 2, 3], learners: [id])
        cluster.settle { $0.to == NodeID(4) }
        for _ in 0...Limits.maximumPromotionLag { cluster.propose(1) }
        cluster.settle { $0.to == NodeID(4) }
        guard case .notCaughtUp = cluster.change(1, voters: [1, 2, 3, 4]) else {
            Issue.record("a learner without entries was promoted")
            return
        }
        cluster.tick(4)
        // It has the log, and has yet to execute it.
        cluster.step(1, .peerLags(NodeID(UInt64(id)), true))
        guard case .notCaughtUp = cluster.change(1, voters: [1, 2, 3, 4]) else {
            Issue.record("a learner was promoted whose state is far behind")
            return
        }
        cluster.step(1, .peerLags(NodeID(UInt64(id)), false))
        #expect(cluster.change(1, voters: [1, 2, 3, 4]) == nil)
        cluster.settle()
        cluster.tick(2)
        #expect(cluster[4].configuration == Cluster.configuration(voters: [1, 2, 3, 4]))
        #expect(cluster.breach == nil)
    }

    // Its votes and acknowledgements went with the disk (design §4, damage that is not proven).
    @Test
    func `a node with a new disk begins as a learner and owes nothing`() throws {
        var cluster = three()
        cluster.propose(1)
        cluster.settle()
        var target = Cluster.configuration(voters: [1, 2, 3])
        let place = try #require(target.members.firstIndex { $0.id == NodeID(3) })
        target.members[place].incarnation = Incarnation(high: 9, low: 9)
        #expect(cluster[1].refusal(ofChangeTo: target) == .mustBeLearner(NodeID(3)))
        target.members[place].role = .learner
        #expect(cluster[1].refusal(ofChangeTo: target) == nil)
        var both = target
        both.members[place - 1].incarnation = Incarnation(high: 9, low: 8)
        both.members[place - 1].role = .learner
        #expect(cluster[1].refusal(ofChangeTo: both) == .mustBeLearner(NodeID(3)))
        cluster.step(1, .changeConfiguration(to: target))
        #expect(cluster[1].peers.first { $0.id == NodeID(3) }?.matchIndex == .zero)
        cluster.settle { $0.from == NodeID(3) }
        cluster.tick(2) { $0.from == NodeID(3) }
        #expect(cluster[1].configuration == target)
    }

    // Raft §6: agreement needs separate majorities from both.
    @Test(arguments: [[4, 5], [2, 3]])
    func `while joint both halves must agree`(_ silent: [Int]) {
        var cluster = threeAndTwo()
        let isLost: (Message) -> Bool = { silent.contains(Int($0.from.value)) }
        #expect(cluster.change(1, voters: [1, 4, 5], learners: [2, 3]) == nil)
        cluster.settle(dropping: isLost)
        #expect(cluster[1].configuration.outgoing == [1, 2, 3].map { NodeID($0) })
        let committed = cluster[1].commitIndex
        cluster.propose(1)
        cluster.settle(dropping: isLost)
        #expect(cluster[1].commitIndex == committed)
        cluster.tick(4)
        #expect(cluster[1].configuration.outgoing.isEmpty, "it leaves the joint one by itself")
        #expect(cluster[1].commitIndex > committed)
        #expect(cluster.breach == nil)
    }

    @Test
    func `one change at a time, and none before the leader knows of all before it`() {
        var cluster = Cluster(logs: [[1], [1], [1]])
        cluster.nodes[1].raft.electionElapsed = 4
        cluster.nodes[2].raft.electionElapsed = 4
        cluster.campaign(1)
        cluster.settle { if case .appendEntries = $0.body { true } else { false } }
        let target = Cluster.configuration(voters: [1, 2])
        #expect(cluster[1].isLeader)
        #expect(cluster[1].refusal(ofChangeTo: target) == .notReady)
        #expect(cluster[2].refusal(ofChangeTo: target) == .notLeader)
        cluster.tick(4)
        #expect(cluster.change(1, voters: [1, 2]) == nil)
        #expect(cluster.change(1, voters: [1, 3]) == .changeInProgress)
        cluster.settle()
        cluster.tick(2)
        #expect(cluster.change(1, voters: [1, 2]) == .unchanged)
        #expect(cluster.change(1, voters: []) == .unusable)
        #expect(cluster.breach == nil)
    }

    @Test
    func `a change that would leave too few who answer is refused`() {
        var cluster = three()
        cluster.crash(3)
        cluster.tick(2 * Cluster.quick.maximumElectionTicks)
        #expect(cluster[1].isLeader)
        #expect(cluster.change(1, voters: [1, 3]) == .wouldLoseQuorum(heard: 1, needed: 2))
        #expect(cluster.change(1, voters: [1, 2]) == nil)
        cluster.tick(3)
        #expect(cluster[2].configuration == Cluster.configuration(voters: [1, 2]))
    }

    // Simulation seed 3017601542083: a leader of some ticks counted on a voter of which it had heard
    // nothing, and which knew none of those who stood after it.
    @Test
    func `who has said nothing to this leader is not counted on`() {
        var cluster = three()
        cluster.crash(3)
        cluster.crash(1)
        cluster.restart(1)
        cluster.elect(2)
        #expect(cluster.change(2, voters: [2, 3]) == .wouldLoseQuorum(heard: 1, needed: 2))
        cluster.restart(3)
        cluster.tick(3)
        #expect(cluster.change(2, voters: [2, 3]) == nil)
        #expect(cluster.breach == nil)
    }

    // Thesis §4.2.2.
    @Test
    func `a leader that removes itself leads until that is committed, then gives way`() {
        var cluster = three()
        let term = cluster[1].term
        #expect(cluster.change(1, voters: [2, 3]) == nil)
        cluster.settle()
        #expect(!cluster[1].isLeader)
        #expect(cluster.leader.map { [2, 3].contains($0) } == true, "no election timeout passed")
        cluster.tick(3 * Cluster.quick.maximumElectionTicks)
        #expect(cluster.leader.map { cluster[$0].term } == term.next)
        #expect(cluster.breach == nil)
    }

    // Simulation seed 71003032: nobody was left whose answer could end the round.
    @Test
    func `reads that wait for the answers of who leaves are granted without them`() {
        var cluster = three()
        #expect(cluster.change(1, voters: [1]) == nil)
        cluster.read(1, 7)
        cluster.settle { if case .heartbeatReply = $0.body { true } else { false } }
        #expect(cluster[1].configuration == Cluster.configuration(voters: [1]))
        #expect(cluster.grants.map(\.id) == [RequestID(7)])
        cluster.read(1, 8)
        #expect(cluster.grants.map(\.id) == [RequestID(7), RequestID(8)])
        #expect(cluster.breach == nil)
    }

    @Test
    func `who was removed disturbs nobody`() {
        var cluster = three()
        cluster.change(1, voters: [1, 2])
        cluster.settle { $0.to == NodeID(3) }
        cluster.tick(2)
        let term = cluster[1].term
        cluster.tick(10 * Cluster.quick.maximumElectionTicks)
        #expect(cluster[1].isLeader)
        #expect(cluster[1].term == term)
        #expect(cluster[2].term == term)
    }

    // It would wait for ever: nobody it knows of leads any more.
    @Test
    func `a member that lags behind hears a leader that it does not know, and votes for it`() {
        var cluster = threeAndTwo()
        let isCut: (Message) -> Bool = { $0.to == NodeID(3) || $0.from == NodeID(3) }
        #expect(cluster.change(1, voters: [3, 4, 5]) == nil)
        cluster.settle(dropping: isCut)
        cluster.tick(4, dropping: isCut)
        #expect(cluster[4].configuration == Cluster.configuration(voters: [3, 4, 5]))
        #expect(cluster[3].configuration.member(NodeID(4))?.role == .learner)
        for id in [1, 2, 5] { cluster.crash(id) }
        cluster.tick(4 * Cluster.quick.maximumElectionTicks)
        #expect(cluster.leader == 4)
        let committed = cluster[4].commitIndex
        cluster.propose(4)
        cluster.settle()
        #expect(cluster[4].commitIndex > committed)
        #expect(cluster[3].configuration == Cluster.configuration(voters: [3, 4, 5]))
        #expect(cluster.breach == nil)
    }

    // In force from its append on, and only as long as it is in the log.
    @Test
    func `a configuration that is truncated is in force no more`() {
        var cluster = three()
        let before = cluster[1].configuration
        cluster.change(1, voters: [1, 2])
        #expect(cluster[1].configuration != before)
        cluster.settle { $0.from == NodeID(1) || $0.to == NodeID(1) }
        cluster.tick(3 * Cluster.quick.maximumElectionTicks) {
            $0.from == NodeID(1) || $0.to == NodeID(1)
        }
        cluster.tick(4)
        #expect(cluster[1].role == .follower)
        #expect(cluster[1].configuration == before)
        #expect(cluster.breach == nil)
    }

    // Every change from three, four or five voters to any set of the five, with a crash of the leader
    // at every step of it: afterwards either configuration stands, and writes go on.
    @Test(arguments: 3...Depth.cases(5, quick: 3))
    func `no crash of the leader leaves a change undecided`(_ count: Int) {
        var runs = 0
        for mask in 1..<32 {
            let target = (1...5).filter { mask & (1 << ($0 - 1)) != 0 }
            var isOver = false
            var step = 0
            while !isOver {
                var cluster = Self.five(voters: count)
                guard let leader = cluster.leader else { return }
                let before = cluster[leader].configuration
                let after = Cluster.configuration(
                    voters: target,
                    learners: (1...5).filter { !target.contains($0) }
                )
                guard cluster[leader].refusal(ofChangeTo: after) == nil else { break }
                cluster.step(leader, .changeConfiguration(to: after))
                isOver = cluster.happen(step)
                cluster.crash(leader)
                cluster.tick(2 * Cluster.quick.maximumElectionTicks)
                cluster.restart(leader)
                cluster.tick(3 * Cluster.quick.maximumElectionTicks)
                let place = "\(count) to \(target), crash after \(step)"
                guard let next = cluster.leader else {
                    Issue.record("\(place): no leader")
                    return
                }
                #expect(cluster.breach == nil, "\(place)")
                let found = cluster[next].configuration
                #expect(found == before || found == after, "\(place)")
                let committed = cluster[next].commitIndex
                cluster.propose(next)
                cluster.settle()
                #expect(cluster[next].commitIndex > committed, "\(place)")
                cluster.checkLogMatching()
                #expect(cluster.breach == nil, "\(place)")
                step += 1
                runs += 1
            }
        }
        #expect(runs > 500)
    }

    /// Five members of whom the first are voters, with a leader.
    private static func five(voters: Int) -> Cluster {
        var cluster = Cluster(voters: voters)
        cluster.elect(1)
        var learners: [Int] = []
        while cluster.nodes.count < 5 { learners.append(cluster.join()) }
        if !learners.isEmpty {
            cluster.change(1, voters: Array(1...voters), learners: learners)
            cluster.settle()
            cluster.tick(2)
        }
        return cluster
    }
}

extension Cluster {
    /// Lets this many single things happen: a write becomes durable, a message arrives.
    ///
    /// - Returns: Whether there was nothing left to happen.
    fileprivate mutating func happen(_ count: Int) -> Bool {
        for _ in 0..<count {
            if let id = (1...nodes.count).first(where: { !nodes[$0 - 1].writes.isEmpty }) {
                persistOne(id)
            } else if !network.isEmpty {
                deliver(0)
            } else {
                return true
            }
        }
        return false
    }
}
