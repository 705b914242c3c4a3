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
        var monitor = PersistBeforeSend(nodes: 3)
        monitor.recovered(0, recovery(1, 1, term: 3, vote: 2))
        return monitor
    }

    private func sends(
        _ body: MessageBody,
        term: UInt64,
        to: UInt64 = 2,
        leaderLog: LogView? = nil
    ) -> Violation.Rule? {
        let monitor = monitor
        return caught { () throws(Violation) in
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
    func `a refusal and a pre-vote promise nothing`() {
        let refusal = RequestVoteReply(purpose: .election, isGranted: false)
        let preVote = RequestVoteReply(purpose: .preVote, isGranted: true)
        #expect(sends(.requestVoteReply(refusal), term: 9) == nil)
        #expect(sends(.requestVoteReply(preVote), term: 9) == nil)
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
    }

    private func recovered(
        _ found: GroupRecovery,
        written: [LogView.Record] = [],
        truncatedFrom: UInt64? = nil
    ) -> Violation.Rule? {
        let durable = monitor.disks[0]
        return caught { () throws(Violation) in
            try Recovery.check(
                NodeID(1),
                durable: durable,
                written: Set(written),
                truncatedFrom: truncatedFrom.map { LogIndex($0) },
                found: found
            )
        }
    }

    @Test
    func `what was durable and more of what was written may come back`() {
        #expect(recovered(recovery(1, 1, term: 3, vote: 2)) == nil)
        #expect(recovered(recovery(1, 1, 3, term: 3, vote: 2), written: [record(3, 3)]) == nil)
        #expect(recovered(recovery(1, 1, term: 4)) == nil)
    }

    @Test
    func `a lost term, vote or entry is caught`() {
        #expect(recovered(recovery(1, 1, term: 2, vote: 2)) == .recovery)
        #expect(recovered(recovery(1, 1, term: 3, vote: 3)) == .recovery)
        #expect(recovered(recovery(1, 1, term: 3)) == .recovery)
        #expect(recovered(recovery(1, term: 3, vote: 2)) == .recovery)
    }

    @Test
    func `what nobody wrote is caught`() {
        #expect(recovered(recovery(1, 1, 3, term: 3, vote: 2)) == .recovery)
        #expect(recovered(recovery(1, 2, term: 3, vote: 2)) == .recovery)
    }

    @Test
    func `a truncation on its way may have taken the end away, and no more`() {
        #expect(recovered(recovery(1, term: 3, vote: 2), truncatedFrom: 2) == nil)
        let replaced = recovery(1, 3, term: 3, vote: 2)
        #expect(recovered(replaced, written: [record(2, 3)], truncatedFrom: 2) == nil)
        #expect(recovered(replaced, written: [record(2, 3)]) == .recovery)
        let lost = GroupRecovery(
            group: .directory,
            hardState: HardState(term: Term(3), vote: NodeID(2)),
            headers: []
        )
        #expect(recovered(lost, truncatedFrom: 2) == .recovery)
    }
}
