@testable import RaftCore
import Testing

/// A voter without a state (design §6, log-only witness): members 1 and 2 are full, 3 is the witness.
@Suite
struct WitnessTests {
    private static func away(_ id: UInt64) -> (Message) -> Bool {
        { $0.to == NodeID(id) || $0.from == NodeID(id) }
    }

    private func led() -> Cluster {
        var cluster = Cluster(voters: 3, witness: 3)
        cluster.elect(1)
        return cluster
    }

    /// The leader and the witness have acknowledged what the other full member lacks; then the
    /// leader is lost.
    private func bereft() -> (cluster: Cluster, last: LogPosition) {
        var cluster = led()
        var last = LogPosition.zero
        for _ in 0..<3 { last = cluster.propose(1) }
        cluster.settle(dropping: Self.away(2))
        #expect(cluster[1].commitIndex == last.index)
        cluster.crash(1)
        cluster.network = []
        return (cluster, last)
    }

    @Test
    func `its acknowledgement commits, and its vote elects`() {
        var cluster = led()
        cluster.crash(2)
        let position = cluster.propose(1)
        cluster.settle()
        #expect(cluster[1].commitIndex == position.index)
        cluster.crash(1)
        cluster.restart(2)
        cluster.restart(1)
        cluster.crash(2)
        cluster.elect(1)
        #expect(cluster.leader == 1)
        #expect(cluster.breach == nil)
    }

    @Test
    func `what only the lost leader and the witness hold is brought to the other, who then leads`()
    {
        var (cluster, last) = bereft()
        // The full member cannot win, and its asking is what lets the witness stand.
        cluster.nodes[2].raft.electionElapsed = Cluster.quick.minimumElectionTicks
        cluster.campaign(2)
        cluster.settle()
        var hasLed = false
        for _ in 0..<8 where cluster.leader != 2 {
            cluster.step(3, .tick)
            cluster.settle()
            hasLed = hasLed || cluster.leaders.contains { $0.id == NodeID(3) }
        }
        #expect(hasLed)
        #expect(cluster.leader == 2)
        #expect(cluster[2].log.hash(at: last.index) == cluster[3].log.hash(at: last.index))
        let next = cluster.propose(2)
        cluster.settle()
        #expect(cluster[2].commitIndex == next.index)
        #expect(cluster.breach == nil)
    }

    @Test
    func `it stands after everybody else`() {
        let seeds: ClosedRange<UInt64> = 1...50
        for seed in seeds {
            let cluster = Cluster(voters: 3, seed: seed, witness: 3)
            #expect(cluster[3].electionTimeout >= Cluster.quick.maximumElectionTicks)
            #expect(cluster[1].electionTimeout <= Cluster.quick.maximumElectionTicks)
        }
        // Of those who saw the leader's process go, too.
        var cluster = led()
        for id in 2...3 { cluster.step(id, .peerIsGone(NodeID(1))) }
        cluster.crash(1)
        var ticks = 0
        while cluster[2].role == .follower, ticks < 20 {
            for id in 2...3 { cluster.step(id, .tick) }
            ticks += 1
        }
        #expect(cluster[3].role == .follower)
    }

    @Test
    func `as a leader it takes no commands, and without a successor it leads on`() {
        var (cluster, last) = bereft()
        let isTimeoutNow: (Message) -> Bool = {
            if case .timeoutNow = $0.body { true } else { false }
        }
        cluster.nodes[1].raft.electionElapsed = Cluster.quick.minimumElectionTicks
        while !cluster.campaign(3) {}
        cluster.settle(dropping: isTimeoutNow)
        #expect(cluster.leader == 3)
        #expect(cluster[3].transferTarget == NodeID(2))
        #expect(!cluster[3].canPropose)
        cluster.propose(3)
        #expect(cluster.refusals.map(\.reason) == [.notLeader])
        // The hand-over is begun again and again.
        for _ in 0..<5 * Cluster.quick.maximumElectionTicks {
            for id in 2...3 { cluster.step(id, .tick) }
            cluster.settle(dropping: isTimeoutNow)
            #expect(cluster.leader == 3)
        }
        cluster.tick(2 * Cluster.quick.maximumElectionTicks)
        #expect(cluster.leader == 2)
        #expect(cluster.committed.count > Int(last.index.value))
        #expect(cluster.breach == nil)
    }

