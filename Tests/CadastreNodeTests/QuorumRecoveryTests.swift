import CadastreDisk
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// A survivor of a lost quorum goes on alone, with what it has, in a new life.
struct QuorumRecoveryTests {
    private static let fresh = Incarnation(high: 77, low: 78)

    /// A member of three that follows a leader in term 4, has entries that may not be committed, and
    /// stops.
    private func survivor(seed: UInt64 = 1) throws -> NodeFixture {
        var node = try NodeFixture(members: 3)
        let first = node.noOp(term: 4)
        let second = node.noOp(term: 4, index: 3, after: first)
        let both = [first, second]
        node.turn(node.from(2, term: 4, node.append(both, commit: 2), entries: both))
        try node.settle()
        #expect(node.node.consensus.status.persistedIndex == LogIndex(3))
        node.disk.endProcess()
        node.disk.restart()
        return node
    }

    private func recover(
        _ node: NodeFixture,
        as incarnation: Incarnation = Self.fresh,
        number: UInt64 = 1
    ) throws(NodeError) -> QuorumRecovery.Survey {
        try QuorumRecovery.recover(
            NodeFixture.directory,
            on: node.disk,
            cluster: node.genesis.cluster,
            node: NodeID(number),
            incarnation: incarnation,
            milliseconds: 1_790_000_000_000,
            settings: node.settings,
            seed: 9
        )
    }

    private func refusal(_ work: () throws(NodeError) -> Void) -> NodeError? {
        do throws(NodeError) {
            try work()
            return nil
        } catch {
            return error
        }
    }

    /// What the node says of itself, without a change.
    private func survey(_ node: NodeFixture) throws -> QuorumRecovery.Survey {
        try QuorumRecovery.survey(
            NodeFixture.directory,
            on: node.disk,
            cluster: node.genesis.cluster,
            node: NodeID(1),
            settings: node.settings,
            seed: 9
        )
    }

    /// The node runs again; leads alone, and commits what it had.
    private func expectLeadsAlone(_ node: NodeFixture, incarnation: Incarnation) throws {
        var node = node
        node.node = try NodeFixture.open(node.disk, node.genesis, node.settings)
        #expect(node.node.identity.incarnation == incarnation)
        node.output.removeAll()
        node.tick(until: .candidate)
        try node.settle()
        let status = node.node.consensus.status
        #expect(status.role == .leader)
        #expect(status.commitIndex == status.lastIndex)
        #expect(status.term.value > QuorumRecovery.termAdvance)
        #expect(status.configuration.members.map(\.id) == [NodeID(1)])
        #expect(status.configuration.members[0].incarnation == incarnation)
        #expect(node.handedOver.starts(with: [1, 2, 3]) || node.handedOver.contains(3))
        node.disk.endProcess()
        node.disk.restart()
    }

    @Test
    func `a look changes nothing and says what survivors are compared by`() throws {
        let node = try survivor()
        for _ in 0..<2 {
            let found = try survey(node)
            #expect(found.term == Term(4))
            #expect(found.last == LogPosition(index: LogIndex(3), term: Term(4)))
            #expect(found.lastMilliseconds == 0)
            #expect(found.applied == .zero)
            #expect(found.configuration == node.genesis.configuration)
            #expect(found.identity.incarnation == Incarnation(high: 1, low: 1))
        }
        let opened = try NodeFixture.open(node.disk, node.genesis, node.settings)
        #expect(opened.consensus.status.lastIndex == LogIndex(3))
        #expect(opened.consensus.status.term == Term(4))
    }

    @Test
    func `the survivor leads alone, keeps its entries, and may do it again`() throws {
        let node = try survivor()
        let found = try recover(node)
        #expect(found.last == LogPosition(index: LogIndex(4), term: Term(4 + 65_536)))
        #expect(found.configuration.voters == [NodeID(1)])
        try expectLeadsAlone(node, incarnation: Self.fresh)
        // Another life of this very disk does not know of it: a copy of it is a stranger.
        let again = Incarnation(high: 99, low: 1)
        _ = try recover(node, as: again)
        try expectLeadsAlone(node, incarnation: again)
    }

