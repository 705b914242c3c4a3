import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

/// What a leading node does beside the algorithm: gives way when its own disk fails it, keeps the
/// order of what it sends, and answers for what it proposed.
struct LeadershipTests {
    // D13, etcd#13527: heartbeats do not pass by the disk, so nobody else notices.
    @Test
    func `a leader whose disk hangs hands over, and one whose disk is well does not`() throws {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        node.turn(.peerConnected(NodeID(2)), .peerConnected(NodeID(3)))
        node.turn(.commands([node.command(1)]))
        let written = node.output.journal
        #expect(!written.isEmpty)
        let patience = node.settings.timing.maximumElectionTicks
        for _ in 0..<patience / 2 { try node.tickAmongFriends(term) }
        #expect(try !node.messages.contains { $0.body == .timeoutNow(TimeoutNow()) })
        // The disk answers: the patience begins anew.
        try node.journal(written)
        for _ in 0..<2 * patience { try node.tickAmongFriends(term) }
        #expect(try !node.messages.contains { $0.body == .timeoutNow(TimeoutNow()) })

        node.turn(.commands([node.command(2)]))
        for _ in 0..<2 * patience { try node.tickAmongFriends(term) }
        #expect(try node.messages.contains { $0.body == .timeoutNow(TimeoutNow()) })
    }

    // D12: below the reserve it takes nothing that grows, and others may have room.
    @Test
    func `a leader whose disk is nearly full hands over, and asks the next if one does not hear`()
        throws
    {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        node.turn(.peerConnected(NodeID(2)), .peerConnected(NodeID(3)))
        func tell(isSpaceLow: Bool) {
            let through = node.node.consensus.status.commitIndex
            node.turn(
                .applied(
                    AppliedReport(through: through, clusterTime: 0, isSpaceLow: isSpaceLow)
                )
            )
        }
        func told() throws -> [UInt64] {
            try node.messages.filter { $0.body == .timeoutNow(TimeoutNow()) }.map(\.to.value)
        }
        /// Time goes by; both peers answer, the disk too, and nobody stands.
        func pass(seconds: Int) throws {
            for _ in 0..<seconds * 50 {
                node.wait(milliseconds: 14)
                node.turn(.tick)
                try node.settle()
                for peer: UInt64 in [2, 3] {
                    node.turn(
                        node.from(peer, term: term, .heartbeatReply(HeartbeatReply(readRound: 0)))
                    )
                    try node.settle()
                    node.turn(node.accepted(node.node.consensus.status.lastIndex, peer, term))
                    try node.settle()
                }
            }
        }
        tell(isSpaceLow: true)
        try pass(seconds: 1)
        #expect(try told() == [3])
        // Nobody stands; it asks again, less and less often.
        try pass(seconds: 3)
        #expect(try told() == [3, 2])
        try pass(seconds: 12)
        #expect(try told() == [3, 2, 3, 2])
        tell(isSpaceLow: false)
        try pass(seconds: 20)
        #expect(try told().count == 4)
    }

    @Test
    func `commands whose deadline passes while no block can be built are refused`() throws {
        var settings = NodeSettings()
        settings.maximumUnsyncedBlocks = 1
        var node = try NodeFixture(members: 1, settings: settings)
        try node.lead()
        node.turn(.commands([node.command(1)]))
        var late = node.command(2)
        late.deadline = 1
        node.turn(.commands([late, node.command(3)]))
        #expect(node.node.consensus.status.waitingCommands == 2)
        node.turn(.tick)
        #expect(node.node.consensus.status.waitingCommands == 1)
        #expect(node.output.replies.map(\.key.request) == [2])
        guard case .refused(.deadlinePassed, _)? = node.output.replies.first?.content else {
            Issue.record("\(node.output.replies)")
            return
        }
    }

    // An empty append asks whether those before it arrived: it may not overtake them.
    @Test
    func `appends share a lane, whatever they hold`() throws {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        node.turn(.commands([node.command(1)]))
        for _ in 0..<4 * node.settings.timing.heartbeatTicks {
            node.turn(.tick)
            node.turn(node.from(2, term: term, .heartbeatReply(HeartbeatReply(readRound: 0))))
        }
        var appends = 0
        for frame in node.sent {
            let message = try PeerMessage(decoding: frame.bytes, group: frame.group).message
            guard case .appendEntries = message.body else {
                #expect(frame.isUrgent)
                continue
            }
            #expect(!frame.isUrgent)
            appends += 1
        }
        // The no-op to each peer, and to the one that answers but acknowledges nothing a question.
        #expect(appends >= 3)
    }