    @Test
    func `if one does not take over, another one is asked`() {
        var cluster = Cluster(voters: 5, witness: 5)
        cluster.elect(1)
        cluster.crash(1)
        for id in 2...4 {
            cluster.nodes[id - 1].raft.electionElapsed = Cluster.quick.minimumElectionTicks
        }
        var told: [NodeID] = []
        while !cluster.campaign(5) {}
        for _ in 0..<4 * Cluster.quick.maximumElectionTicks {
            cluster.settle { message in
                guard case .timeoutNow = message.body else { return false }
                told.append(message.to)
                return true
            }
            for id in 2...5 { cluster.step(id, .tick) }
        }
        #expect(Set(told).count > 1)
        #expect(cluster.leader == 5)
    }

    @Test
    func `leadership is never handed to it`() {
        var cluster = led()
        cluster.step(1, .transferLeadership(to: NodeID(3)))
        #expect(cluster[1].transferTarget == .none)
        #expect(cluster[1].canPropose)
    }

    @Test
    func `it forgets what every full voter holds, and nothing else`() {
        var cluster = led()
        for _ in 0..<5 { cluster.propose(1) }
        cluster.settle()
        cluster.tick(2)
        let whole = cluster[3].logBase.index
        #expect(whole == cluster[1].commitIndex)
        for _ in 0..<5 { cluster.propose(1) }
        cluster.settle(dropping: Self.away(2))
        cluster.tick(5, dropping: Self.away(2))
        #expect(cluster[1].commitIndex > whole)
        #expect(cluster[3].logBase.index == whole)
        cluster.tick(2)
        #expect(cluster[3].logBase.index == cluster[1].commitIndex)
        cluster.checkWholeness()
        #expect(cluster.breach == nil)
    }

    @Test
    func `one that lags behind the leader's log begins anew where the leader says`() {
        var cluster = led()
        for _ in 0..<5 { cluster.propose(1) }
        cluster.settle(dropping: Self.away(3))
        cluster.tick(2, dropping: Self.away(3))
        cluster.compact(1)
        cluster.tick(4)
        #expect(cluster.neededSnapshots.last == Cluster.Need(leader: 1, peer: NodeID(3)))
        cluster.install(3, from: 1)
        cluster.settle()
        cluster.tick(2)
        #expect(cluster[3].lastPosition == cluster[1].lastPosition)
        cluster.checkWholeness()
        #expect(cluster.breach == nil)
    }

    /// The voters after the change are the leader and the witness, who has to acknowledge it.
    @Test(arguments: [true, false])
    func `one that lags when the members change begins anew in the middle of it`(
        isOtherThere: Bool
    ) {
        var cluster = led()
        for _ in 0..<5 { cluster.propose(1) }
        cluster.settle(dropping: Self.away(3))
        cluster.tick(2, dropping: Self.away(3))
        cluster.compact(1)
        var target = cluster[1].configuration
        target.members[1].role = .learner
        #expect(cluster[1].refusal(ofChangeTo: target) == nil)
        cluster.step(1, .changeConfiguration(to: target))
        cluster.settle(dropping: Self.away(3))
        #expect(!cluster[1].configuration.outgoing.isEmpty)
        #expect(cluster.neededSnapshots.isEmpty)
        if !isOtherThere { cluster.crash(2) }
        cluster.tick(4)
        #expect(cluster.neededSnapshots.last == Cluster.Need(leader: 1, peer: NodeID(3)))
        cluster.install(3, from: 1)
        cluster.tick(4)
        #expect(cluster[1].configuration == target)
        #expect(cluster[1].commitIndex == cluster[1].lastPosition.index)
        #expect(cluster[3].lastPosition == cluster[1].lastPosition)
        #expect(cluster.breach == nil)
    }

    /// Of five voters one may lack what the witness forgot; of three it may not.
    @Test
    func `a full voter that lacks what the witness forgot is not one of few`() {
        var cluster = Cluster(voters: 5, witness: 5)
        cluster.elect(1)
        for _ in 0..<5 { cluster.propose(1) }
        let lagging = { (message: Message) in Self.away(4)(message) || Self.away(5)(message) }
        cluster.settle(dropping: lagging)
        cluster.tick(2, dropping: lagging)
        cluster.compact(1)
        cluster.tick(4, dropping: Self.away(4))
        #expect(cluster.neededSnapshots.last == Cluster.Need(leader: 1, peer: NodeID(5)))
        cluster.install(5, from: 1)
        cluster.tick(3, dropping: Self.away(4))
        #expect(cluster[5].lastPosition == cluster[1].lastPosition)
        var target = cluster[1].configuration
        for place in 1...2 { target.members[place].role = .learner }
        guard case .notCaughtUp(NodeID(4), _) = cluster[1].refusal(ofChangeTo: target) else {
            Issue.record("a full voter that lags would decide with the witness")
            return
        }
        target.members[1].role = .voter
        #expect(cluster[1].refusal(ofChangeTo: target) == nil)
        #expect(cluster.breach == nil)
    }

