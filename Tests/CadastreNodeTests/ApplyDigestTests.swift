import CadastreDisk
import CadastreNode
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

/// Digests that operators ask for: at one index on all nodes, while writes go on.
struct ApplyDigestTests {
    private var small: NodeSettings {
        var settings = NodeSettings()
        settings.maximumVerifiedPerTurn = 10
        return settings
    }

    private func key(_ request: UInt64) -> RequestKey {
        RequestKey(connection: 1, request: request)
    }

    private func reports(_ replies: [OutgoingReply]) -> [UInt64: CadastreNode.DigestReport] {
        var found: [UInt64: CadastreNode.DigestReport] = [:]
        for reply in replies {
            guard case .digest(let report) = reply.content else { continue }
            found[reply.key.request] = report
        }
        return found
    }

    /// Or every turn with answers would recompute as much as one without.
    @Test
    func `while queries wait a turn recomputes little`() throws {
        var settings = NodeSettings()
        settings.maximumVerifiedPerTurn = 320
        settings.maximumRowsPerTurn = 1
        var fixture = try ApplyFixture(settings: settings, objects: 100)
        let queries = (0..<20).map { ApplyEvent.query(fixture.list($0), index: .zero) }
        try fixture.attempt([.digest(key(1), atLeast: .zero)] + queries)
        var found: [UInt64: CadastreNode.DigestReport] = [:]
        var answered = fixture.answered.count
        while found.isEmpty {
            fixture.turn(.resume)
            answered += fixture.answered.count
            found = reports(fixture.output.replies)
        }
        // Ten objects a turn beside one list, and a turn for each other table.
        #expect((10...20).contains(answered))
        #expect(found[1]?.kept == found[1]?.computed)
    }

    @Test
    func `nodes that are given many entries at once answer for the index that was asked for`()
        throws
    {
        var indices: Set<LogIndex> = []
        var digests: Set<[UInt8]> = []
        for batch in [1, 3, 50] {
            var fixture = try ApplyFixture(settings: small, objects: 40)
            let index = LogIndex(UInt64(fixture.entries.count) + 20)
            fixture.turn(.digest(key(1), atLeast: index))
            #expect(fixture.output.replies.isEmpty)
            var entries = (0..<60).map { fixture.entry([fixture.put("new \($0)")]) }
            var replies: [OutgoingReply] = []
            while !entries.isEmpty {
                // Writes go on while the rows are read.
                fixture.turn(.resume, .entries(Array(entries.prefix(batch))))
                entries.removeFirst(min(batch, entries.count))
                replies += fixture.output.replies
            }
            fixture.output.replies = []
            let report = try #require(reports(replies + fixture.settle())[1])
            #expect(report.index == index)
            #expect(report.kept == report.computed)
            #expect(report.damage == nil)
            indices.insert(report.index)
            digests.insert(report.kept)
        }
        #expect(indices.count == 1)
        #expect(digests.count == 1)
    }

    @Test
    func `an index that is applied already is answered for where the node is`() throws {
        var fixture = try ApplyFixture(settings: small, objects: 15)
        fixture.turn(.digest(key(1), atLeast: .zero))
        #expect(fixture.output.hasMore, "a slice is read in each turn")
        let report = try #require(reports(fixture.settle())[1])
        #expect(report.index == LogIndex(UInt64(fixture.entries.count)))
        #expect(report.rows > 15)
    }

    @Test
    func `an object that rotted is reported, and the node goes on`() throws {
        var fixture = try ApplyFixture(settings: small, objects: 30)
        let path = "state/state.sqlite"
        let needle = bytes("where its bytes are")
        let put = PutObject(
            bucket: ApplyFixture.bucket(1),
            key: bytes("rotten"),
            size: 1,
            locations: needle
        )
        _ = try fixture.execute(fixture.next(.putObject(put), 1))
        try fixture.stage.close()
        let contents = try #require(fixture.disk.contents(path))
        let place = try #require(contents.indices.first { contents[$0...].starts(with: needle) })
        fixture.disk.flipBit(path, at: place, bit: 0)
        let stage = ApplyStage(
            stateMachine: try StateMachine.open(
                directory: "state",
                on: fixture.disk,
                identity: StateMachineIdentity(
                    cluster: ClusterID(high: 1, low: 2),
                    node: NodeID(1),
                    incarnation: Incarnation(high: 3, low: 4)
                )
            ),
            settings: small
        )
        var output = ApplyOutput()
        var events: [ApplyEvent] = [.digest(key(1), atLeast: .zero)]
        var replies: [OutgoingReply] = []
        repeat {
            output.removeAll()
            try stage.turn(&events, at: Moment(monotonic: 5, wall: 0), into: &output)
            replies += output.replies
        } while output.hasMore
        let report = try #require(reports(replies)[1])
        #expect(report.kept != report.computed)
        #expect(report.damage?.contains("not what was written") == true)
        events = [.entries([fixture.entry([fixture.put("later")])])]
        try stage.turn(&events, at: Moment(monotonic: 6, wall: 0), into: &output)
        #expect(output.report?.through == LogIndex(UInt64(fixture.entries.count)))
    }

    @Test
    func `one whose index does not come is given up, and makes room for another`() throws {
        var fixture = try ApplyFixture()
        let far = LogIndex(1 << 62)
        for request in 0..<20 as Range<UInt64> { fixture.turn(.digest(key(request), atLeast: far)) }
        #expect(fixture.refused(.overloaded) == [19])
        fixture.now += UInt64(ProtocolLimits.maximumDeadlineMilliseconds + 1) * 1_000_000
        fixture.turn(.resume)
        #expect(fixture.refused(.deadlinePassed) == Array(0..<16))
        fixture.turn(.digest(key(30), atLeast: .zero))
        #expect(reports(fixture.settle())[30] != nil)
    }

    @Test
    func `a reading that a lost transaction ends begins anew`() throws {
        var fixture = try ApplyFixture(settings: small, objects: 40)
        fixture.turn(.entries([fixture.entry([fixture.put("a")])]))
        fixture.turn(.digest(key(1), atLeast: .zero))
        #expect(fixture.output.hasMore)
        let told = try #require(fixture.output.report).through
        fixture.disk.fail(.write, nth: 1)
        let lost = try #require(try fixture.stage.idle())
        fixture.turn(.resume)
        #expect(!fixture.output.hasMore)
        fixture.turn(.entries(fixture.again(from: lost)))
        let report = try #require(reports(fixture.settle())[1])
        #expect(report.index == told)
        #expect(report.kept == report.computed)
    }
}
