import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

/// Nothing is promised before it is durable.
struct TurnOrderTests {
    @Test
    func `a vote leaves only after it is durable`() throws {
        var node = try NodeFixture(members: 3)
        let request = RequestVote(purpose: .election, last: Genesis.position, leaderIsGone: false)
        node.turn(node.from(2, term: 9, .requestVote(request)))
        #expect(try node.messages.isEmpty)
        #expect(!node.output.journal.isEmpty)
        try node.settle()
        let granted = RequestVoteReply(purpose: .election, isGranted: true)
        #expect(try node.messages.map(\.body) == [.requestVoteReply(granted)])
        #expect(try node.messages.first?.to == NodeID(2))
    }

    @Test
    func `an append is acknowledged only after it is durable`() throws {
        var node = try NodeFixture(members: 3)
        let entry = node.noOp(term: 3)
        node.turn(node.from(2, term: 3, node.append([entry]), entries: [entry]))
        #expect(try node.messages.isEmpty)
        try node.settle()
        let accepted = AppendEntriesReply(outcome: .accepted(match: LogIndex(2)))
        #expect(try node.messages.map(\.body) == [.appendEntriesReply(accepted)])
    }

    @Test
    func `a commit that is not durable here is not handed to the apply stage`() throws {
        var node = try NodeFixture(members: 3)
        let entry = node.noOp(term: 3)
        node.turn(node.from(2, term: 3, node.append([entry], commit: 2), entries: [entry]))
        #expect(!node.handedOver.contains(2))
        try node.settle()
        #expect(node.handedOver == [1, 2])
    }

    @Test
    func `a leader sends entries before they are durable and commits only after`() throws {
        var node = try NodeFixture(members: 3)
        node.tick(until: .preCandidate)
        let preVote = RequestVoteReply(purpose: .preVote, isGranted: true)
        let term = node.node.consensus.status.term.value + 1
        node.turn(node.from(2, term: term, .requestVoteReply(preVote)))
        #expect(node.node.consensus.status.role == .candidate)
        // The candidate asks nobody before its own vote is durable.
        func questions() throws -> Int {
            try node.messages.count {
                guard case .requestVote(let request) = $0.body else { return false }
                return request.purpose == .election
            }
        }
        #expect(try questions() == 0)
        try node.settle()
        #expect(try questions() == 2)
        let vote = RequestVoteReply(purpose: .election, isGranted: true)
        node.turn(node.from(2, term: term, .requestVoteReply(vote)))
        #expect(node.node.consensus.status.role == .leader)
        let appends = try node.messages.filter {
            if case .appendEntries = $0.body { true } else { false }
        }
        #expect(!appends.isEmpty)
        let write = node.output.journal
        // A follower has it, this node not yet.
        let accepted = AppendEntriesReply(outcome: .accepted(match: LogIndex(2)))
        node.turn(node.from(2, term: term, .appendEntriesReply(accepted)))
        #expect(!node.handedOver.contains(2))
        try node.journal(write)
        try node.settle()
        #expect(node.handedOver == [1, 2])
    }

    @Test
    func `a reply comes from the apply stage after the sync of its block`() throws {
        var node = try NodeFixture(members: 1)
        try node.lead()
        #expect(node.node.consensus.status.role == .leader)
        node.turn(.commands([node.command(1), node.command(2)]))
        #expect(node.output.replies.isEmpty)
        let before = node.handedOver.count
        try node.settle()
        #expect(node.handedOver.count == before + 1)
        var applied = ApplyOutput()
        var events = node.applyEvents
        try node.node.apply?.turn(
            &events,
            at: Moment(monotonic: 0, wall: 0),
            into: &applied
        )
        #expect(events.isEmpty)
        #expect(applied.replies.map(\.key.request) == [1, 2])
        for reply in applied.replies {
            guard case .command(let outcome) = reply.content else {
                Issue.record("\(reply.content)")
                continue
            }
            #expect(outcome.refusal == nil && outcome.number != 0)
        }
    }

    @Test
    func `who does not lead refuses commands and queries at once`() throws {
        var node = try NodeFixture(members: 3)
        let query = WaitingQuery(
            key: RequestKey(connection: 1, request: 2),
            principal: .operator(name: Array("op".utf8)),
            tenant: .none,
            query: .listTenants(after: [], maximum: 1),
            deadline: .max
        )
        node.turn(.commands([node.command(1)]), .queries([query]))
        let refused = node.output.replies.map { reply -> UInt64 in
            guard case .refused(.notLeader, _) = reply.content else { return 0 }
            return reply.key.request
        }
        #expect(refused == [1, 2])
    }

    @Test
    func `while one block is synced the next one fills`() throws {
        var settings = NodeSettings()
        settings.maximumUnsyncedBlocks = 1
        var node = try NodeFixture(members: 1, settings: settings)
        try node.lead()
        node.turn(.commands([node.command(1)]))
        let first = node.output.journal
        #expect(first.count == 1)
        node.turn(.commands([node.command(2)]))
        node.turn(.commands([node.command(3)]))
        #expect(node.node.consensus.status.waitingCommands == 2)
        try node.journal(first)
        #expect(node.output.journal.count == 1)
        #expect(node.node.consensus.status.waitingCommands == 0)
    }
}
