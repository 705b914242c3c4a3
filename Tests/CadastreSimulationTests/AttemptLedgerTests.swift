import CadastreNode
import CadastreProtocol
import CadastreSimulation
import RaftCore
import Testing

/// The ledger of attempts catches what it is for.
struct AttemptLedgerTests {
    private let home = AttemptLedger.Life(place: 0, number: 1)
    private let one: [UInt8] = [1]

    /// Two attempts at one command arrived at node 1, and one of them is in a block at 5@2.
    private var ledger: AttemptLedger {
        get throws(Violation) {
            var ledger = AttemptLedger(nodes: 3)
            try ledger.arrives(10, .command(one), at: home)
            try ledger.arrives(11, .command(one), at: home)
            try ledger.proposes([nil, one], at: position(5, 2), in: 0)
            return ledger
        }
    }

    private func answer(
        _ ledger: inout AttemptLedger,
        _ number: UInt64,
        _ content: CadastreNode.ReplyContent,
        at index: UInt64 = 0,
        from life: AttemptLedger.Life? = nil,
        committed: LogPosition? = nil
    ) -> Violation.Rule? {
        let reply = OutgoingReply(
            key: RequestKey(connection: 1, request: number),
            appliedIndex: LogIndex(index),
            content: content
        )
        return caught { () throws(Violation) in
            _ = try ledger.answers(reply, from: life ?? home) { index in
                committed.flatMap { $0.index <= index ? $0 : nil }
            }
        }
    }

    private let refused = CadastreNode.ReplyContent.refused(.notLeader, leader: .none)
    private let done = CadastreNode.ReplyContent.command(.done())

    @Test
    func `an honest history passes`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 10, done, at: 5, committed: position(5, 2)) == nil)
        #expect(answer(&ledger, 11, refused) == nil)
        #expect(ledger.answered == 2 && ledger.floor == LogIndex(5))
        #expect(ledger.oldestOpen == nil)
    }

    @Test
    func `the attempt that came first is the one in the block`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 11, done, at: 5, committed: position(5, 2)) == .acknowledgedWrites)
    }

    @Test
    func `an attempt that was refused in the turn of a block is not in it`() throws {
        var ledger = AttemptLedger(nodes: 1)
        try ledger.arrives(10, .command(one), at: home)
        try ledger.arrives(11, .command(one), at: home)
        ledger.withdraws(10)
        try ledger.proposes([one], at: position(5, 2), in: 0)
        #expect(answer(&ledger, 10, refused) == nil)
        #expect(answer(&ledger, 11, done, at: 5, committed: position(5, 2)) == nil)
    }

    @Test
    func `a reply before the commit, or of another entry's index, is caught`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 10, done, at: 5) == .acknowledgedWrites)
        ledger = try self.ledger
        #expect(answer(&ledger, 10, done, at: 5, committed: position(5, 3)) == .acknowledgedWrites)
        ledger = try self.ledger
        #expect(answer(&ledger, 10, done, at: 6, committed: position(5, 2)) == .acknowledgedWrites)
    }

    @Test
    func `a second answer is caught, and one from somebody else`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 11, refused) == nil)
        #expect(answer(&ledger, 11, refused) == .acknowledgedWrites)
        let other = AttemptLedger.Life(place: 0, number: 2)
        #expect(answer(&ledger, 10, refused, from: other) == .acknowledgedWrites)
        #expect(answer(&ledger, 99, refused) == .acknowledgedWrites)
    }

    @Test
    func `a refusal of what is in a block is caught until another entry is committed`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 10, refused) == .acknowledgedWrites)
        ledger = try self.ledger
        #expect(answer(&ledger, 10, refused, committed: position(5, 2)) == .acknowledgedWrites)
        ledger = try self.ledger
        #expect(answer(&ledger, 10, refused, committed: position(5, 3)) == nil)
        ledger = try self.ledger
        #expect(answer(&ledger, 10, refused, committed: position(4, 2)) == .acknowledgedWrites)
        ledger = try self.ledger
        #expect(answer(&ledger, 10, refused, committed: position(4, 3)) == nil)
    }

    @Test
    func `a command that stands in the log more often than it came is caught`() throws {
        var ledger = try ledger
        try ledger.proposes([one], at: position(6, 2), in: 0)
        let third = caught { () throws(Violation) in
            try ledger.proposes([one], at: position(7, 2), in: 0)
        }
        #expect(third == .acknowledgedWrites)
        let elsewhere = caught { () throws(Violation) in
            try ledger.proposes([one], at: position(7, 3), in: 1)
        }
        #expect(elsewhere == .acknowledgedWrites)
    }

    @Test
    func `a block that nobody proposed is caught`() throws {
        let ledger = try ledger
        #expect(caught { () throws(Violation) in try ledger.commits(2, at: position(5, 2)) } == nil)
        let larger = caught { () throws(Violation) in try ledger.commits(3, at: position(5, 2)) }
        #expect(larger == .acknowledgedWrites)
        let unknown = caught { () throws(Violation) in try ledger.commits(1, at: position(5, 4)) }
        #expect(unknown == .acknowledgedWrites)
    }

    @Test
    func `a stale read is caught`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 10, done, at: 5, committed: position(5, 2)) == nil)
        try ledger.arrives(20, .query, at: home)
        try ledger.arrives(21, .query, at: home)
        try ledger.arrives(22, .query, at: home)
        #expect(answer(&ledger, 20, .answer([]), at: 4) == .linearizability)
        #expect(
            answer(&ledger, 21, .refused(.noSuchObject, leader: .none), at: 4) == .linearizability
        )
        #expect(answer(&ledger, 22, .answer([]), at: 5) == nil)
    }

    @Test
    func `an effect before the request came is caught`() throws {
        var ledger = try ledger
        #expect(answer(&ledger, 10, done, at: 5, committed: position(5, 2)) == nil)
        try ledger.arrives(12, .command([2]), at: home)
        try ledger.proposes([[2]], at: position(5, 7), in: 0)
        let early = caught { () throws(Violation) in try ledger.commits(1, at: position(5, 7)) }
        #expect(early == .linearizability)
    }

    @Test
    func `what waits in no block is overdue, and only in its own life`() throws {
        var ledger = try ledger
        #expect(!ledger.isOverdue(10, at: home))
        #expect(ledger.isOverdue(11, at: home))
        #expect(!ledger.isOverdue(11, at: AttemptLedger.Life(place: 0, number: 2)))
        #expect(ledger.oldestOpen == 10)
        ledger.ended(0)
        #expect(ledger.oldestOpen == nil)
    }
}
