import CadastreSimulation
import CadastreStorage
import RaftCore
import Testing

/// The persist-before-send monitor and the check of recovery catch what they are for.
struct PersistenceCheckerTests {
    private func header(_ record: LogView.Record) -> EntryHeader {
        EntryHeader(position: record.position, kind: .noOp, size: 104, hash: record.hash)
    }

    private func recovery(_ terms: UInt64..., term: UInt64, vote: UInt64 = 0) -> GroupRecovery {
        GroupRecovery(
            group: .directory,
            hardState: HardState(term: Term(term), vote: NodeID(vote)),
            headers: terms.enumerated().map {
                header(record(UInt64($0.offset + 1), $0.element))
            }
        )
    }

    /// Node 1 has two entries and its vote for node 2 in term 3.
    private var monitor: PersistBeforeSend {
        get throws(Violation) {
            var monitor = PersistBeforeSend(nodes: 3)
            try monitor.recovered(
                0,
                recovery(1, 1, term: 3, vote: 2),
                committed: CommittedLog(voters: 3)
            )
            return monitor
        }
    }

    private func sends(
        _ body: MessageBody,
        term: UInt64,
        to: UInt64 = 2,
        leaderLog: LogView? = nil
    ) -> Violation.Rule? {
        caught { () throws(Violation) in
            try monitor.sends(
                Message(
                    group: .directory,
                    from: NodeID(1),
                    to: NodeID(to),
                    term: Term(term),
                    body: body
                ),
                from: 0,
                leaderLog: leaderLog
            )
        }
    }

    @Test
    func `a vote that is not durable is caught`() {
        let grant = MessageBody.requestVoteReply(
            RequestVoteReply(purpose: .election, isGranted: true)
        )
        #expect(sends(grant, term: 3, to: 2) == nil)
        #expect(sends(grant, term: 3, to: 3) == .persistBeforeSend)
        #expect(sends(grant, term: 4, to: 2) == .persistBeforeSend)
    }

    @Test
    func `a pre-vote names a term that nobody has entered, and promises nothing`() {
        let question = RequestVote(purpose: .preVote, last: .zero, leaderIsGone: false)
        let preVote = RequestVoteReply(purpose: .preVote, isGranted: true)
        #expect(sends(.requestVote(question), term: 9) == nil)
        #expect(sends(.requestVoteReply(preVote), term: 9) == nil)
    }

