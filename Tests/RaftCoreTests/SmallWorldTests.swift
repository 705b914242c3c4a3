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
/// Heartbeats that belong to no read are all lost: they prove nothing that appends do not, and would
/// only blow up the world.
@Suite(.heavy)
struct SmallWorldTests {
    /// How often each thing may happen on one path.
    struct Budget: Hashable {
        var campaigns = 0
        var proposals = 0
        var crashes = 0
        var duplicates = 0
        var reads = 0
    }

    /// A bug planted in a member's surroundings, to see that it is found.
    enum Plant {
        /// A crash takes the vote, and keeps the term.
        case forgottenVotes
        /// A leader believes that what it sent to a member is durable there.
        case sentIsDurable
    }

    struct State {
        var cluster: Cluster
        var budget: Budget
    }

    struct Explorer {
        private(set) var explored = 0
        private(set) var breach: String?
        /// Nothing is left that was not followed.
        private(set) var isExhausted = false
        /// The longest committed log of any state.
        private(set) var committed = 0
        /// The most reads granted in any state.
        private(set) var granted = 0
        private var seen: Set<Int> = []
        private let limit: Int
        private let plant: Plant?

        init(limit: Int, plant: Plant? = nil) {
            self.limit = limit
            self.plant = plant
        }

        /// Follows everything from `start` until `limit` states are known; returns the depth whose
        /// states were all reached.
        mutating func explore(_ start: State) -> Int {
            var level = [start]
            var depth = 0
            seen = [Self.key(start)]
            while !level.isEmpty {
                var next: [State] = []
                for state in level {
                    for successor in successors(of: state) {
                        guard seen.insert(Self.key(successor)).inserted else { continue }
                        explored += 1
                        committed = max(committed, successor.cluster.committed.count)
                        granted = max(granted, successor.cluster.grants.count)
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
            isExhausted = true
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
            hasher.combine(state.cluster.reads)
            return hasher.finalize()
        }

        private func successors(of state: State) -> [State] {
            var result: [State] = []
            func add(_ change: (inout State) -> Void) {
                var next = state
                change(&next)
                next.cluster.tidy()
                result.append(next)
            }
            let cluster = state.cluster
            for place in cluster.network.indices {
                add { deliver(place, in: &$0.cluster) }
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
                if state.budget.reads > 0, node.raft.isLeader {
                    add {
                        $0.cluster.read(id, UInt64(state.budget.reads))
                        $0.budget.reads -= 1
                    }
                }
                if state.budget.crashes > 0, !node.writes.isEmpty || node.raft.isLeader {
                    add {
                        crash(id, in: &$0.cluster)
                        $0.budget.crashes -= 1
                    }
                }
            }
            return result
        }

        private func crash(_ id: Int, in cluster: inout Cluster) {
            cluster.crash(id)
            if plant == .forgottenVotes { cluster.nodes[id - 1].disk.hardState.vote = .none }
            cluster.restart(id)
        }

        private func deliver(_ place: Int, in cluster: inout Cluster) {
            let message = cluster.network[place]
            cluster.deliver(place)
            guard plant == .sentIsDurable, case .appendEntries(let append) = message.body,
                let last = append.entries.last
            else { return }
            let reply = AppendEntriesReply(outcome: .accepted(match: last.index))
            cluster.step(
                Int(message.from.value),
                .received(
                    Message(
                        group: message.group,
                        from: message.to,
                        to: message.from,
                        term: message.term,
                        body: .appendEntriesReply(reply)
                    )
                )
            )
        }
    }

    /// Where to begin: what takes long to reach is prepared.
    enum Beginning: String, CaseIterable {
        case election, rivals, divergentTail, slowDisks, lonelyProposal, figureEight, acknowledged
        case witnessed, witnessesPassage

        /// Small enough that everything that can follow is followed.
        var isWhole: Bool {
            switch self {
            case .election, .rivals, .divergentTail, .slowDisks, .lonelyProposal, .witnessesPassage:
                true
            case .figureEight, .acknowledged, .witnessed: false
            }
        }

        /// Entries that are committed on some path, and never more on any.
        var committed: Int {
            switch self {
            // The founding entry, and the no-op of whoever wins.
            case .election: 2
            // An entry of term 1 between them.
            case .rivals: 3
            // The longer of two tails is of an older term and goes; the no-op follows the other.
            case .divergentTail, .slowDisks: 4
            case .lonelyProposal, .acknowledged: 3
            // The entry of term 2 with the no-op of term 4, and only so; then that of term 5.
            case .figureEight: 4
            // The no-op and the entry of term 1, and the no-op of whoever wins.
            case .witnessed: 4
            // Between them that of the witness, whom the other full member follows.
            case .witnessesPassage: 5
            }
        }

        var state: State {
            var budget = Budget()
            var cluster: Cluster
            switch self {
            case .election:
                cluster = Cluster(voters: 3)
                budget.campaigns = 1
                budget.crashes = 1
            case .rivals:
                // Two candidates of one term, nothing durable yet.
                cluster = Self.twoCandidates
            case .divergentTail:
                cluster = Cluster(logs: [[1, 2], [1, 1, 1], [1]], terms: [2, 2, 2])
                cluster.stand(1)
                budget.crashes = 1
            case .slowDisks:
                // Entries of a leader wait for every disk; another one stands.
                cluster = Cluster(voters: 3)
                cluster.elect(1)
                cluster.propose(1)
                for place in [1, 0] { cluster.deliver(place) }
                cluster.stand(2)
            case .lonelyProposal:
                // One entry and one read under one leader, whom nobody disturbs.
                cluster = Cluster(voters: 3)
                cluster.elect(1)
                budget.proposals = 1
                budget.duplicates = 1
                budget.reads = 1
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
                budget.campaigns = 2
            case .acknowledged:
                cluster = Cluster(voters: 3)
                cluster.elect(1)
                cluster.propose(1)
                budget = Budget(campaigns: 1, proposals: 1, crashes: 1, duplicates: 1, reads: 1)
            case .witnessed, .witnessesPassage:
                // What the leader and the witness have acknowledged; now one of them, or the other
                // full member, goes on.
                cluster = Cluster(voters: 3, witness: 3)
                cluster.elect(1)
                cluster.propose(1)
                cluster.settle { $0.to == NodeID(2) }
                budget.campaigns = self == .witnessed ? 2 : 0
                if self == .witnessesPassage {
                    // The leader is lost for good, and the other one cannot win.
                    cluster.crash(1)
                    cluster.stand(3)
                }
            }
            cluster.tidy()
            return State(cluster: cluster, budget: budget)
        }

        /// Nodes 1 and 2 may stand in term 2, having heard what node 3 would do.
        private static var twoCandidates: Cluster {
            var cluster = Cluster(logs: [[1], [1], [1]])
            for id in 1...2 { cluster.stand(id) }
            while let place = cluster.network.firstIndex(where: { $0.to == NodeID(3) }) {
                cluster.deliver(place)
            }
            while let place = cluster.network.firstIndex(where: { $0.from == NodeID(3) }) {
                cluster.deliver(place)
            }
            return cluster
        }
    }

    private static let limit = 30_000

    @Test(arguments: Beginning.allCases)
    func `no order of events breaks a promise`(_ beginning: Beginning) {
        // Its first levels are enough: the passage has a world of its own.
        let limit = beginning == .witnessed ? Self.limit / 3 : Self.limit
        var explorer = Explorer(limit: limit)
        let depth = explorer.explore(beginning.state)
        #expect(explorer.breach == nil)
        if beginning == .figureEight { #expect(beginning.state.cluster[1].isLeader) }
        #expect(explorer.committed == beginning.committed)
        #expect(
            explorer.isExhausted == beginning.isWhole,
            "\(explorer.explored) states, \(depth) levels whole"
        )
    }

    @Test
    func `reads are granted in a small world`() {
        var explorer = Explorer(limit: Self.limit)
        _ = explorer.explore(Beginning.lonelyProposal.state)
        #expect(explorer.granted == 1)
    }

    @Test(arguments: [
        (Plant.forgottenVotes, Beginning.rivals, Budget(crashes: 1)),
        (.sentIsDurable, .acknowledged, Budget(campaigns: 1)),
    ])
    func `a planted bug is found`(_ plant: Plant, _ beginning: Beginning, _ budget: Budget) {
        var start = beginning.state
        start.budget = budget
        var explorer = Explorer(limit: Self.limit, plant: plant)
        _ = explorer.explore(start)
        #expect(explorer.breach != nil)
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
    /// elections, heartbeats without a read, and what goes to nobody.
    fileprivate mutating func tidy() {
        network.removeAll { message in
            switch message.body {
            case .heartbeat(let heartbeat): heartbeat.readRound == 0
            case .heartbeatReply(let reply): reply.readRound == 0
            case .requestVote, .requestVoteReply, .appendEntries, .appendEntriesReply, .timeoutNow,
                .readIndex, .readIndexReply, .heldByAll:
                false
            }
        }
        for place in nodes.indices {
            nodes[place].raft.generator = Generator(seed: 0)
            nodes[place].raft.electionTimeout = Cluster.quick.maximumElectionTicks
            nodes[place].raft.electionElapsed = Cluster.quick.minimumElectionTicks
        }
        checkLogMatching()
        if witness != nil { checkWholeness() }
    }
}
