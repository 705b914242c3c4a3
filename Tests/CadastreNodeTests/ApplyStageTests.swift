import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// Entries and what becomes of them when the disk fails.
struct ApplyStageTests {
    /// Committed at every entry, checkpointed at every commit.
    private var eager: NodeSettings {
        var settings = NodeSettings()
        settings.stateMachine.maximumDirtyRows = 1
        settings.stateMachine.checkpointSizeBytes = 1
        return settings
    }

    private func key(_ request: UInt64) -> RequestKey {
        RequestKey(connection: 1, request: request)
    }

    /// Whichever write fails: that of the log, and the COMMIT is lost; or that of the checkpoint
    /// behind it, and the entry is in.
    @Test
    func `every command is answered once, whether COMMIT or checkpoint fails`() throws {
        var kept = 0
        var lost = 0
        for nth in 1...12 {
            var fixture = try ApplyFixture(settings: eager)
            let first = fixture.entry([fixture.put("a")], keys: [key(1)])
            let second = fixture.entry([fixture.put("b")], keys: [key(2)])
            fixture.disk.fail(.write, nth: nth)
            fixture.turn(.entries([first, second]))
            var replies = fixture.output.replies
            if let from = fixture.output.report?.reapplyFrom {
                if from == first.entry.header.index { lost += 1 }
                if from == second.entry.header.index { kept += 1 }
                // They come again without keys, which the stage has kept.
                fixture.turn(.entries(fixture.again(from: from)))
                replies += fixture.output.replies
            }
            #expect(replies.map(\.key.request) == [1, 2], "write \(nth)")
            for reply in replies {
                guard case .command(let outcome) = reply.content else {
                    Issue.record("\(reply.content)")
                    continue
                }
                #expect(outcome.refusal == nil)
            }
        }
        #expect(lost > 0 && kept > 0)
    }

    /// A COMMIT and a checkpoint take long, and nobody should wait for them.
    @Test
    func `replies are put out before anything is stored`() throws {
        var fixture = try ApplyFixture(settings: eager)
        let before = fixture.stage.statistics
        try fixture.begin([.entries([fixture.entry([fixture.put("a")], keys: [key(1)])])])
        #expect(fixture.output.replies.map(\.key.request) == [1])
        #expect(fixture.stage.statistics.commits == before.commits)
        // The next entry stores what the one before owes, whether the host asks for it or not.
        try fixture.begin([.entries([fixture.entry([fixture.put("b")], keys: [key(2)])])])
        #expect(fixture.stage.statistics.commits == before.commits + 1)
        let durable = fixture.stage.durablyApplied
        var later = ApplyOutput()
        let moment = Moment(monotonic: fixture.now, wall: 0)
        try fixture.stage.followUp(at: moment, into: &later)
        #expect(fixture.stage.statistics.commits == before.commits + 2)
        #expect(later.replies.isEmpty)
        #expect(fixture.stage.durablyApplied > durable)
        #expect(later.report?.durablyApplied == fixture.stage.durablyApplied)
        // Once.
        later.removeAll()
        try fixture.stage.followUp(at: moment, into: &later)
        #expect(later.report == nil)
    }

    @Test
    func `a transaction that is lost behind the replies is reported`() throws {
        var fixture = try ApplyFixture(settings: eager)
        let entry = fixture.entry([fixture.put("a")], keys: [key(1)])
        fixture.disk.fail(.write, nth: 1)
        try fixture.begin([.entries([entry])])
        #expect(fixture.output.replies.count == 1)
        #expect(fixture.output.report?.reapplyFrom == nil)
        try fixture.followUp()
        #expect(fixture.output.report?.reapplyFrom == entry.entry.header.index)
        try fixture.attempt([.entries(fixture.again(from: entry.entry.header.index))])
        #expect(fixture.output.replies.isEmpty, "it was answered before")
        #expect(fixture.output.report?.through == entry.entry.header.index)
    }

    @Test
    func `entries of one turn share a transaction`() throws {
        var fixture = try ApplyFixture()
        let commits = fixture.stage.statistics.commits
        fixture.turn(.entries((0..<50).map { fixture.entry([fixture.put("\($0)")]) }))
        #expect(fixture.stage.statistics.commits == commits)
        #expect(try fixture.stage.idle() == nil)
        #expect(fixture.stage.statistics.commits == commits + 1)
    }