    @Test
    func `a crash anywhere leaves the survivor as it was, without a vote, or recovered`() throws {
        var outcomes: Set<Int> = []
        var isDone = false
        var nth = 0
        while !isDone {
            nth += 1
            for isMachine in [true, false] {
                let node = try survivor()
                if isMachine {
                    node.disk.crash(atOperation: nth)
                } else {
                    node.disk.endProcess(atOperation: nth)
                }
                let failed = refusal { () throws(NodeError) in _ = try recover(node) }
                isDone = failed == nil
                if isMachine { node.disk.crash() } else { node.disk.endProcess() }
                node.disk.restart()
                var next = node
                next.node = try NodeFixture.open(node.disk, node.genesis, node.settings)
                let configuration = next.node.consensus.status.configuration
                let own = next.node.identity.incarnation
                if configuration.members.count == 1 {
                    #expect(own == Self.fresh && configuration.members[0].incarnation == own)
                    outcomes.insert(2)
                } else {
                    #expect(configuration == node.genesis.configuration)
                    #expect(next.node.consensus.status.lastIndex == LogIndex(3))
                    outcomes.insert(own == Self.fresh ? 1 : 0)
                    if own == Self.fresh {
                        // A disk that the configuration does not name stands for no election.
                        for _ in 0..<300 { next.turn(.tick) }
                        #expect(next.node.consensus.status.role == .follower)
                    }
                }
                next.disk.endProcess()
                next.disk.restart()
                // Called again, it does the rest; another life is only begun where none was.
                let other = Incarnation(high: 80, low: 81)
                let found = try recover(next, as: other)
                try expectLeadsAlone(next, incarnation: found.identity.incarnation)
            }
        }
        #expect(outcomes == [0, 1, 2])
    }

    @Test
    func `who runs, is no voter, is damaged or another is refused and left as it is`() throws {
        var node = try survivor()
        node.node = try NodeFixture.open(node.disk, node.genesis, node.settings)
        let running = refusal { () throws(NodeError) in _ = try recover(node) }
        #expect(running?.exitCode == .inUse)
        node.disk.endProcess()
        node.disk.restart()
        let before = node.disk.paths.map { node.disk.contents($0) }
        let other = refusal { () throws(NodeError) in _ = try recover(node, number: 2) }
        #expect(other?.exitCode == .configuration)
        #expect(node.disk.paths.map { node.disk.contents($0) } == before)
        node.disk.flipBit("\(NodeFixture.directory)/identity", at: 40, bit: 1)
        let damaged = refusal { () throws(NodeError) in _ = try recover(node) }
        #expect(damaged?.exitCode == .damaged)

        // A node that joins has another incarnation than the founders', and no vote.
        var joiner = try NodeFixture(members: 3, incarnation: Incarnation(high: 50, low: 50))
        joiner.disk.endProcess()
        joiner.disk.restart()
        let identity = joiner.disk.contents("\(NodeFixture.directory)/identity")
        let noVoter = refusal { () throws(NodeError) in _ = try recover(joiner) }
        #expect(noVoter?.exitCode == .configuration)
        #expect(noVoter?.description.contains("is no voter") == true)
        #expect(joiner.disk.contents("\(NodeFixture.directory)/identity") == identity)
        joiner.node = try NodeFixture.open(joiner.disk, joiner.genesis, joiner.settings)
        #expect(joiner.node.consensus.status.lastIndex == LogIndex(1))

        // A witness has a vote, and no state that a cluster could go on from.
        let witness = try NodeFixture(members: 3, node: 3, witness: 3)
        witness.disk.endProcess()
        witness.disk.restart()
        let stateless = refusal { () throws(NodeError) in _ = try recover(witness, number: 3) }
        #expect(stateless?.description.contains("keeps no state") == true)
    }

    @Test
    func `an identity with a new incarnation is read as it was written`() throws {
        var identity = NodeIdentity(
            cluster: ClusterID(high: 1, low: 2),
            node: NodeID(3),
            incarnation: Incarnation(high: 4, low: 5)
        )
        let plain = IdentityFile.encode(identity)
        #expect(plain.count == 52)
        identity.filesIncarnation = Incarnation(high: 6, low: 7)
        identity.previousIncarnation = Incarnation(high: 8, low: 9)
        let bytes = IdentityFile.encode(identity)
        #expect(IdentityFile.decode(bytes) == identity)
        #expect(IdentityFile.decode(plain) != identity)
        for bit in 0..<bytes.count * 8 {
            var other = bytes
            other[bit / 8] ^= 1 << UInt8(bit % 8)
            #expect(IdentityFile.decode(other) == nil)
        }
        for size in 0..<bytes.count { #expect(IdentityFile.decode(Array(bytes[..<size])) == nil) }
    }
}
