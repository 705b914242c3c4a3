@testable import RaftCore
import TestLanes
import Testing

/// All interleavings of something small.
///
/// Three members, few messages; whatever may happen next does, in every order, breadth first, and
/// states seen before are not followed again.
///
/// A message may be delivered at any time, out of order, once or (within a budget) twice; loss is
/// never delivering it. A write may become durable at any time, in order; a crash loses the others.
/// Heartbeats are all lost: they prove nothing that appends do not, and would only blow up the world.
@Suite(.heavy)
struct SmallWorldTests {
    /// How often each thing may happen on one path.
    struct Budget: Hashable {
        var campaigns = 1
        var proposals = 1
        var crashes = 1
        var duplicates = 1
    }

    struct State {
        var cluster: Cluster
        var budget: Budget
    }

    struct Explorer {
        var explored = 0
        var duplicates = 0
        var breach: String?
        private var seen: Set<Int> = []
        private let limit: Int

        init(limit: Int) { self.limit = limit }

        /// Follows everything from `start` until `limit` states are known; returns the depth whose
        /// states were all reached.
        mutating func explore(_ start: State) -> Int {
            var level = [start]
            var depth = 0
            seen = [Self.key(start)]
            while !level.isEmpty {
                var next: [State] = []
                for state in level {
                    for successor in Self.successors(of: state) {
                        guard seen.insert(Self.key(successor)).inserted else {
                            duplicates += 1
                            continue
                        }
                        explored += 1
                        if let found = successor.cluster.breach {
                            breach = found
                            return depth
                        }
                        if explored >= limit { return depth }
                        next.append(successor)
                    }
                }
                level = next
                depth += 1
            }
            return depth
        }

        private static func key(_ state: State) -> Int {
            var hasher = Hasher()
            hasher.combine(state.budget)
            for node in state.cluster.nodes {
                hasher.combine(node.raft)
                hasher.combine(node.disk)
                hasher.combine(node.writes)
                hasher.combine(node.promises)
            }
            // What is on its way has no order: the sum of the hashes stands for the bag.
            var bag = 0
            for message in state.cluster.network { bag &+= message.hashValue }
            hasher.combine(bag)
            hasher.combine(state.cluster.leaders)
            hasher.combine(state.cluster.committed)
            return hasher.finalize()
        }

        private static func successors(of state: State) -> [State] {
            var result: [State] = []
            func add(_ change: (inout State) -> Void) {
                var next = state
                change(&next)
                next.cluster.tidy()
                result.append(next)
            }
            let cluster = state.cluster
            for place in cluster.network.indices {
                add { $0.cluster.deliver(place) }
                if state.budget.duplicates > 0 {
                    add {
                        $0.cluster.deliver(place, again: true)
                        $0.budget.duplicates -= 1
                    }
                }
            }
            for id in 1...cluster.nodes.count {
                let node = cluster.nodes[id - 1]
                if !node.writes.isEmpty { add { $0.cluster.persistOne(id) } }
                if state.budget.campaigns > 0, !node.raft.isLeader {
                    add {
                        $0.cluster.stand(id)
                        $0.budget.campaigns -= 1
                    }
                }
                if state.budget.proposals > 0, node.raft.canPropose {
                    add {
                        $0.cluster.propose(id)
                        $0.budget.proposals -= 1
                    }
                }
                if state.budget.crashes > 0, !node.writes.isEmpty || node.raft.isLeader {
                    add {
                        $0.cluster.crash(id)
                        $0.cluster.restart(id)
                        $0.budget.crashes -= 1
                    }
                }
            }
            return result
        }
    }

    /// Where to begin: what takes long to reach is prepared.
    enum Beginning: String, CaseIterable {
        case nothing, rivals, divergentTail, figureEight, acknowledged, slowDisks

        var state: State {
            var budget = Budget()
            var cluster: Cluster
            switch self {
            case .nothing:
                cluster = Cluster(voters: 3)
                budget.campaigns = 2
            case .rivals:
                // Two candidates of one term, nothing durable yet.
                cluster = Cluster(logs: [[1], [1], [1]])
                for id in 1...2 { cluster.stand(id) }
                while let place = cluster.network.firstIndex(where: { $0.to == NodeID(3) }) {
                    cluster.deliver(place)
                }
                while let place = cluster.network.firstIndex(where: { $0.from == NodeID(3) }) {
                    cluster.deliver(place)
                }
                budget.campaigns = 0
            case .divergentTail:
                cluster = Cluster(logs: [[1, 2], [1, 1, 1], [1]], terms: [2, 2, 2])
                cluster.stand(1)
            case .figureEight:
                // The leader of term 4 brings an entry of term 2 to a majority, so large that it goes
                // alone, while its own no-op is durable nowhere; one with an entry of term 3 stands.
                cluster = Cluster(
                    logs: [[2], [], [3]],
                    terms: [3, 3, 3],
                    size: Limits.maximumAppendSize
                )
                cluster.stand(1)
                for _ in 0..<3 {
                    cluster.network.removeAll { $0.to == NodeID(3) }
                    cluster.deliver(0)
                    cluster.persistAll(2)
                    cluster.deliver(0)
                    if !cluster[1].isLeader { cluster.persistAll(1) }
                    cluster.tidy()
                }
                cluster.network.removeAll { $0.to == NodeID(3) }
                budget = Budget(campaigns: 2, proposals: 0, crashes: 0, duplicates: 0)
            case .acknowledged:
                cluster = Cluster(voters: 3)
                cluster.elect(1)
                cluster.propose(1)
            case .slowDisks:
                // Entries of a leader wait for every disk; another one stands.
                cluster = Cluster(voters: 3)
                cluster.elect(1)
                cluster.propose(1)
                for place in [1, 0] { cluster.deliver(place) }
                cluster.stand(2)
                budget.crashes = 2
            }
            cluster.tidy()
            return State(cluster: cluster, budget: budget)
        }
    }

    @Test(arguments: Beginning.allCases)
    func `no order of events breaks a promise`(_ beginning: Beginning) {
        var explorer = Explorer(limit: 20_000)
        let depth = explorer.explore(beginning.state)
        #expect(explorer.breach == nil)
        if beginning == .figureEight { #expect(beginning.state.cluster[1].isLeader) }
        #expect(explorer.explored >= 20_000 || depth > 12, "\(beginning): the world is too small")
        print("small world \(beginning): \(explorer.explored) states, \(depth) levels whole")
    }
}

extension Cluster {
    /// Lets an election timeout pass everywhere, and this node stand.
    fileprivate mutating func stand(_ id: Int) {
        for place in nodes.indices {
            nodes[place].raft.electionElapsed = Cluster.quick.minimumElectionTicks
        }
        nodes[id - 1].raft.electionElapsed = Cluster.quick.maximumElectionTicks
        step(id, .tick)
        tidy()
    }

    /// Forgets what does not matter to safety, so that states are recognised: the chance behind
    /// elections, heartbeats, and what goes to nobody.
    fileprivate mutating func tidy() {
        network.removeAll { message in
            switch message.body {
            case .heartbeat, .heartbeatReply: true
            case .requestVote, .requestVoteReply, .appendEntries, .appendEntriesReply, .timeoutNow:
                false
            }
        }
        for place in nodes.indices {
            nodes[place].raft.generator = Generator(seed: 0)
            nodes[place].raft.electionTimeout = Cluster.quick.maximumElectionTicks
            nodes[place].raft.electionElapsed = Cluster.quick.minimumElectionTicks
        }
        checkLogMatching()
    }
}
