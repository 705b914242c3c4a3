@testable import RaftCore
import Testing

/// Leadership goes to where the policy wants it, and stays there (thesis §3.10).
@Suite
struct PreferenceTests {
    private static let sites = ["fr/paris/p/o", "fr/lyon/l/o", "fr/lille/l/o"]
    private static let pause = 5 * Cluster.quick.maximumElectionTicks

    /// Three voters in Paris, Lyon and Lille that prefer these sites; this one leads.
    private static func cluster(
        prefer preferred: [String],
        leader: Int,
        change: (inout Configuration) -> Void = { _ in }
    ) -> Cluster {
        var cluster = Cluster(voters: 3)
        cluster.elect(leader)
        var target = cluster[leader].configuration
        for place in target.members.indices { target.members[place].site = sites[place] }
        target.policy = Policy(preferredLeaders: preferred)
        change(&target)
        cluster.step(leader, .changeConfiguration(to: target))
        cluster.settle()
        cluster.tick(2)
        return cluster
    }

    @Test
    func `leadership goes to the preferred site after a moment, and stays`() {
        var cluster = Self.cluster(prefer: ["fr/paris"], leader: 2)
        cluster.tick(Self.pause / 2)
        #expect(cluster.leader == 2, "who was elected leads for a moment")
        cluster.tick(Self.pause)
        #expect(cluster.leader == 1)
        let term = cluster[1].term
        cluster.tick(20 * Self.pause)
        #expect(cluster.leader == 1 && cluster[1].term == term)
        #expect(cluster.breach == nil)
    }

    @Test
    func `the most preferred site of those that are well leads`() {
        var cluster = Self.cluster(prefer: ["fr/paris", "fr/lyon"], leader: 3)
        let isAway: (Message) -> Bool = { $0.from == NodeID(1) || $0.to == NodeID(1) }
        for _ in 0..<2 * Self.pause { cluster.tick(dropping: isAway) }
        #expect(cluster.leader == 2)
        cluster.tick(3 * Self.pause)
        #expect(cluster.leader == 1)
        #expect(cluster.breach == nil)
    }

    @Test
    func `whoever may not lead, lags or is silent is not asked`() {
        var learner = Self.cluster(prefer: ["fr/paris"], leader: 2) {
            $0.members[0].role = .learner
        }
        learner.tick(3 * Self.pause)
        #expect(learner.leader == 2)

        var lone = Self.lone()
        for _ in 0..<3 * Self.pause {
            lone.hearHeartbeatReply(from: 2)
            #expect(lone.step(.tick).preferredSuccessor == nil, "its log is not known")
        }
        lone.accept(lone.raft.lastPosition.index.value, from: 3)
        for _ in 0..<Self.pause {
            lone.hearHeartbeatReply(from: 2)
            lone.step(.tick)
        }
        #expect(lone.raft.isLeader && lone.raft.transferTarget == .none, "it is silent")
        lone.step(.peerLags(NodeID(3), true))
        lone.hearHeartbeatReply(from: 3)
        #expect(lone.step(.tick).preferredSuccessor == nil, "its state is far behind its log")
        lone.step(.peerLags(NodeID(3), false))
        #expect(lone.step(.tick).preferredSuccessor == NodeID(3))
    }

    /// Member 1 in Paris leads two others and prefers Lille, where member 3 is.
    private static func lone() -> Lone {
        var lone = Lone()
        lone.lead()
        lone.accept(2, from: 2)
        var target = lone.raft.configuration
        for place in target.members.indices { target.members[place].site = sites[place] }
        target.policy = Policy(preferredLeaders: ["fr/lille"])
        // Only who is heard may be counted on.
        lone.hearHeartbeatReply(from: 3)
        lone.step(.changeConfiguration(to: target))
        lone.propose(.configuration(target))
        lone.persist()
        lone.accept(3, from: 2)
        #expect(lone.raft.commitIndex == LogIndex(3))
        return lone
    }

    @Test
    func `while a change or another hand-over is under way nothing is begun`() {
        var lone = Self.lone()
        lone.accept(3, from: 3)
        var target = lone.raft.configuration
        target.members[1].peerAddress = "elsewhere:1"
        var hasWaited = false
        for _ in 0..<2 * Self.pause where lone.raft.transferTarget == .none {
            if !hasWaited, lone.raft.refusal(ofChangeTo: target) == nil {
                // Wanted, and never proposed by the node.
                lone.step(.changeConfiguration(to: target))
                hasWaited = true
            }
            lone.hearHeartbeatReply(from: 2)
            lone.hearHeartbeatReply(from: 3)
            lone.step(.tick)
        }
        #expect(hasWaited && lone.raft.transferTarget == .none && lone.raft.isLeader)
    }

    @Test
    func `an attempt that fails is repeated after pauses that double, up to a bound`() {
        var lone = Self.lone()
        lone.accept(3, from: 3)
        var attempts: [Int] = []
        for tick in 0..<400 * Self.pause {
            lone.hearHeartbeatReply(from: 2)
            lone.hearHeartbeatReply(from: 3)
            if lone.step(.tick).preferredSuccessor != nil { attempts.append(tick) }
        }
        let pauses = zip(attempts, attempts.dropFirst()).map { $1 - $0 }
        let doubled = [1, 2, 4, 8, 16, 32, 64, 64].map { $0 * Self.pause }
        #expect(Array(pauses.prefix(8)) == doubled, "\(pauses)")
        #expect(lone.raft.isLeader && lone.raft.canPropose)
    }

    // A voter whose disk is full gives leadership up at once, and would be given it again for ever.
    @Test
    func `a preferred voter that gives leadership back gets it less and less often`() {
        var cluster = Self.cluster(prefer: ["fr/paris"], leader: 2)
        var turns = 0
        for _ in 0..<150 * Self.pause {
            cluster.tick()
            guard cluster.leader == 1 else { continue }
            turns += 1
            cluster.step(1, .transferLeadership(to: NodeID(2)))
            cluster.settle()
            #expect(cluster.leader == 2)
        }
        #expect((4...8).contains(turns), "\(turns)")
        #expect(cluster.breach == nil)
    }

    @Test
    func `the same happens again from the same start`() {
        var one = Self.cluster(prefer: ["fr/lille", "fr"], leader: 2)
        var other = one
        one.tick(3 * Self.pause)
        other.tick(3 * Self.pause)
        #expect(one == other && one.leader == 3)
    }
}
