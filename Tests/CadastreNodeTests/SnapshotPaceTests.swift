import CadastreNode
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

/// When the next snapshot is made, and that one is left to whoever fetches it.
struct SnapshotPaceTests {
    /// Four commands, which count 1 KiB each.
    private static let interval = 4_096

    private func leader() throws -> (NodeFixture, term: UInt64) {
        var settings = NodeSettings()
        settings.snapshotInterval = Self.interval
        var node = try NodeFixture(members: 3, settings: settings)
        let term = try node.leadOfThree()
        // Twice, for then the log begins behind the first of them.
        for _ in 0..<2 {
            while try node.write(1, term) == 0 {}
            try node.takeSnapshot(term)
        }
        return (node, term)
    }

    @Test
    func `one is made after each interval`() throws {
        var (node, term) = try leader()
        for _ in 0..<3 {
            #expect(try node.write(3, term) == 0)
            #expect(try node.write(1, term) == 1)
            try node.takeSnapshot(term)
        }
    }

    // A peer that needs longer than an interval would begin anew with each, and never be done.
    @Test
    func `while a peer fetches one the next waits`() throws {
        var (node, term) = try leader()
        try node.loseEntries(of: 3, term)
        #expect(node.isSnapshotting(3))
        #expect(try node.write(12, term) == 0)
        // What it fetched is installed, and it goes on from there.
        node.turn(.snapshot(.settledOffer(NodeID(3))))
        node.turn(node.accepted(node.node.consensus.status.lastIndex, 3, term))
        #expect(try node.write(1, term) == 1)
    }

    @Test
    func `it waits for eight intervals at most`() throws {
        var (node, term) = try leader()
        try node.loseEntries(of: 3, term)
        #expect(node.isSnapshotting(3))
        #expect(try node.write(31, term) == 0)
        #expect(try node.write(1, term) == 1)
    }

    @Test
    func `where room is short the log forgets what the newest one stands for`() throws {
        var (node, term) = try leader()
        let last = node.node.consensus.status.commitIndex
        func gives(_ isSpaceLow: Bool) -> [LogIndex] {
            var report = node.report
            report.isSpaceLow = isSpaceLow
            node.turn(.applied(report))
            return node.output.journal.compactMap { event in
                if case .compact(_, through: let index) = event { index } else { nil }
            }
        }
        #expect(try node.write(1, term) == 0)
        #expect(gives(false).isEmpty)
        #expect(gives(true) == [last])
    }

    @Test
    func `for a peer that is silent none waits`() throws {
        var (node, term) = try leader()
        try node.loseEntries(of: 3, term)
        for _ in 0..<node.settings.timing.minimumElectionTicks {
            node.turn(.tick)
            node.turn(node.from(2, term: term, .heartbeatReply(HeartbeatReply(readRound: 0))))
        }
        #expect(node.isSnapshotting(3))
        #expect(try node.write(4, term) == 1)
    }
}

extension NodeFixture {
    private var imagesSoFar: Int {
        applyEvents.count { if case .beginImage = $0 { true } else { false } }
    }

    /// Whether the leader waits until this peer has installed a snapshot.
    fileprivate func isSnapshotting(_ peer: UInt64) -> Bool {
        node.consensus.status.peers.contains {
            $0.node == NodeID(peer) && $0.state == "snapshotting"
        }
    }

    /// Writes blocks, one after the other: durable here and at node 2, and applied.
    ///
    /// - Returns: How many images were asked for meanwhile.
    fileprivate mutating func write(_ count: Int, _ term: UInt64) throws -> Int {
        let before = imagesSoFar
        for _ in 0..<count {
            turn(.commands([command(now)]))
            try settle()
            turn(accepted(node.consensus.status.lastIndex, 2, term))
            try settle()
            #expect(node.consensus.status.commitIndex == node.consensus.status.lastIndex)
            turn(.applied(report))
        }
        return imagesSoFar - before
    }

    fileprivate var report: AppliedReport {
        let through = node.consensus.status.commitIndex
        return AppliedReport(through: through, clusterTime: 0, durablyApplied: through)
    }

    /// The image that was asked for becomes a snapshot; the log forgets what the last two stand for.
    fileprivate mutating func takeSnapshot(_ term: UInt64) throws {
        let position = LogPosition(index: node.consensus.status.commitIndex, term: Term(term))
        var report = report
        report.image = StateImage(
            path: "/image",
            size: 1,
            applied: position,
            digest: StateDigest(high: 1, low: 2),
            clusterTime: 0
        )
        turn(.applied(report))
        #expect(output.snapshots.contains { if case .build = $0 { true } else { false } })
        turn(.snapshot(.built(position)))
        try journal(output.journal)
    }

    /// The peer has nothing behind the founding entry any more, and says so: also of where the log
    /// begins, which is what the leader asks next.
    fileprivate mutating func loseEntries(of peer: UInt64, _ term: UInt64) throws {
        var previous = node.consensus.status.lastIndex
        while !isSnapshotting(peer) {
            let rejected = AppendEntriesReply(
                outcome: .rejected(previous: previous, hint: Genesis.position)
            )
            turn(from(peer, term: term, .appendEntriesReply(rejected)))
            try settle()
            let peers = node.consensus.status.peers
            let standing = try #require(peers.first { $0.node == NodeID(peer) })
            try #require(standing.next <= previous)
            previous = standing.next.previous
        }
    }
}
