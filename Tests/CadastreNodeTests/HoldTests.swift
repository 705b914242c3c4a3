import CadastreNode
import CadastreProtocol
import RaftCore
import Testing

/// What a leader holds back so that two large blocks take turns instead of many small ones: until
/// when, and what becomes of it when something else happens meanwhile.
struct HoldTests {
    @Test(arguments: [1, 50])
    func `among near nodes what waits is held back until as much waits as is on its way`(
        milliseconds: UInt64
    ) throws {
        var settings = NodeSettings()
        settings.gatherTime = 20_000_000
        // No tick stands between the blocks.
        (settings.tickWithWork, settings.tickWhenIdle) = (.max, .max)
        var node = try NodeFixture(members: 3, settings: settings)
        let term = try node.leadOfThree()
        _ = try node.proposeBlock(term)
        node.wait(milliseconds: milliseconds)
        func commit(_ index: LogIndex) throws {
            node.turn(node.accepted(index, 2, term))
            try node.settle()
            node.turn(.applied(AppliedReport(through: index, clusterTime: 0)))
        }
        try commit(node.node.consensus.status.lastIndex)
        let isNear = milliseconds == 1
        node.turn(.commands((2...4).map { node.command($0) }))
        try node.settle()
        let last = node.node.consensus.status.lastIndex
        var late = node.command(5)
        late.deadline = 1
        node.turn(.commands([late]))
        #expect(node.node.consensus.status.waitingCommands == (isNear ? 1 : 0))
        guard isNear else { return }
        // Nobody else looks at the deadline of what is held back.
        node.turn(.tick)
        #expect(node.output.replies.map(\.key.request) == [5])
        node.turn(.commands([node.command(6), node.command(7)]))
        #expect(node.node.consensus.status.lastIndex == last)
        node.turn(.commands([node.command(8)]))
        #expect(node.node.consensus.status.lastIndex == last.next)
        try node.settle()
        // Six are on their way, until the three of the first block are committed.
        node.turn(.commands((9...11).map { node.command($0) }))
        #expect(node.node.consensus.status.waitingCommands == 3)
        try commit(last)
        #expect(node.node.consensus.status.waitingCommands == 0)
    }

    @Test
    func `callers that come back at once are waited for as long as a block takes`() throws {
        var settings = NodeSettings()
        settings.gatherTime = 20_000_000
        (settings.tickWithWork, settings.tickWhenIdle) = (.max, .max)
        var node = try NodeFixture(members: 3, settings: settings)
        let term = try node.leadOfThree()
        var number: UInt64 = 0
        func next(_ count: Int) -> [WaitingCommand] {
            (0..<count).map { _ in
                number += 1
                return node.command(number)
            }
        }
        func answer() throws {
            let last = node.node.consensus.status.lastIndex
            node.wait(milliseconds: 1)
            node.turn(node.accepted(last, 2, term))
            try node.settle()
            node.turn(.applied(AppliedReport(through: last, clusterTime: 0)))
        }
        // Callers, each of which sends its next command when the last one is answered.
        for _ in 0..<24 {
            node.turn(.commands(next(32)))
            try node.settle()
            try answer()
        }
        #expect(node.output.nextTurn == nil, "nobody waits")
        let last = node.node.consensus.status.lastIndex
        node.turn(.commands(next(20)))
        #expect(node.node.consensus.status.lastIndex == last)
        let end = try #require(node.output.nextTurn)
        node.turn(.commands(next(9)))
        #expect(node.node.consensus.status.lastIndex == last.next, "three of 32 are not waited for")
        try node.settle()
        try answer()
        // Now they come no more.
        node.turn(.commands(next(3)))
        #expect(node.node.consensus.status.waitingCommands == 3)
        let due = try #require(node.output.nextTurn)
        #expect(due > end && due - end < settings.gatherTime)
        node.wait(milliseconds: 19)
        node.turn()
        #expect(node.node.consensus.status.waitingCommands == 0)
        #expect(node.output.nextTurn == nil)
        try node.settle()
        try answer()
        node.turn(.commands(next(1)))
        #expect(node.node.consensus.status.waitingCommands == 0, "those who stayed away were many")
    }

