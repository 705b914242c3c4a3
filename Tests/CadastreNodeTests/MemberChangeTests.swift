import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

/// Changing the members through the consensus stage.
struct MemberChangeTests {
    private static let key = RequestKey(connection: 1, request: 9)

    private static func description(
        _ node: UInt64,
        incarnation: UInt64? = nil,
        address: String? = nil
    ) -> MemberDescription {
        let host = address ?? "n\(node)"
        return MemberDescription(
            node: node,
            role: "",
            site: "fr/lyon",
            peerAddress: "\(host):1",
            clientAddress: "\(host):2",
            administrationAddress: "\(host):3",
            incarnation: Incarnation(high: 9, low: incarnation ?? node).hexadecimal
        )
    }

    private static func change(_ change: MemberChange, isDryRun: Bool = false) -> ConsensusEvent {
        .changeMembers(change, key, isDryRun: isDryRun)
    }

    /// A leader of three that hears both others.
    private func leader() throws -> (NodeFixture, term: UInt64) {
        var settings = NodeSettings()
        // Each command makes a block, whatever is not answered yet.
        settings.gatherTime = 0
        var node = try NodeFixture(members: 3, settings: settings)
        let term = try node.leadOfThree()
        return (node, term)
    }

    private func answer(of node: NodeFixture) -> MemberPlan? {
        guard case .memberPlan(let plan)? = node.repliesSoFar.last?.content else { return nil }
        return plan
    }

    private func refusal(of node: NodeFixture) -> Refusal? {
        guard case .refused(let refusal, _)? = node.repliesSoFar.last?.content else { return nil }
        return refusal
    }