    @Test(
        arguments: [
            .requestVoteReply(RequestVoteReply(purpose: .election, isGranted: false)),
            .requestVoteReply(RequestVoteReply(purpose: .preVote, isGranted: false)),
            .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: .zero))),
            .heartbeatReply(HeartbeatReply(readRound: 1)),
            .readIndex(ReadIndex(round: 1)),
        ] as [MessageBody]
    )
    func `whatever is said in a term that is not durable is caught`(_ body: MessageBody) {
        #expect(sends(body, term: 2) == nil)
        #expect(sends(body, term: 3) == nil)
        #expect(sends(body, term: 4) == .persistBeforeSend)
    }

    @Test
    func `a leader or candidate without a durable vote for itself is caught`() {
        let heartbeat = Heartbeat(commitIndex: .zero, readRound: 0)
        #expect(sends(.heartbeat(heartbeat), term: 3) == .persistBeforeSend)
        let request = RequestVote(purpose: .election, last: .zero, leaderIsGone: false)
        #expect(sends(.requestVote(request), term: 3) == .persistBeforeSend)
    }

    @Test
    func `an acknowledgement of what is not durable is caught`() {
        func accepted(_ match: UInt64) -> MessageBody {
            .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: LogIndex(match))))
        }
        #expect(sends(accepted(2), term: 3, leaderLog: log(1, 1)) == nil)
        #expect(sends(accepted(3), term: 3) == .persistBeforeSend)
        // Durable, but another entry than the leader's.
        #expect(sends(accepted(2), term: 3, leaderLog: log(1, 3)) == .persistBeforeSend)
        // More than the leader of that term ever had.
        #expect(sends(accepted(2), term: 3, leaderLog: log(1)) == .logMatching)
        #expect(sends(accepted(2), term: 2, leaderLog: log(1)) == .logMatching)
    }

    @Test
    func `an acknowledgement in a term that is over needs only to have been true`() throws {
        var monitor = try monitor
        try monitor.synced(
            0,
            [
                .truncate(.directory, from: LogIndex(2)),
                .hardState(.directory, HardState(term: Term(4), vote: .none)),
            ],
            committed: CommittedLog(voters: 3)
        )
        func acknowledges(_ term: UInt64, _ leaderLog: LogView) -> Violation.Rule? {
            caught { () throws(Violation) in
                try monitor.sends(
                    Message(
                        group: .directory,
                        from: NodeID(1),
                        to: NodeID(2),
                        term: Term(term),
                        body: .appendEntriesReply(
                            AppendEntriesReply(outcome: .accepted(match: LogIndex(2)))
                        )
                    ),
                    from: 0,
                    leaderLog: leaderLog
                )
            }
        }
        #expect(acknowledges(3, log(1, 1)) == nil)
        #expect(acknowledges(3, log(1, 2)) == .persistBeforeSend)
        #expect(acknowledges(4, log(1, 1)) == .persistBeforeSend)
    }

    @Test
    func `an entry that is synced behind a gap is caught`() {
        var monitor = PersistBeforeSend(nodes: 1)
        let gap = GroupRecovery(
            group: .directory,
            hardState: .initial,
            headers: [header(record(2, 1))]
        )
        let rule = caught { () throws(Violation) in
            try monitor.recovered(0, gap, committed: CommittedLog(voters: 3))
        }
        #expect(rule == .logMatching)
    }

    @Test
    func `a disk that was lost counts where it is meant, and holds nothing any more`() throws {
        var monitor = PersistBeforeSend(nodes: 1)
        let old = Incarnation(high: 1, low: 1)
        let first = GroupRecovery(
            group: .directory,
            hardState: .initial,
            headers: [header(record(1, 1))]
        )
        try monitor.recovered(0, first, committed: CommittedLog(voters: 3))
        #expect(monitor.holds(record(1, 1), 0, disk: Incarnation(high: 2, low: 2)))
        monitor.wiped(0, incarnation: old)
        #expect(monitor.logs[0] == LogView())
        #expect(monitor.holds(record(1, 1), 0, disk: old))
        #expect(monitor.holds(record(1, 1), 0, disk: nil))
        #expect(!monitor.holds(record(1, 1), 0, disk: Incarnation(high: 2, low: 2)))
        // The old disk is back, and the new one, which has nothing, is out.
        let new = Incarnation(high: 3, low: 3)
        monitor.exchanged(0, incarnation: new)
        #expect(monitor.logs[0].last == LogIndex(1))
        monitor.exchanged(0, incarnation: old)
        #expect(monitor.logs[0] == LogView())
        #expect(monitor.holds(record(1, 1), 0, disk: old))
    }

    // MARK: Recovery

    private func entry(_ index: UInt64, _ term: UInt64) -> Entry {
        Entry.make(
            cluster: ClusterID(high: 1, low: 2),
            group: .directory,
            position: position(index, term),
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: .zero
        )
    }

    /// How many of the unsynced writes came back; nil if what came back is caught.
    private func kept(
        _ found: GroupRecovery,
        unsynced: [JournalWrite] = []
    ) throws(Violation) -> Int? {
        let durable = try monitor.disks[0]
        do throws(Violation) {
            return try Recovery.check(
                NodeID(1),
                durable: durable,
                unsynced: unsynced,
                found: found,
                committed: CommittedLog(voters: 3)
            ).unsyncedWrites
        } catch {
            #expect(error.rule == .recovery)
            return nil
        }
    }

    /// What was durable, then these entries of a longer log, in this term and with this vote.
    private func found(
        _ entries: Entry...,
        durable: [UInt64] = [1, 1],
        term: UInt64 = 3,
        vote: UInt64 = 2
    ) -> GroupRecovery {
        let old = durable.enumerated().map {
            header(record(UInt64($0.offset + 1), $0.element))
        }
        return GroupRecovery(
            group: .directory,
            hardState: HardState(term: Term(term), vote: NodeID(vote)),
            headers: old + entries.map(\.header)
        )
    }

    @Test
    func `what was durable and a beginning of what was written may come back`() throws {
        let writes: [JournalWrite] = [
            .hardState(.directory, HardState(term: Term(4), vote: NodeID(1))),
            .entry(entry(3, 4)), .entry(entry(4, 4)),
        ]
        #expect(try kept(found(), unsynced: writes) == 0)
        #expect(try kept(found(term: 4, vote: 1), unsynced: writes) == 1)
        #expect(try kept(found(entry(3, 4), term: 4, vote: 1), unsynced: writes) == 2)
        let all = found(entry(3, 4), entry(4, 4), term: 4, vote: 1)
        #expect(try kept(all, unsynced: writes) == 3)
    }

    @Test
    func `the middle of what was written without its beginning is caught`() throws {
        let writes: [JournalWrite] = [
            .hardState(.directory, HardState(term: Term(4), vote: NodeID(1))),
            .entry(entry(3, 4)),
        ]
        // The entry came back, its term did not.
        #expect(try kept(found(entry(3, 4)), unsynced: writes) == nil)
    }

    @Test
    func `a lost term, vote or entry is caught`() throws {
        #expect(try kept(found(term: 2)) == nil)
        #expect(try kept(found(vote: 3)) == nil)
        #expect(try kept(found(vote: 0)) == nil)
        #expect(try kept(found(durable: [1])) == nil)
    }

    @Test
    func `what nobody wrote is caught`() throws {
        #expect(try kept(found(entry(3, 3))) == nil)
        #expect(try kept(found(durable: [1, 2])) == nil)
    }

    @Test
    func `a truncation on its way may have taken the end away, and no more`() throws {
        let writes: [JournalWrite] = [
            .truncate(.directory, from: LogIndex(2)), .entry(entry(2, 3)), .entry(entry(3, 3)),
        ]
        #expect(try kept(found(durable: [1]), unsynced: writes) == 1)
        #expect(try kept(found(entry(2, 3), durable: [1]), unsynced: writes) == 2)
        #expect(try kept(found(durable: []), unsynced: writes) == nil)
        // Two histories mixed: the old entry, and the new one that follows its successor.
        #expect(try kept(found(entry(3, 3)), unsynced: writes) == nil)
    }
}
