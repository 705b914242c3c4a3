import CadastreDisk
import CadastreNode
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

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