    /// A transaction lost after its replies went out: nobody sees the state of before.
    @Test
    func `after a lost transaction nothing older than what was told is read or published`() throws {
        var fixture = try ApplyFixture()
        let access = fixture.entry([
            CommandEnvelope(
                principal: .operator(name: bytes("root")),
                tenant: .none,
                identity: .none,
                command: .openSession(OpenSession(slots: 1))
            )
        ])
        fixture.turn(.entries([access, fixture.entry([fixture.put("a")], keys: [key(1)])]))
        #expect(fixture.output.replies.count == 1)
        let told = try #require(fixture.output.report?.through)
        fixture.disk.fail(.write, nth: 1)
        let lost = try #require(try fixture.stage.idle())
        #expect(lost <= told)
        // A read at any index, and one at an index that was told.
        fixture.turn(
            .query(fixture.list(2), index: .zero),
            .query(fixture.list(3), index: told)
        )
        #expect(fixture.output.replies.isEmpty)
        #expect(fixture.output.access == nil)
        #expect(!fixture.output.hasMore)
        #expect(try #require(fixture.output.report).through < told)
        let again = fixture.again(from: lost)
        fixture.turn(.entries(Array(again.dropLast())))
        #expect(fixture.output.replies.isEmpty)
        #expect(fixture.output.access == nil)
        fixture.turn(.entries(Array(again.suffix(1))))
        #expect(fixture.answered.sorted() == [2, 3])
        #expect(fixture.output.access != nil)
        for reply in fixture.output.replies { #expect(reply.appliedIndex >= told) }
    }

    @Test
    func `a full disk is told until something was committed`() throws {
        var fixture = try ApplyFixture()
        fixture.disk.capacity = fixture.disk.usedBytes
        let entries = (0..<500).map { fixture.entry([fixture.put("\($0)")]) }
        fixture.turn(.entries(entries))
        #expect(fixture.output.report?.isDiskFull == false)
        let lost = try #require(try fixture.stage.idle())
        fixture.turn()
        #expect(fixture.output.report?.isDiskFull == true)
        fixture.turn(.entries(Array(fixture.again(from: lost).prefix(5))))
        #expect(fixture.output.report?.isDiskFull == true, "applying proves nothing")
        fixture.disk.capacity = nil
        #expect(try fixture.stage.idle() == nil)
        fixture.turn()
        #expect(fixture.output.report?.isDiskFull == false)
    }

    @Test
    func `digests at marked indices are reported, each once, and the same when applied again`()
        throws
    {
        var settings = NodeSettings()
        settings.digestInterval = 8
        var fixture = try ApplyFixture(settings: settings)
        let next = UInt64(fixture.entries.count) + 1
        let entries = (0..<40).map { fixture.entry([fixture.put("\($0)")]) }
        fixture.turn(.entries(entries))
        let marks = try #require(fixture.output.report).marks
        #expect(
            marks.map(\.index.value) == (next..<next + 40).filter { $0.isMultiple(of: 8) }
        )
        #expect(Set(marks.map(\.digest)).count == 5)
        fixture.turn(.resume)
        #expect(fixture.output.report?.marks == [])
        fixture.disk.fail(.write, nth: 1)
        let lost = try #require(try fixture.stage.idle())
        fixture.turn(.entries(fixture.again(from: lost)))
        let again = try #require(fixture.output.report).marks
        #expect(again.suffix(5) == marks[...])
    }

    // MARK: The leader's marks

    private func tick(
        _ index: LogIndex,
        _ digest: StateDigest,
        by principal: Principal = .node(1)
    )
        -> CommandEnvelope
    {
        CommandEnvelope(
            principal: principal,
            tenant: .none,
            identity: .none,
            command: .tick(
                Tick(
                    samples: [ClockSample(node: 1, wallMilliseconds: 1_790_000_000_000)],
                    mark: TickMark(
                        index: index.value,
                        digestHigh: digest.high,
                        digestLow: digest.low
                    )
                )
            )
        )
    }

    /// A stage that has applied some entries, and its marks.
    private func marked(
        _ count: Int,
        every interval: UInt64 = 8
    ) throws -> (ApplyFixture, [DigestMark]) {
        var settings = NodeSettings()
        settings.digestInterval = interval
        var fixture = try ApplyFixture(settings: settings)
        let entries = (0..<count).map { fixture.entry([fixture.put("\($0)")]) }
        fixture.turn(.entries(entries))
        return (fixture, try #require(fixture.output.report).marks)
    }

    /// What is said of two marked entries, with the moments at which the fixture's leader made them.
    private func diverged(_ first: LogIndex, lastEqual: LogIndex?) -> StateMachineError {
        func moment(_ index: LogIndex) -> Divergence.Moment {
            Divergence.Moment(index: index, milliseconds: ApplyFixture.moment(of: index))
        }
        return .diverged(Divergence(first: moment(first), lastEqual: lastEqual.map(moment)))
    }

    @Test
    func `a leader's mark that is equal goes by, one that differs stops the node`() throws {
        var (fixture, marks) = try marked(40)
        var other = marks[3]
        other.digest += StateDigest(high: 1, low: 0)
        fixture.turn(.entries([fixture.entry([tick(marks[2].index, marks[2].digest)])]))
        fixture.turn(.entries([fixture.entry([tick(marks[1].index, marks[1].digest)])]))
        let entry = fixture.entry(
            [tick(other.index, other.digest), fixture.put("late")],
            keys: [nil, RequestKey(connection: 1, request: 1)]
        )
        #expect(throws: diverged(other.index, lastEqual: marks[2].index)) {
            try fixture.attempt([.entries([entry])])
        }
        #expect(fixture.output.replies.isEmpty)
    }

