import CadastreNode
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

/// What the consensus stage does when another's snapshot takes the place of log and state.
extension SnapshotStageTests {
    /// A snapshot through entry `last`, verified, and where the log begins with it.
    private func verified(through last: UInt64) throws -> (LogStart, VerifiedState) {
        let (one, _) = try sender(through: last)
        let two = try Side(2, settings: Self.settings)
        one.turn([.request(.offer(two.id, atLeast: .zero))])
        exchange(one, two)
        return try #require(staged(two))
    }

    private func entry(_ node: NodeFixture, _ index: UInt64, after start: LogStart) -> Entry {
        Entry.make(
            cluster: node.genesis.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(index), term: Term(4)),
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (1, 2),
            previousHash: start.hash
        )
    }

    private func isInstalling(_ node: NodeFixture) -> Bool {
        node.applyEvents.contains { if case .install = $0 { true } else { false } }
    }

    // The report of the turn that installs is the only one that says so.
    @Test
    func `a transaction that is lost in the turn of an installation is applied again`() throws {
        let (start, state) = try verified(through: 3)
        var node = try NodeFixture(members: 3)
        node.turn(node.from(2, term: 4, .heartbeat(Heartbeat(commitIndex: .zero, readRound: 0))))
        try node.settle()
        node.turn(.snapshot(.staged(start, state)))
        try node.settle()
        #expect(isInstalling(node))
        let next = entry(node, 4, after: start)
        let append = AppendEntries(
            previous: start.position,
            previousHash: start.hash,
            entries: [next.header],
            commitIndex: LogIndex(4)
        )
        node.turn(node.from(2, term: 4, .appendEntries(append), entries: [next]))
        try node.settle()
        #expect(node.handedOver == [4])
        // What was lost before the old state goes is of no interest.
        node.turn(
            .applied(AppliedReport(through: .zero, clusterTime: 0, reapplyFrom: LogIndex(1)))
        )
        node.turn(.tick)
        #expect(node.handedOver == [4])
        node.turn(
            .applied(AppliedReport(through: LogIndex(3), clusterTime: 0, reapplyFrom: LogIndex(4)))
        )
        node.turn(.tick)
        #expect(node.handedOver == [4, 4])
    }

    // They stood behind where the log begins now, and a later block of this node before them.
    @Test
    func `blocks that a snapshot swept away are refused, and later ones answered`() throws {
        let (start, state) = try verified(through: 4)
        var settings = NodeSettings()
        settings.gatherTime = 0
        var node = try NodeFixture(members: 3, settings: settings)
        let term = try node.leadOfThree()
        for request: UInt64 in 1...6 {
            node.turn(.commands([node.command(request)]))
            try node.settle()
        }
        // Behind the founding entry, a no-op and a tick.
        #expect(node.node.consensus.status.lastIndex == LogIndex(9))
        node.turn(
            node.from(2, term: term + 1, .heartbeat(Heartbeat(commitIndex: .zero, readRound: 0)))
        )
        try node.settle()
        node.turn(.snapshot(.staged(start, state)))
        try node.settle()
        #expect(isInstalling(node))
        node.turn(.applied(AppliedReport(through: LogIndex(4), clusterTime: 0)))
        let later = try node.leadOfThree()
        #expect(later > term)
        for request: UInt64 in 7...9 {
            node.turn(.commands([node.command(request)]))
            try node.settle()
            let last = node.node.consensus.status.lastIndex
            node.turn(node.accepted(last, 2, later))
            try node.settle()
        }
        let applied = node.applyEvents.flatMap { event -> [UInt64] in
            guard case .entries(let entries) = event else { return [] }
            return entries.flatMap(\.keys).compactMap { $0?.request }
        }
        #expect(applied == [7, 8, 9])
        // Whether the first is in the snapshot nobody knows.
        #expect(node.repliesSoFar.map(\.key.request).sorted() == [1, 2, 3, 4, 5, 6])
        let unknown = node.repliesSoFar.filter { reply in
            if case .unknown = reply.content { true } else { false }
        }
        #expect(unknown.map(\.key.request) == [1])
    }
}
