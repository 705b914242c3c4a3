import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// Which turns of the apply stage are short, and what they leave behind.
@Suite
struct ShortTurnTests {
    private func decoded(
        _ commands: [CommandEnvelope],
        _ fixture: inout ApplyFixture
    ) -> CommittedEntry {
        var entry = fixture.entry(commands)
        entry.commands = commands
        return entry
    }

    private func query(_ query: Query, index: LogIndex = .zero) -> ApplyEvent {
        .query(
            WaitingQuery(
                key: RequestKey(connection: 1, request: 1),
                principal: ApplyFixture.owner(1),
                tenant: TenantID(1),
                query: query,
                deadline: .max
            ),
            index: index
        )
    }

    private let read = Query.getObject(bucket: ApplyFixture.bucket(1), key: [1])

    @Test
    func `one decoded entry and point reads are short, up to 64 operations together`() throws {
        var fixture = try ApplyFixture()
        let read = query(read)
        let puts = (0..<60).map { fixture.put("\($0)") }
        let entry = decoded(puts, &fixture)
        #expect(fixture.stage.isShort([.entries([entry])]))
        #expect(fixture.stage.isShort([.entries([entry])] + Array(repeating: read, count: 4)))
        #expect(!fixture.stage.isShort([.entries([entry])] + Array(repeating: read, count: 5)))
        #expect(!fixture.stage.isShort(Array(repeating: read, count: 65)))
        #expect(fixture.stage.isShort([]))
    }

    @Test
    func `an entry that is not decoded, two of them, lists, and all that is rare are not`() throws {
        var fixture = try ApplyFixture()
        let first = decoded([fixture.put("a")], &fixture)
        let second = decoded([fixture.put("b")], &fixture)
        var unread = second
        unread.commands = nil
        #expect(!fixture.stage.isShort([.entries([unread])]))
        #expect(!fixture.stage.isShort([.entries([first, second])]))
        #expect(!fixture.stage.isShort([.entries([first]), .entries([second])]))
        let list = ObjectListing(bucket: ApplyFixture.bucket(1), maximum: 1)
        #expect(!fixture.stage.isShort([query(.listObjects(list))]))
        for event: ApplyEvent in [
            .resume, .beginImage, .endImage, .forget(connection: 1),
            .digest(RequestKey(connection: 1, request: 1), atLeast: .zero),
        ] {
            #expect(!fixture.stage.isShort([event]))
        }
    }

    @Test
    func `a batch counts as what it does`() throws {
        var fixture = try ApplyFixture()
        func batch(_ count: Int) -> [ApplyEvent] {
            let operations = (0..<count).map {
                Batch.Operation.put(
                    PutObject(bucket: ApplyFixture.bucket(1), key: [UInt8($0)], size: 1)
                )
            }
            let command = fixture.next(.batch(Batch(operations)), 1)
            return [.entries([decoded([command], &fixture)])]
        }
        let (whole, large) = (batch(64), batch(65))
        #expect(fixture.stage.isShort(whole))
        #expect(!fixture.stage.isShort(large))
    }

    @Test
    func `a turn must be followed up where it owes storing, and only there`() throws {
        var lazy = try ApplyFixture()
        try lazy.begin([.entries([lazy.entry([lazy.put("a")])])])
        #expect(!lazy.stage.mustFollowUp)

        var settings = NodeSettings()
        settings.stateMachine.maximumDirtyRows = 1
        var eager = try ApplyFixture(settings: settings)
        #expect(!eager.stage.mustFollowUp)
        try eager.begin([.entries([eager.entry([eager.put("a")])])])
        #expect(eager.stage.mustFollowUp)
        #expect(!eager.stage.isShort([query(read)]))
        try eager.followUp()
        #expect(!eager.stage.mustFollowUp)
        #expect(eager.stage.isShort([query(read)]))
    }

    @Test
    func `what an entry may make ready keeps its turn from being short`() throws {
        let read = query(read)
        let far = LogIndex(1_000)
        for event: ApplyEvent in [
            query(self.read, index: far),
            .digest(RequestKey(connection: 1, request: 2), atLeast: far),
        ] {
            var fixture = try ApplyFixture()
            #expect(fixture.stage.isShort([read]))
            fixture.turn(event)
            #expect(!fixture.stage.isShort([read]))
        }
    }

    @Test
    func `what is written at once, and what is large, is not short`() throws {
        var fixture = try ApplyFixture()
        let bucket = CreateBucket(name: bytes("another-bucket"))
        let creation = decoded([fixture.next(.createBucket(bucket), 1)], &fixture)
        #expect(!fixture.stage.isShort([.entries([creation])]))
        let puts = (10..<74).map { fixture.put("\($0)" + String(repeating: "a", count: 1_020)) }
        let large = decoded(puts, &fixture)
        #expect(large.entry.rawSize > 65_536)
        #expect(!fixture.stage.isShort([.entries([large])]))
    }

    /// It may close sessions, which would first store all the rest.
    @Test
    func `a tick is short, but not while a transaction is being stored`() throws {
        var settings = NodeSettings()
        settings.stateMachine.maximumDirtyRows = 32
        var fixture = try ApplyFixture(settings: settings)
        let tick = CommandEnvelope(
            principal: .node(1),
            tenant: .none,
            identity: .none,
            command: .tick(Tick(samples: []))
        )
        let block = decoded([tick, fixture.put("a")], &fixture)
        #expect(fixture.stage.isShort([.entries([block])]))
        fixture.turn(.entries([block]))
        for number in 0..<40 where !fixture.stage.stateMachine.isStoring {
            fixture.turn(.entries([fixture.entry([fixture.put("\(number)")])]))
        }
        #expect(fixture.stage.stateMachine.isStoring && !fixture.stage.mustFollowUp)
        let puts = decoded([fixture.put("b")], &fixture)
        #expect(fixture.stage.isShort([.entries([puts])]))
        let next = decoded([tick, fixture.put("c")], &fixture)
        #expect(!fixture.stage.isShort([.entries([next])]))
    }
}