    @Test
    func `what cannot be kept leaves a mark for the next start`() throws {
        var (fixture, marks) = try marked(40)
        let file = StateMarkFile(directory: "state", disk: fixture.disk)
        fixture.turn(.entries([fixture.entry([tick(marks[0].index, marks[0].digest)])]))
        #expect(try file.read() == nil)
        let entry = fixture.entry([tick(marks[1].index, .zero)])
        #expect(throws: diverged(marks[1].index, lastEqual: marks[0].index)) {
            try fixture.attempt([.entries([entry])])
        }
        let mark = try #require(try file.read())
        #expect(mark.stage == .open)
        #expect(mark.firstDifferent == marks[1].index && mark.lastEqual == marks[0].index)

        let (other, _) = try marked(1)
        let page = StateMachineError.damaged("page 3")
        #expect(throws: page) {
            try other.stage.leavingMark { () throws(StateMachineError) in throw page }
        }
        let words = try StateMarkFile(directory: "state", disk: other.disk).read()?.words
        #expect(words?.contains("page 3") == true)
    }

    @Test
    func `a divergence is settled where a rebuilt state is found equal, and not before`() throws {
        var (fixture, marks) = try marked(40)
        let file = StateMarkFile(directory: "state", disk: fixture.disk)
        var rebuilt = StateMark(stage: .rebuilt, words: "")
        rebuilt.firstDifferent = marks[1].index
        try file.write(rebuilt)
        fixture.stage.stateMark = rebuilt
        fixture.turn(.entries([fixture.entry([tick(marks[0].index, marks[0].digest)])]))
        #expect(try file.read() == rebuilt)
        fixture.turn(.entries([fixture.entry([tick(marks[1].index, marks[1].digest)])]))
        #expect(try file.read() == nil)
        #expect(fixture.stage.stateMark == nil)
    }

    @Test
    func `the first mark that differs says that nothing was compared before`() throws {
        var (fixture, marks) = try marked(40)
        let entry = fixture.entry([tick(marks[0].index, .zero)])
        let expected = diverged(marks[0].index, lastEqual: nil)
        #expect(throws: expected) { try fixture.attempt([.entries([entry])]) }
        let error = NodeError(expected)
        #expect(error.exitCode == .diverged && error.exitCode.rawValue == 76)
        #expect(error.description.contains("entry \(marks[0].index)"))
        #expect(error.description.contains("cadastre verify"))
        let later = diverged(marks[1].index, lastEqual: marks[0].index)
        #expect(later.advice.contains("was equal at entry \(marks[0].index) of 2026-09-21T"))
    }

    @Test
    func `a mark of an entry that is not remembered, or that no node made, is not compared`()
        throws
    {
        var (fixture, marks) = try marked(100, every: 1)
        let client = tick(
            marks[99].index,
            .zero,
            by: .tenant(tenant: bytes("t1"), name: bytes("owner"))
        )
        let entries = [
            // 64 are kept: the fixture's own entries and the first of these are forgotten.
            fixture.entry([tick(marks[35].index, .zero)]),
            fixture.entry([tick(LogIndex(1), .zero)]),
            fixture.entry([tick(LogIndex(1 << 40), .zero)]),
            fixture.entry([client]),
        ]
        fixture.turn(.entries(entries))
        let bad = fixture.entry([tick(marks[99].index, .zero)])
        #expect(throws: StateMachineError.self) { try fixture.attempt([.entries([bad])]) }
    }

    // MARK: The reserve

    @Test
    func `the reserve is told when it is reached, and over when there is a quarter more`() throws {
        var settings = NodeSettings()
        settings.diskReserve = 1_000_000
        var fixture = try ApplyFixture(settings: settings)
        func isLow(free: Int) -> Bool? {
            fixture.disk.capacity = fixture.disk.usedBytes + free
            fixture.now += 1_000_000_000
            fixture.turn(.resume)
            return fixture.output.report?.isSpaceLow
        }
        #expect(isLow(free: 1_000_000) == false)
        #expect(isLow(free: 999_999) == true)
        #expect(isLow(free: 1_249_999) == true)
        #expect(isLow(free: 1_250_000) == false)
        #expect(isLow(free: 1_000_000) == false)
    }
}
