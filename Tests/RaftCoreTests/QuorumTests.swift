@testable import RaftCore
import Testing

@Suite
struct QuorumTests {
    /// Members 1…count as voters, and `outgoing` beside them.
    private func quorum(_ incoming: [Int], _ outgoing: [Int] = []) -> Quorum {
        var configuration = Cluster.configuration(voters: 7)
        configuration.members.removeAll { !incoming.contains(Int($0.id.value)) }
        configuration.outgoing = outgoing.map { NodeID(UInt64($0)) }
        return Quorum(configuration)
    }

    /// All subsets of 1…4, the empty one only where it may be: as outgoing half.
    private static let halves = (0..<16).map { bits in (1...4).filter { bits >> ($0 - 1) & 1 == 1 }
    }

    @Test(arguments: 1...9)
    func `a majority is more than half, and two of them meet`(_ count: Int) {
        let majority = Quorum.majority(of: count)
        #expect(2 * majority > count)
        #expect(2 * (majority - 1) <= count)
    }

    @Test(arguments: 1..<16)
    func `the outcome of every tally is that of counting, for every joint configuration`(
        _ first: Int
    ) {
        let incoming = Self.halves[first]
        for outgoing in Self.halves {
            let quorum = quorum(incoming, outgoing)
            // Every voter says yes, no or nothing: 3^4 tallies.
            for tally in 0..<81 {
                let vote: (Int) -> Bool? = { voter in
                    switch tally / [1, 3, 9, 27][voter - 1] % 3 {
                    case 0: nil
                    case 1: false
                    default: true
                    }
                }
                let wins = { (half: [Int]) in
                    half.isEmpty || 2 * half.count { vote($0) == true } > half.count
                }
                let canWin = { (half: [Int]) in
                    half.isEmpty || 2 * half.count { vote($0) != false } > half.count
                }
                let expected: Quorum.Outcome =
                    wins(incoming) && wins(outgoing)
                    ? .won : canWin(incoming) && canWin(outgoing) ? .pending : .lost
                #expect(quorum.outcome { vote(Int($0.value)) } == expected)
                let isReached = quorum.isReached { vote(Int($0.value)) == true }
                #expect(isReached == (expected == .won))
            }
        }
    }

    @Test(arguments: 1..<16)
    func `the committed index is the highest that a quorum has, for every joint configuration`(
        _ first: Int
    ) {
        let incoming = Self.halves[first]
        for outgoing in Self.halves {
            let quorum = quorum(incoming, outgoing)
            for matches in 0..<81 {
                let match: (Int) -> UInt64 = { UInt64(matches / [1, 3, 9, 27][$0 - 1] % 3) * 5 }
                let isHad = { (index: UInt64, half: [Int]) in
                    half.isEmpty || 2 * half.count { match($0) >= index } > half.count
                }
                let expected = [10, 5, 0].first { isHad($0, incoming) && isHad($0, outgoing) }
                let index = quorum.committedIndex { LogIndex(match(Int($0.value))) }
                #expect(index.value == expected)
            }
        }
    }

    @Test
    func `a group of sixteen counts in place`() {
        let configuration = Cluster.configuration(voters: Limits.maximumMembers)
        let index = Quorum(configuration).committedIndex { LogIndex($0.value * 3) }
        // Nine of sixteen: members 8…16.
        #expect(index == LogIndex(24))
    }

    @Test
    func `a learner has no vote`() {
        var configuration = Cluster.configuration(voters: 3)
        configuration.members[2].role = .learner
        let quorum = Quorum(configuration)
        #expect(!quorum.isVoter(NodeID(3)))
        #expect(!quorum.isReached { $0 == NodeID(1) || $0 == NodeID(3) })
        #expect(quorum.isReached { $0 != NodeID(3) })
    }

    @Test
    func `only a single voter decides alone`() {
        #expect(quorum([2]).isAlone(NodeID(2)))
        #expect(!quorum([2]).isAlone(NodeID(1)))
        #expect(!quorum([1, 2]).isAlone(NodeID(1)))
        #expect(!quorum([1], [1, 2]).isAlone(NodeID(1)))
        #expect(quorum([1], [1]).isAlone(NodeID(1)))
    }
}
