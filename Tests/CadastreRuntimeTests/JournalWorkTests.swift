import CadastreDisk
import CadastreNode
import CadastreStorage
import Dispatch
import RaftCore
import Testing

@testable import CadastreRuntime

/// The journal's thread, over a disk in memory.
@Suite
struct JournalWorkTests {
    private let identity = JournalIdentity(
        cluster: ClusterID(high: 1, low: 2),
        node: NodeID(1),
        incarnation: Incarnation(high: 3, low: 4)
    )

    private func stage() throws -> JournalStage {
        let disk = SimulatedDisk(seed: 1)
        let settings = JournalSettings(segmentSize: 65_536, sliceSize: 65_536)
        try Journal.format(
            directory: "journal",
            on: disk,
            identity: identity,
            settings: settings,
            seed: 5
        )
        return JournalStage(
            journal: try Journal.open(
                directory: "journal",
                on: disk,
                identity: identity,
                settings: settings,
                seed: 6
            ).journal
        )
    }

    private var entry: Entry {
        Entry.make(
            cluster: identity.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(1), term: Term(1)),
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: .zero
        )
    }

    /// Runs the thread, posts the events, and the last of them again whenever there was an answer,
    /// until as many batches were written or it was answered a thousand times.
    private func batches(_ events: [JournalEvent], until count: Int) throws -> Int {
        let view = NodeView(featureLevel: 1)
        let answered = DispatchSemaphore(value: 0)
        let consensus = Inbox<ConsensusEvent> { answered.signal() }
        let thread = StageThread<JournalEvent>(name: "journal")
        let stage = Handover(try stage())
        thread.start {
            .journal(stage.value, to: consensus, view: view, metrics: NodeMetrics())
        } failed: { error in
            Issue.record("\(error)")
            answered.signal()
        }
        for event in events { thread.inbox.post(event) }
        var answers: [ConsensusEvent] = []
        var written = 0
        for _ in 0..<1_000 where written < count {
            answered.wait()
            while consensus.take(into: &answers) { answers.removeAll() }
            written = view.now.numbers.journal?.batches ?? 0
            if let last = events.last { thread.inbox.post(last) }
        }
        #expect(thread.stop(withinMilliseconds: 10_000))
        return written
    }

    @Test
    func `a mark stands within 10 ms of the last write`() throws {
        let stage = try stage()
        let consensus = Inbox<ConsensusEvent> {}
        let work = StageThread<JournalEvent>.Work.journal(
            stage,
            to: consensus,
            view: NodeView(featureLevel: 1),
            metrics: NodeMetrics()
        )
        var events: [JournalEvent] = [.write(PersistNumber(1), [.entry(entry)])]
        try work.turn(&events)
        #expect(stage.statistics.batches == 1)
        // The first thing that is done after so long a silence.
        #expect(work.quietMilliseconds < 10)
        #expect(try work.idle())
        #expect(stage.statistics.batches == 2)
    }

    @Test
    func `readers without a pause do not hold back the mark`() throws {
        let write = JournalEvent.write(PersistNumber(1), [.entry(entry)])
        let read = JournalEvent.read(.directory, LogIndex(1)..<LogIndex(2), .apply)
        #expect(try batches([write, read], until: 2) == 2)
    }
}
