import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

@testable import CadastreNode

/// Reads before a quorum has confirmed them, and until they are answered.
struct ReadsTests {
    private static let limit: UInt64 = 100

    private func query(_ request: UInt64, deadline: UInt64 = .max) -> WaitingQuery {
        WaitingQuery(
            key: RequestKey(connection: 1, request: request),
            principal: .operator(name: [1]),
            tenant: .none,
            query: .getTenant(name: [1]),
            deadline: deadline
        )
    }

    /// Reads of which so many were granted in a round of 10 and are not answered.
    private func reads(unanswered: UInt64) throws -> Reads {
        var reads = Reads()
        for request in 0..<unanswered { reads.add(query(request), at: 0) }
        let asked = reads.ask(at: 0)
        let id = try #require(asked)
        let granted = reads.granted(id, index: LogIndex(5), at: 10)
        #expect(granted.map(\.isConfirmed) == granted.map { _ in true })
        return reads
    }

    @Test
    func `queries whose deadline is past are given back and leave the others`() {
        var reads = Reads()
        reads.add(query(1, deadline: 10), at: 0)
        reads.add(query(2, deadline: 30), at: 0)
        let request = reads.ask(at: 0)
        #expect(reads.count == 2)
        let expired = reads.takeExpired(at: 20)
        #expect(expired.map(\.key.request) == [1])
        #expect(reads.count == 1)
        let none = reads.takeExpired(at: 20)
        #expect(none.isEmpty)
        let decided = request.map { reads.decided($0) } ?? []
        #expect(decided.map(\.key.request) == [2])
        #expect(reads.count == 0)
    }

    @Test
    func `what arrives is held back until it is as much as is not answered`() throws {
        var reads = try reads(unanswered: 4)
        #expect(!reads.isHeldBack(at: 20, limit: Self.limit), "nothing arrived")
        reads.add(query(10), at: 20)
        reads.add(query(11), at: 21)
        #expect(reads.isHeldBack(at: 22, limit: Self.limit))
        reads.answered(1)
        #expect(reads.isHeldBack(at: 22, limit: Self.limit))
        reads.answered(1)
        #expect(!reads.isHeldBack(at: 22, limit: Self.limit))
        // What was asked is not answered either.
        #expect(reads.ask(at: 22) != nil)
        reads.add(query(12), at: 23)
        reads.add(query(13), at: 23)
        reads.answered(2)
        reads.answered(99)
        #expect(reads.unanswered == 0)
        #expect(!reads.isHeldBack(at: 24, limit: Self.limit))
        #expect(reads.ask(at: 24) != nil)
        reads.add(query(14), at: 25)
        #expect(reads.isHeldBack(at: 25, limit: Self.limit))
    }

    @Test
    func `it is held back no longer than the limit, and only where rounds are quick`() throws {
        var reads = try reads(unanswered: 4)
        reads.add(query(10), at: 50)
        reads.add(query(11), at: 140)
        #expect(reads.isHeldBack(at: 149, limit: Self.limit))
        #expect(!reads.isHeldBack(at: 150, limit: Self.limit))
        #expect(!reads.isHeldBack(at: 149, limit: 10), "a round took as long")
        #expect(!reads.isHeldBack(at: 149, limit: 0))
        // A clock that went back lets it wait no longer than one that stands.
        #expect(reads.isHeldBack(at: 40, limit: Self.limit))
    }

    /// A round costs the only voter nothing.
    @Test
    func `who is alone holds back nothing`() throws {
        var reads = Reads()
        for request: UInt64 in 0..<4 { reads.add(query(request), at: 5) }
        let asked = reads.ask(at: 5)
        #expect(reads.granted(try #require(asked), index: LogIndex(5), at: 5).count == 4)
        reads.add(query(9), at: 6)
        #expect(!reads.isHeldBack(at: 6, limit: Self.limit))
    }

    @Test
    func `without a round before nothing is held back`() {
        var reads = Reads()
        reads.add(query(1), at: 0)
        #expect(reads.ask(at: 0) != nil)
        reads.add(query(2), at: 1)
        reads.add(query(3), at: 1)
        #expect(reads.ask(at: 1) != nil)
        reads.add(query(4), at: 2)
        #expect(!reads.isHeldBack(at: 2, limit: Self.limit))
    }

    /// Whatever becomes of a read that a quorum has confirmed, it is reported once.
    @Test
    func `confirmed reads are counted as they leave the apply stage, others are not`() throws {
        var settings = NodeSettings()
        settings.maximumRowsPerTurn = 1
        settings.maximumWaitingQueries = 4
        var fixture = try ApplyFixture(settings: settings)
        func confirmed(
            _ request: UInt64,
            connection: UInt64 = 1,
            deadline: UInt64 = .max
        ) -> WaitingQuery {
            var query = fixture.list(request, connection: connection, deadline: deadline)
            query.isConfirmed = true
            return query
        }
        let far = LogIndex(1 << 40)
        fixture.turn(
            .query(confirmed(1), index: .zero),
            .query(fixture.list(2), index: .zero),
            .query(confirmed(3), index: .zero)
        )
        #expect(fixture.output.report?.answeredReads == 1)
        fixture.turn(.resume)
        #expect(fixture.output.report?.answeredReads == 0)
        fixture.turn(.resume)
        #expect(fixture.output.report?.answeredReads == 1)
        // Those whose index never comes: too many, too late, and of a connection that is closed.
        let late = fixture.now + 100_000_000
        fixture.turn(
            .query(confirmed(4, deadline: late), index: far),
            .query(confirmed(5, connection: 9), index: far),
            .query(confirmed(6), index: far)
        )
        #expect(fixture.refused(.overloaded) == [6])
        #expect(fixture.output.report?.answeredReads == 1)
        fixture.now += 200_000_000
        fixture.turn(.forget(connection: 9))
        #expect(fixture.output.report?.answeredReads == 2)
        #expect(fixture.refused(.deadlinePassed).sorted() == [4, 5])
    }
}
