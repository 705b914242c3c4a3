import CadastreDisk
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// What goes wrong below a stage and must not stop the node.
struct StageFailureTests {
    private let disk = SimulatedDisk(seed: 1)
    private let identity = JournalIdentity(
        cluster: ClusterID(high: 1, low: 2),
        node: NodeID(1),
        incarnation: Incarnation(high: 3, low: 4)
    )
    private let settings = JournalSettings(segmentSize: 65_536, sliceSize: 16_384)

    private func stage() throws -> JournalStage {
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

    private func entries(_ count: UInt64, term: UInt64, from first: UInt64 = 1) -> [Entry] {
        var entries: [Entry] = []
        for index in first..<first + count {
            entries.append(
                Entry.make(
                    cluster: identity.cluster,
                    group: .directory,
                    position: LogPosition(index: LogIndex(index), term: Term(term)),
                    kind: .noOp,
                    featureLevel: 1,
                    now: 0,
                    random: (index, term),
                    previousHash: entries.last?.hash ?? .zero
                )
            )
        }
        return entries
    }

    private func state(_ term: UInt64) -> JournalWrite {
        .hardState(.directory, HardState(term: Term(term), vote: .none))
    }

    @Test
    func `a peer's read that a truncation of the same turn overtook brings nothing`() throws {
        let stage = try stage()
        let old = entries(10, term: 1)
        var results: [JournalResult] = []
        var events: [JournalEvent] = [
            .write(PersistNumber(1), [state(1)] + old.map { .entry($0) })
        ]
        try stage.turn(&events, into: &results)
        let message = Message(
            group: .directory,
            from: NodeID(1),
            to: NodeID(2),
            term: Term(1),
            body: .timeoutNow(TimeoutNow())
        )
        events = [
            .read(.directory, LogIndex(8)..<LogIndex(11), .send(message)),
            .write(PersistNumber(2), [state(2), .truncate(.directory, from: LogIndex(6))]),
        ]
        results.removeAll()
        try stage.turn(&events, into: &results)
        // An answer all the same: the peer's appends wait behind this one.
        guard results.count == 2, case .persisted(PersistNumber(2)) = results[0],
            case .entriesRead(.send, let entries) = results[1]
        else {
            Issue.record("\(results)")
            return
        }
        #expect(entries.isEmpty)
    }

    @Test
    func `without room writes wait, nothing is acknowledged, and room ends it`() throws {
        let stage = try stage()
        while try stage.idle() {}
        disk.capacity = disk.usedBytes
        var results: [JournalResult] = []
        var number: UInt64 = 0
        var isFull = false
        var events: [JournalEvent] = []
        while !isFull, number < 200 {
            number += 1
            events.append(.write(PersistNumber(number), [state(number)]))
            results.removeAll()
            try stage.turn(&events, into: &results)
            // The mark and the next segment have no room either, which must not end the node.
            _ = try stage.idle()
            isFull = results.contains { if case .diskFull(true) = $0 { true } else { false } }
        }
        #expect(isFull)
        #expect(events.count == 1, "the write waits")
        #expect(!results.contains { if case .persisted = $0 { true } else { false } })
        disk.capacity = nil
        results.removeAll()
        try stage.turn(&events, into: &results)
        #expect(events.isEmpty)
        #expect(results.contains { if case .diskFull(false) = $0 { true } else { false } })
        #expect(
            results.contains {
                if case .persisted(PersistNumber(number)) = $0 { true } else { false }
            }
        )
    }
}
