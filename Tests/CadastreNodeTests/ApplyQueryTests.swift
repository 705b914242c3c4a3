import CadastreDisk
import CadastreNode
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

/// Queries before the apply stage: a bounded piece of work a turn, and a fair one.
struct ApplyQueryTests {
    private func settings(rows: UInt64 = 32_768, waiting: Int = 16_384) -> NodeSettings {
        var settings = NodeSettings()
        settings.maximumRowsPerTurn = rows
        settings.maximumWaitingQueries = waiting
        return settings
    }

    @Test
    func `a turn answers so much and no more, and the next entries come before the rest`() throws {
        var fixture = try ApplyFixture(settings: settings(rows: 250), objects: 100)
        for request in 0..<10 {
            fixture.turn(.query(fixture.list(UInt64(request)), index: .zero))
        }
        var events = (10..<40).map { ApplyEvent.query(fixture.list($0), index: .zero) }
        try fixture.attempt(events)
        #expect(fixture.answered.count == 3, "a list of 100 is some 110 rows")
        #expect(fixture.output.hasMore)
        let before = try #require(fixture.output.report).through
        events = [.resume, .entries([fixture.entry([fixture.put("new")])])]
        try fixture.attempt(events)
        #expect(fixture.output.report?.through == before.next)
        #expect(fixture.answered.count == 3)
        let replies = fixture.settle()
        #expect(replies.count == 30 - 3)
        #expect(!fixture.output.hasMore)
    }

    @Test
    func `a turn's answers are bounded in bytes as well`() throws {
        var settings = settings()
        settings.maximumAnswersPerTurn = 1_000
        var fixture = try ApplyFixture(settings: settings, objects: 40)
        try fixture.attempt((0..<5).map { ApplyEvent.query(fixture.list($0), index: .zero) })
        #expect(fixture.answered.count < 5 && !fixture.answered.isEmpty)
        #expect(fixture.output.hasMore)
        #expect(fixture.settle().count == 5)
    }

    @Test
    func `tenants take turns`() throws {
        var fixture = try ApplyFixture(settings: settings(rows: 300), tenants: 3, objects: 40)
        var events: [ApplyEvent] = []
        for tenant in [1, 1, 1, 1, 1, 1, 1, 1, 2, 3] as [UInt64] {
            events.append(
                .query(fixture.list(UInt64(events.count), tenant: tenant), index: .zero)
            )
        }
        try fixture.attempt(events)
        #expect(fixture.answered.prefix(4) == [0, 8, 9, 1])
    }

    @Test
    func `queries for an index that does not come leave the others their places`() throws {
        var fixture = try ApplyFixture(settings: settings(waiting: 100), tenants: 2)
        let far = LogIndex(1 << 62)
        try fixture.attempt(
            (0..<200).map { ApplyEvent.query(fixture.list($0), index: far) }
        )
        // A tenant alone gets half; half of the rest is left to the next, and so on.
        #expect(fixture.refused(.overloaded).count == 150)
        let next = try #require(fixture.output.report).through.next
        fixture.turn(
            .query(fixture.list(1_000), index: .zero),
            .query(fixture.list(1_001, tenant: 2), index: next),
            .query(fixture.list(1_002, tenant: 1), index: next)
        )
        #expect(fixture.answered == [1_000], "what can be answered needs no place")
        #expect(fixture.refused(.overloaded) == [1_002])
        fixture.turn(.entries([fixture.entry([fixture.put("a")])]))
        #expect(fixture.answered == [1_001])
    }

    @Test
    func `what can be answered in the turn is not refused for want of places`() throws {
        var fixture = try ApplyFixture(settings: settings(waiting: 10), objects: 1)
        try fixture.attempt((0..<50).map { ApplyEvent.query(fixture.list($0), index: .zero) })
        #expect(fixture.answered.count == 50)
    }

    @Test
    func `what is too much is refused, each tenant's newest`() throws {
        var fixture = try ApplyFixture(settings: settings(rows: 1, waiting: 10), tenants: 2)
        var events: [ApplyEvent] = (0..<50).map { .query(fixture.list($0), index: .zero) }
        events += (50..<53).map { .query(fixture.list($0, tenant: 2), index: .zero) }
        try fixture.attempt(events)
        #expect(fixture.answered == [0])
        #expect(fixture.refused(.overloaded) == Array(6..<50))
        #expect(fixture.settle().count == 1 + 44 + 5 + 3)
    }

    @Test
    func `they are answered as their indices are applied, the earliest first`() throws {
        var fixture = try ApplyFixture()
        let start = UInt64(fixture.entries.count)
        var generator = SplitMix64(seed: 1)
        for request in (1...40).shuffled(using: &generator) as [UInt64] {
            fixture.turn(.query(fixture.list(request), index: LogIndex(start + request)))
            #expect(fixture.output.replies.isEmpty)
        }
        for request in 1...40 as ClosedRange<UInt64> {
            fixture.turn(.entries([fixture.entry([])]))
            #expect(fixture.answered == [request])
        }
    }

    @Test
    func `past their deadline they are refused, waiting or ready`() throws {
        var fixture = try ApplyFixture(settings: settings(rows: 1))
        let far = LogIndex(1 << 40)
        let soon = fixture.now + 30_000_000
        fixture.turn(
            .query(fixture.list(1, deadline: soon), index: far),
            .query(fixture.list(2), index: far),
            .query(fixture.list(3), index: .zero),
            .query(fixture.list(4, deadline: soon), index: .zero)
        )
        #expect(fixture.answered == [3])
        fixture.now += 100_000_000
        fixture.turn(.resume)
        #expect(fixture.refused(.deadlinePassed).sorted() == [1, 4])
        #expect(fixture.answered.isEmpty)
        #expect(fixture.output.isWaiting, "one waits still, and nothing comes that would wake it")
    }

    @Test
    func `those of a closed connection are let go of, and the host is told`() throws {
        var fixture = try ApplyFixture(settings: settings(rows: 1))
        let next = LogIndex(UInt64(fixture.entries.count) + 1)
        fixture.turn(
            .query(fixture.list(1, connection: 5), index: next),
            .query(fixture.list(2, connection: 6), index: next),
            .query(fixture.list(3, connection: 6), index: .zero),
            .query(fixture.list(4, connection: 5), index: .zero),
            .query(fixture.list(5, connection: 6), index: .zero),
            .digest(RequestKey(connection: 5, request: 6), atLeast: next)
        )
        #expect(fixture.answered == [3])
        fixture.turn(.forget(connection: 5), .entries([fixture.entry([])]))
        #expect(fixture.refused(.deadlinePassed).sorted() == [1, 4, 6])
        let rest = fixture.settle().map(\.key.request).filter { ![1, 4, 6].contains($0) }
        #expect(rest.sorted() == [2, 5])
    }
}