    @Test
    func `after an alarm nothing of the turn is written, sent or answered`() throws {
        var node = try NodeFixture(members: 3)
        node.turn(
            node.from(2, term: 3, .heartbeat(Heartbeat(commitIndex: .zero, readRound: 0))),
            node.from(3, term: 3, .heartbeat(Heartbeat(commitIndex: .zero, readRound: 0))),
            .commands([node.command(1)])
        )
        #expect(
            node.output.alarm
                == .twoLeaders(term: Term(3), known: NodeID(2), other: NodeID(3))
        )
        #expect(node.output.journal.isEmpty)
        #expect(node.output.frames.isEmpty)
        #expect(node.output.replies.isEmpty)
    }

    // A block stays open until its place in the log is decided (decision 0005).
    @Test(arguments: [true, false])
    func `a deposed leader answers for its blocks once their place is decided`(
        _ livesOn: Bool
    ) throws {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        let (before, mine) = try node.proposeBlock(term)

        // A new leader that does not hold the block truncates it.
        let place = mine.header.index
        let other = node.noOp(term: term + 2, index: place.value, after: before)
        let truncating = node.append([other], after: before, commit: place.value - 1)
        node.turn(node.from(2, term: term + 2, truncating, entries: [other]))
        try node.settle()
        #expect(node.repliesSoFar.isEmpty, "its place is not decided")

        if livesOn {
            // It is lost there too, and a third leader commits the block after all.
            let third = node.append([mine], after: before, commit: place.value)
            node.turn(node.from(3, term: term + 3, third, entries: [mine]))
            try node.settle()
            let keys = node.applyEvents.flatMap { event -> [RequestKey?] in
                guard case .entries(let entries) = event else { return [] }
                return entries.flatMap(\.keys)
            }
            #expect(keys.compactMap(\.self).map(\.request) == [1])
            #expect(node.repliesSoFar.isEmpty, "the state machine answers it")
        } else {
            node.turn(
                node.from(
                    2,
                    term: term + 2,
                    .heartbeat(Heartbeat(commitIndex: place, readRound: 0))
                )
            )
            try node.settle()
            guard case .refused(.notLeader, _)? = node.repliesSoFar.first?.content else {
                Issue.record("\(node.repliesSoFar)")
                return
            }
            #expect(node.repliesSoFar.map(\.key.request) == [1])
        }
    }

    // A leader that is heard by nobody takes a command and steps down: the others elect one. It hears
    // nothing of that one, or all but what is committed, since it seems to hold nothing. Whoever waits
    // is sent on, long before the deadline.
    @Test(arguments: [false, true])
    func `a deposed leader that nobody hears calls its blocks unknown`(
        _ hearsAnother: Bool
    ) throws {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        let (before, mine) = try node.proposeBlock(term)
        func tick(forAbout milliseconds: Int) throws {
            let end = node.now + UInt64(milliseconds) * 1_000_000
            while node.now < end {
                node.wait(milliseconds: 9)
                node.turn(.tick)
                try node.settle()
                guard hearsAnother, node.node.consensus.status.role != .leader else { continue }
                let heartbeat = Heartbeat(commitIndex: before.header.index, readRound: 0)
                node.turn(node.from(2, term: term + 5, .heartbeat(heartbeat)))
                try node.settle()
            }
        }
        for _ in 0..<200 where node.node.consensus.status.role == .leader {
            try tick(forAbout: 10)
        }
        #expect(node.node.consensus.status.role != .leader)
        let patience = node.settings.timing.maximumElectionTicks * node.settings.tickMilliseconds
        try tick(forAbout: patience - 50)
        #expect(node.repliesSoFar.isEmpty, "most often another leads by then, and tells")
        try tick(forAbout: 100)
        #expect(node.repliesSoFar.map(\.key.request) == [1])
        guard case .unknown? = node.repliesSoFar.first?.content else {
            Issue.record("\(node.repliesSoFar)")
            return
        }

        // It lives on after all, and is executed; nobody here waits for it any more.
        let committing = node.append([mine], after: before, commit: mine.header.index.value)
        node.turn(node.from(2, term: term + 5, committing, entries: [mine]))
        try node.settle()
        #expect(node.handedOver.last == mine.header.index.value)
        #expect(node.repliesSoFar.count == 1)
    }
}

extension NodeFixture {
    /// Elects node 1 of three, with its no-op committed by node 2.
    ///
    /// - Returns: The term.
    mutating func leadOfThree() throws -> UInt64 {
        tick(until: .preCandidate)
        let term = node.consensus.status.term.value + 1
        turn(from(2, term: term, .requestVoteReply(.init(purpose: .preVote, isGranted: true))))
        try settle()
        turn(from(2, term: term, .requestVoteReply(.init(purpose: .election, isGranted: true))))
        try settle()
        // They have what they were sent; the next entries follow the first acknowledgement.
        for _ in 0..<3 {
            guard let last = try sentEntries().last else { continue }
            for peer: UInt64 in [2, 3] {
                turn(accepted(last.header.index, peer, term))
                try settle()
            }
        }
        #expect(node.consensus.status.commitIndex == node.consensus.status.lastIndex)
        #expect(node.consensus.status.role == .leader)
        return term
    }

    /// Proposes one command, which becomes durable here and is sent.
    ///
    /// - Returns: The entry of its block, and the one before it.
    mutating func proposeBlock(_ term: UInt64) throws -> (before: Entry, mine: Entry) {
        turn(.commands([command(1)]))
        let entries = try sentEntries()
        let mine = try #require(entries.last)
        let before = try #require(entries.dropLast().last)
        #expect(mine.header.term == Term(term) && mine.header.index == before.header.index.next)
        try settle()
        return (before, mine)
    }

    func accepted(_ match: LogIndex, _ peer: UInt64, _ term: UInt64) -> ConsensusEvent {
        from(peer, term: term, .appendEntriesReply(.init(outcome: .accepted(match: match))))
    }

    /// One tick of time; both peers answer, and have durably all that there is.
    mutating func tickAmongFriends(_ term: UInt64) throws {
        wait(milliseconds: UInt64(settings.tickMilliseconds))
        turn(.tick)
        guard node.consensus.status.role == .leader else { return }
        for peer: UInt64 in [2, 3] {
            turn(from(peer, term: term, .heartbeatReply(HeartbeatReply(readRound: 0))))
            turn(accepted(node.consensus.status.lastIndex, peer, term))
        }
    }

    /// The entries that were sent, each once, in order.
    func sentEntries() throws -> [Entry] {
        var entries: [Entry] = []
        for frame in sent {
            for bytes in try PeerMessage(decoding: frame.bytes, group: frame.group).entries {
                let entry = try Entry(decoding: bytes)
                if !entries.contains(where: { $0.hash == entry.hash }) { entries.append(entry) }
            }
        }
        return entries
    }
}