    @Test
    func `a tick that is due takes what is held back along`() throws {
        var settings = NodeSettings()
        settings.gatherTime = 50_000_000
        (settings.tickWithWork, settings.tickWhenIdle) = (20_000_000, .max)
        var (node, _) = try Self.holding(settings)
        let last = node.node.consensus.status.lastIndex
        node.wait(milliseconds: 15)
        node.turn()
        #expect(node.node.consensus.status.lastIndex == last.next, "one block with both")
        #expect(node.node.consensus.status.waitingCommands == 0)
        #expect(!node.output.isHoldingBack)
    }

    @Test
    func `who is deposed refuses what was held back, and holds nothing any more`() throws {
        var (node, term) = try Self.holding(Self.withoutTicks)
        let held = node.command(5).key
        node.turn(
            node.from(3, term: term + 1, .heartbeat(Heartbeat(commitIndex: .zero, readRound: 0)))
        )
        #expect(node.node.consensus.status.role == .follower)
        #expect(node.node.consensus.status.waitingCommands == 0)
        #expect(!node.output.isHoldingBack && node.output.nextTurn == nil)
        let refusals = node.output.replies.filter { $0.key == held }.map(\.content)
        #expect(refusals.count == 1)
        guard case .refused(.notLeader, _)? = refusals.first else {
            Issue.record("\(node.output.replies)")
            return
        }
    }

    @Test
    func `what waits through a hand-over that comes to nothing is proposed after it, once`() throws
    {
        var (node, term) = try Self.holding(Self.withoutTicks)
        let last = node.node.consensus.status.lastIndex
        node.turn(.peerConnected(NodeID(2)), .peerConnected(NodeID(3)))
        node.turn(.transferLeadership(to: NodeID(2), RequestKey(connection: 9, request: 9)))
        #expect(!node.output.isHoldingBack, "it waits for the hand-over, not for an answer")
        node.turn(.commands([node.command(20)]))
        #expect(node.node.consensus.status.lastIndex == last)
        #expect(node.node.consensus.status.waitingCommands == 2)
        for _ in 0..<3 * node.settings.timing.maximumElectionTicks {
            try node.tickAmongFriends(term)
            if node.repliesSoFar.isEmpty { #expect(node.node.consensus.status.lastIndex == last) }
            try node.settle()
        }
        #expect(node.node.consensus.status.role == .leader)
        #expect(node.node.consensus.status.waitingCommands == 0)
        #expect(node.node.consensus.status.lastIndex == last.next, "one block holds both")
        #expect(node.repliesSoFar.map(\.key) == [RequestKey(connection: 9, request: 9)])
    }

    /// Nothing but commands makes blocks, and commands wait for long.
    private static var withoutTicks: NodeSettings {
        var settings = NodeSettings()
        settings.gatherTime = 1_000_000_000
        (settings.tickWithWork, settings.tickWhenIdle) = (.max, .max)
        return settings
    }

    /// A leader with a block of three commands on its way and one command that waits for it.
    private static func holding(_ settings: NodeSettings) throws -> (NodeFixture, term: UInt64) {
        var node = try NodeFixture(members: 3, settings: settings)
        let term = try node.leadOfThree()
        _ = try node.proposeBlock(term)
        let last = node.node.consensus.status.lastIndex
        node.turn(node.accepted(last, 2, term))
        try node.settle()
        node.turn(.applied(AppliedReport(through: last, clusterTime: 0)))
        node.turn(.commands((2...4).map { node.command($0) }))
        try node.settle()
        node.turn(.commands([node.command(5)]))
        #expect(node.node.consensus.status.waitingCommands == 1)
        #expect(node.output.isHoldingBack)
        return (node, term)
    }
}