    @Test
    func `a learner is added, promoted and removed, each answered when it is committed`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.add(Self.description(4))))
        #expect(node.output.configuration?.member(NodeID(4))?.role == .learner)
        #expect(node.repliesSoFar.isEmpty, "nothing of it is committed yet")
        try node.agree(term)
        let added = try #require(answer(of: node))
        #expect(added.before.map(\.node) == [1, 2, 3])
        #expect(added.after.map(\.node) == [1, 2, 3, 4])
        #expect(added.after.last?.role == "learner" && !added.isJoint)

        // However short the log is: the node may not be there at all.
        node.turn(Self.change(.promote(4)))
        #expect(refusal(of: node) == .notCaughtUp)
        node.turn(.peerConnected(NodeID(4)))
        try node.agree(term, [2, 3, 4])
        node.turn(Self.change(.promote(4)))
        #expect(node.output.configuration?.outgoing == [1, 2, 3].map { NodeID($0) })
        let answers = node.repliesSoFar.count
        try node.agree(term, [2, 3])
        #expect(node.repliesSoFar.count == answers, "the joint configuration is not the end")
        try node.agree(term, [2, 3, 4])
        let promoted = try #require(answer(of: node))
        #expect(promoted.isJoint && promoted.after.last?.role == "voter")
        #expect(node.node.consensus.status.configuration.outgoing.isEmpty)

        node.turn(Self.change(.remove(4)))
        try node.agree(term, [2, 3, 4])
        try node.agree(term, [2, 3])
        #expect(answer(of: node)?.after.map(\.node) == [1, 2, 3])
        #expect(node.node.consensus.status.peers.map(\.node) == [2, 3].map { NodeID($0) })
    }

    @Test
    func `who lacks many entries gets no vote, not even in another's place`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.add(Self.description(4))))
        try node.agree(term)
        for number in 0...UInt64(Limits.maximumPromotionLag) {
            node.turn(.commands([node.command(number)]))
            try node.agree(term)
        }
        node.turn(Self.change(.promote(4)))
        #expect(refusal(of: node) == .notCaughtUp)
        node.turn(Self.change(.replace(3, by: 4), isDryRun: true))
        #expect(refusal(of: node) == .notCaughtUp)
        node.turn(node.accepted(LogIndex(10), 4, term))
        node.turn(Self.change(.replace(3, by: 4)))
        try node.agree(term, [2, 3, 4])
        try node.agree(term, [2, 3, 4])
        #expect(answer(of: node)?.after.map(\.node) == [1, 2, 4])
        #expect(answer(of: node)?.after.map(\.role) == ["voter", "voter", "voter"])
        // Whose answer was lost asks again.
        node.turn(Self.change(.replace(3, by: 4)))
        #expect(answer(of: node)?.before == answer(of: node)?.after)
    }

    @Test
    func `who has the log and has yet to execute it gets no vote`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.add(Self.description(4))))
        try node.agree(term, [2, 3, 4])
        let reply = MessageBody.heartbeatReply(HeartbeatReply(readRound: 0))
        node.turn(node.from(4, term: term, reply, isStateBehind: true))
        node.turn(Self.change(.promote(4)))
        #expect(refusal(of: node) == .notCaughtUp)
        node.turn(node.from(4, term: term, reply))
        node.turn(Self.change(.promote(4), isDryRun: true))
        #expect(answer(of: node)?.after.map(\.role) == ["voter", "voter", "voter", "voter"])
    }

    @Test
    func `a node says while it has much to execute that it has`() throws {
        var (node, term) = try leader()
        func saysSo() throws -> Bool {
            let count = node.sent.count
            for _ in 0..<10 { node.turn(.tick) }
            let frame = try #require(node.sent.dropFirst(count).last)
            return try PeerMessage(decoding: frame.bytes, group: frame.group).isStateBehind
        }
        #expect(!(try saysSo()))
        for number in 0...UInt64(Limits.maximumPromotionLag) {
            node.turn(.commands([node.command(number)]))
            try node.agree(term)
        }
        #expect(try saysSo())
        let through = node.node.consensus.status.commitIndex
        node.turn(.applied(AppliedReport(through: through, clusterTime: 0)))
        #expect(!(try saysSo()))
    }

    @Test
    func `a dry run says the same and changes nothing`() throws {
        var (node, _) = try leader()
        let last = node.node.consensus.status.lastIndex
        node.turn(Self.change(.demote(3), isDryRun: true))
        let plan = try #require(answer(of: node))
        #expect(plan.isJoint)
        #expect(plan.after.map(\.role) == ["voter", "voter", "learner"])
        #expect(node.node.consensus.status.lastIndex == last)
        #expect(node.output.journal.isEmpty && node.output.configuration == nil)
    }

    @Test
    func `what is so already is answered as done, without an entry`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.add(Self.description(4))))
        try node.agree(term)
        let last = node.node.consensus.status.lastIndex
        for change: MemberChange in [
            .add(Self.description(4)), .rejoin(Self.description(4)), .promote(2), .demote(4),
        ] {
            node.turn(Self.change(change))
            let plan = try #require(answer(of: node), "\(change)")
            #expect(plan.before == plan.after)
        }
        #expect(node.node.consensus.status.lastIndex == last)
    }

    @Test(arguments: [
        (MemberChange.add(description(2)), Refusal.memberExists),
        (.add(description(4, address: "a")), .addressTaken),
        (.rejoin(description(4)), .noSuchMember),
        (.promote(4), .noSuchMember),
        (.demote(4), .noSuchMember),
        (.remove(4), .noSuchMember),
        (.replace(4, by: 5), .noSuchMember),
    ])
    func `a change that does not fit is refused by its name`(
        _ change: MemberChange,
        _ expected: Refusal
    ) throws {
        var (node, _) = try leader()
        node.turn(Self.change(change, isDryRun: true))
        #expect(refusal(of: node) == expected)
        node.turn(Self.change(change))
        #expect(refusal(of: node) == expected)
        #expect(node.output.journal.isEmpty)
    }

    @Test
    func `another disk is no other node, and another node has another disk`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.add(Self.description(4))))
        try node.agree(term)
        node.turn(Self.change(.add(Self.description(5, incarnation: 4))))
        #expect(refusal(of: node) == .memberExists)
        node.turn(Self.change(.add(Self.description(4, incarnation: 5))))
        #expect(refusal(of: node) == .memberExists)
        node.turn(Self.change(.replace(5, by: 4)))
        #expect(refusal(of: node) == .noSuchMember, "nobody leaves, so nobody is promoted")
    }

    @Test
    func `the last voter stays, and there are sixteen members at most`() throws {
        var node = try NodeFixture(members: 1)
        try node.lead()
        node.turn(Self.change(.demote(1)))
        #expect(refusal(of: node) == .noVoterLeft)
        node.turn(Self.change(.remove(1)))
        #expect(refusal(of: node) == .noVoterLeft)
        for number: UInt64 in 2...16 {
            node.turn(Self.change(.add(Self.description(number))))
            try node.settle()
            #expect(answer(of: node)?.after.count == Int(number))
        }
        node.turn(Self.change(.add(Self.description(17))))
        #expect(refusal(of: node) == .tooManyMembers)
    }

    @Test
    func `one change at a time, by the leader, while a quorum is heard`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.add(Self.description(4))))
        node.turn(Self.change(.remove(3)))
        #expect(refusal(of: node) == .membersChanging)
        try node.agree(term)
        // Node 2 alone answers: of the voters without it nobody but the leader is heard.
        for _ in 0..<node.settings.timing.minimumElectionTicks {
            node.turn(.tick)
            node.turn(node.from(2, term: term, .heartbeatReply(HeartbeatReply(readRound: 0))))
        }
        node.turn(Self.change(.remove(2)))
        #expect(refusal(of: node) == .quorumUnreachable)

        var follower = try NodeFixture(members: 3)
        follower.turn(Self.change(.remove(3)))
        #expect(refusal(of: follower) == .notLeader)
    }

    @Test
    func `an answer that is waited for is unknown once leadership is lost`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.demote(3)))
        try node.settle()
        #expect(node.repliesSoFar.isEmpty)
        node.turn(
            node.from(
                2,
                term: term + 1,
                .requestVote(
                    RequestVote(
                        purpose: .transfer,
                        last: LogPosition(index: LogIndex(99), term: Term(term)),
                        leaderIsGone: false
                    )
                )
            )
        )
        guard case .unknown? = node.repliesSoFar.first?.content else {
            Issue.record("\(node.repliesSoFar)")
            return
        }
        #expect(node.repliesSoFar.map(\.key) == [Self.key])
    }

    @Test
    func `a leader that removes itself answers before it steps down`() throws {
        var (node, term) = try leader()
        node.turn(Self.change(.remove(1)))
        try node.agree(term)
        try node.agree(term)
        #expect(answer(of: node)?.after.map(\.node) == [2, 3])
        #expect(node.repliesSoFar.count == 1)
        #expect(node.node.consensus.status.role == .follower)
        #expect(try node.messages.contains { $0.body == .timeoutNow(TimeoutNow()) })
    }

    @Test
    func `a new disk begins as a learner, and is not heard before it is connected`() throws {
        var (node, term) = try leader()
        node.turn(.peerConnected(NodeID(2)), .peerConnected(NodeID(3)))
        node.turn(Self.change(.rejoin(Self.description(3))))
        #expect(node.output.configuration?.member(NodeID(3))?.role == .learner)
        #expect(
            node.node.consensus.status.peers.map(\.isConnected) == [true, false],
            "the connection is to the old disk"
        )
        // What the old disk says still counts for nobody.
        try node.settle()
        let commit = node.node.consensus.status.commitIndex
        let last = node.node.consensus.status.lastIndex
        node.turn(node.accepted(last, 3, term))
        #expect(node.node.consensus.status.commitIndex == commit)
        #expect(node.node.consensus.status.peers.last?.match == .zero)
        node.turn(.peerConnected(NodeID(3)))
        node.turn(node.accepted(Genesis.position.index, 3, term))
        #expect(node.node.consensus.status.peers.last?.match == Genesis.position.index)
        try node.agree(term, [2])
        try node.agree(term, [2])
        #expect(answer(of: node)?.after.last?.role == "learner")
    }

    // A node that joined once fell silent: the log named the new disk of the leader that sent it.
    @Test
    func `a node that catches up with a log hears the leader whose new disk that log names`() throws
    {
        var node = try NodeFixture(members: 3)
        var configuration = node.genesis.configuration
        configuration.members[1].incarnation = Incarnation(high: 9, low: 9)
        let entry = Entry.make(
            cluster: node.genesis.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(2), term: Term(4)),
            kind: .configuration(configuration),
            featureLevel: 1,
            now: 0,
            random: (1, 2),
            previousHash: node.first.hash
        )
        node.turn(node.from(2, term: 4, node.append([entry]), entries: [entry]))
        try node.settle()
        #expect(node.node.consensus.status.lastIndex == LogIndex(2))
        let heartbeat = Heartbeat(commitIndex: LogIndex(2), readRound: 0)
        node.turn(node.from(2, term: 4, .heartbeat(heartbeat)))
        #expect(node.node.consensus.status.commitIndex == LogIndex(2))
        #expect(try node.messages.last?.body == .heartbeatReply(HeartbeatReply(readRound: 0)))
    }

    // Two nodes with new disks know the founding configuration alone, which gives both a vote.
    @Test
    func `a node that joins never stands under the founding configuration`() throws {
        var node = try NodeFixture(
            members: 3,
            incarnation: Incarnation(high: 77, low: 1)
        )
        for _ in 0..<4 * node.settings.timing.maximumElectionTicks { node.turn(.tick) }
        #expect(node.node.consensus.status.role == .follower)
        #expect(node.sent.isEmpty)
        node.turn(node.from(2, term: 1, .timeoutNow(TimeoutNow())))
        #expect(node.node.consensus.status.role == .follower)

        var alone = try NodeFixture(members: 1, incarnation: Incarnation(high: 77, low: 1))
        for _ in 0..<4 * alone.settings.timing.maximumElectionTicks { alone.turn(.tick) }
        #expect(alone.node.consensus.status.role == .follower, "it is no group of its own")
    }

    @Test
    func `a node that joins takes the log of a leader that it does not know`() throws {
        var node = try NodeFixture(members: 3, node: 7, incarnation: Incarnation(high: 77, low: 1))
        for _ in 0..<4 * node.settings.timing.maximumElectionTicks { node.turn(.tick) }
        #expect(node.node.consensus.status.role == .follower && node.sent.isEmpty)
        let noOp = node.noOp(term: 4)
        node.turn(node.from(9, term: 4, node.append([noOp], commit: 2), entries: [noOp]))
        try node.settle()
        #expect(node.node.consensus.status.leader == NodeID(9))
        #expect(node.node.consensus.status.commitIndex == LogIndex(2))
        let reply = try #require(try node.messages.last)
        #expect(reply.to == NodeID(9))
        #expect(reply.body == .appendEntriesReply(.init(outcome: .accepted(match: LogIndex(2)))))
    }
}

extension NodeFixture {
    /// Everything is durable here and on these peers.
    mutating func agree(_ term: UInt64, _ peers: [UInt64] = [2, 3]) throws {
        try settle()
        for peer in peers {
            turn(accepted(node.consensus.status.lastIndex, peer, term))
            try settle()
        }
    }
}
