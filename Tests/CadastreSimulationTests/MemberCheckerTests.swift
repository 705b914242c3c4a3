import CadastreSimulation
import CadastreStorage
import RaftCore
import Testing

/// The checkers of who decides catch what they are for.
struct MemberCheckerTests {
    private func member(_ id: UInt64, _ role: MemberRole = .voter, disk: UInt64 = 1) -> Member {
        Member(
            id: NodeID(id),
            incarnation: Incarnation(high: id, low: disk),
            role: role,
            site: "fr",
            peerAddress: "",
            clientAddress: "",
            administrationAddress: ""
        )
    }

    private func members(_ members: Member..., before: [UInt64] = []) -> Configuration {
        Configuration(members: members, outgoing: before.map { NodeID($0) }, featureLevel: 1)
    }

    private func follow(_ before: Configuration, _ next: Configuration) -> Violation.Rule? {
        caught { () throws(Violation) in
            try Succession.check(before, next, at: position(2, 1))
        }
    }

    @Test
    func `other voters come by way of a joint configuration, or are caught`() {
        let two = members(member(1), member(2), member(3, .learner))
        let three = members(member(1), member(2), member(3))
        let joint = members(member(1), member(2), member(3), before: [1, 2])
        #expect(follow(two, joint) == nil)
        #expect(follow(joint, three) == nil)
        #expect(follow(two, three) == .membership)
        #expect(follow(joint, two) == .membership)
        #expect(follow(joint, joint) == .membership)
        // Who voted before is left out of the old half.
        let half = members(member(1), member(2), member(3), before: [1])
        #expect(follow(two, half) == .membership)
    }

    @Test
    func `who does not vote comes and goes at once`() {
        let two = members(member(1), member(2))
        let more = members(member(1), member(2), member(3, .learner))
        #expect(follow(two, more) == nil)
        #expect(follow(more, two) == nil)
    }

    @Test
    func `a disk that votes and was no member before is caught`() {
        let old = members(member(1), member(2), member(3))
        let reborn = members(member(1), member(2), member(3, disk: 2))
        let learns = members(member(1), member(2), member(3, .learner, disk: 2), before: [1, 2, 3])
        let stranger = members(member(1), member(2), member(4), before: [1, 2, 3])
        #expect(follow(old, reborn) == .membership)
        #expect(follow(old, learns) == nil)
        #expect(follow(old, stranger) == .membership)
    }

    // MARK: Votes

    private func hardState(_ term: UInt64, _ vote: UInt64) -> JournalWrite {
        .hardState(.directory, HardState(term: Term(term), vote: NodeID(vote)))
    }

    private func votes(_ writes: JournalWrite...) -> Violation.Rule? {
        caught { () throws(Violation) in
            var monitor = PersistBeforeSend(nodes: 1)
            try monitor.synced(0, writes, committed: CommittedLog(voters: 1))
        }
    }

    @Test
    func `a second vote in a term, or one in a term that is over, is caught`() {
        #expect(votes(hardState(3, 0), hardState(3, 2), hardState(3, 2)) == nil)
        #expect(votes(hardState(3, 2), hardState(4, 0), hardState(4, 1)) == nil)
        #expect(votes(hardState(3, 2), hardState(3, 1)) == .oneLeaderPerTerm)
        #expect(votes(hardState(3, 2), hardState(3, 0)) == .oneLeaderPerTerm)
        #expect(votes(hardState(4, 0), hardState(3, 1)) == .oneLeaderPerTerm)
    }

    @Test
    func `a vote is that of the disk that is meant`() throws {
        let (old, new) = (Incarnation(high: 1, low: 1), Incarnation(high: 1, low: 2))
        let (first, second) = (
            HardState(term: Term(3), vote: NodeID(2)), HardState(term: Term(4), vote: NodeID(2))
        )
        var monitor = PersistBeforeSend(nodes: 1)
        let committed = CommittedLog(voters: 1)
        try monitor.synced(0, [.hardState(.directory, first)], committed: committed)
        #expect(monitor.hasVoted(first, 0, disk: old, present: old))
        #expect(!monitor.hasVoted(second, 0, disk: old, present: old))
        monitor.wiped(0, incarnation: old)
        try monitor.synced(0, [.hardState(.directory, second)], committed: committed)
        #expect(monitor.hasVoted(first, 0, disk: old, present: new))
        #expect(!monitor.hasVoted(first, 0, disk: new, present: new))
        #expect(monitor.hasVoted(second, 0, disk: new, present: new))
        #expect(!monitor.hasVoted(second, 0, disk: old, present: new))
        #expect(monitor.hasVoted(first, 0, disk: nil, present: new))
    }
}