    @Test
    func `one that comes in begins nothing anew before all have agreed to it`() {
        var cluster = Cluster(voters: 2, witness: 3)
        cluster.elect(1)
        for _ in 0..<5 { cluster.propose(1) }
        cluster.settle()
        cluster.tick(2)
        cluster.compact(1)
        let id = cluster.join()
        #expect(id == 3)
        let target = Cluster.configuration(voters: 3, witness: 3)
        #expect(cluster[1].refusal(ofChangeTo: target) == nil)
        cluster.step(1, .changeConfiguration(to: target))
        cluster.settle(dropping: Self.away(2))
        cluster.tick(dropping: Self.away(2))
        #expect(!cluster[1].configuration.outgoing.isEmpty)
        #expect(cluster.neededSnapshots.isEmpty)
        cluster.tick(4)
        #expect(cluster[1].configuration == target)
        #expect(cluster.neededSnapshots.last == Cluster.Need(leader: 1, peer: NodeID(3)))
        cluster.install(3, from: 1)
        cluster.tick(3)
        #expect(cluster[3].configuration == target)
        #expect(cluster[3].lastPosition == cluster[1].lastPosition)
        // What it may have forgotten a full voter that comes in must have.
        let other = cluster.join()
        var more = target
        more.members.append(Cluster.configuration(voters: other).members[other - 1])
        guard case .notCaughtUp(NodeID(4), _) = cluster[1].refusal(ofChangeTo: more) else {
            Issue.record("a full voter came in that lacks what the witness forgot")
            return
        }
        #expect(cluster.breach == nil)
    }

    @Test
    func `no configuration has two of them, or no full voter, and none changes its kind`() throws {
        let cluster = led()
        let now = Cluster.configuration(voters: 3, witness: 3)
        var two = now
        two.members[1].role = .witness
        #expect(!two.isUsable)
        #expect(cluster[1].refusal(ofChangeTo: two) == .unusable)
        var none = now
        for place in 0...1 { none.members[place].role = .learner }
        #expect(!none.isUsable)
        var full = now
        full.members[2].role = .voter
        #expect(cluster[1].refusal(ofChangeTo: full) == .keepsItsRole(NodeID(3)))
        full.members[2].role = .learner
        #expect(cluster[1].refusal(ofChangeTo: full) == .keepsItsRole(NodeID(3)))
        var other = now
        other.members[1].role = .witness
        other.members.remove(at: 2)
        #expect(cluster[1].refusal(ofChangeTo: other) == .keepsItsRole(NodeID(2)))
        var reborn = now
        reborn.members[2].incarnation = Incarnation(high: 9, low: 9)
        #expect(cluster[1].refusal(ofChangeTo: reborn) == .mustBeLearner(NodeID(3)))
    }

    @Test
    func `a full voter that lags keeps a new witness out`() {
        var cluster = Cluster(logs: [[1, 1], [1]], terms: [1, 1], witness: 3)
        cluster.elect(1)
        cluster.tick(1)
        #expect(
            cluster[1].refusal(ofChangeTo: Cluster.configuration(voters: 3, witness: 3)) == nil
        )
        var lone = Cluster(voters: 3)
        lone.elect(1)
        lone.crash(3)
        lone.crash(1)
        lone.restart(1)
        lone.elect(1)
        _ = lone.join()
        var target = Cluster.configuration(voters: 4, witness: 4)
        #expect(lone[1].refusal(ofChangeTo: target)?.isNotCaughtUp == true)
        target.members.remove(at: 2)
        #expect(lone[1].refusal(ofChangeTo: target) == nil)
    }

    @Test(arguments: [true, false])
    func `a folder of the other kind than the configuration says does not stand`(
        _ keepsState: Bool
    ) {
        let founding = Cluster.founding(voters: 3, witness: keepsState ? 1 : 3)
        var raft = Raft(
            group: .directory,
            id: NodeID(1),
            keepsState: keepsState,
            hardState: .initial,
            headers: [founding],
            appliedThrough: .zero,
            timing: Cluster.quick,
            seed: 1
        )
        var effects = Effects()
        for _ in 0..<100 { raft.step(.tick, into: &effects) }
        #expect(raft.role == .follower)
        #expect(effects.messages.isEmpty)
    }
}

extension ConfigurationRefusal {
    fileprivate var isNotCaughtUp: Bool {
        if case .notCaughtUp = self { true } else { false }
    }
}
