import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

@testable import CadastreNode
@testable import CadastreStorage

/// A node stores no entry that it could not execute, and stops where one is committed all the same.
struct ReceivedEntryTests {
    private func entry(_ items: [[UInt8]], after first: Entry) -> Entry {
        Entry.make(
            cluster: first.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(2), term: Term(3)),
            kind: .commands,
            featureLevel: 1,
            now: 0,
            random: (1, 2),
            previousHash: first.hash,
            items: items
        )
    }

    /// The same entry with a byte changed, under the hash that fits.
    private func changed(_ entry: Entry, at offset: Int, after first: Entry) throws -> Entry {
        var bytes = entry.bytes
        bytes[offset] ^= 1
        let hash = Entry.hash(of: bytes.span.bytes, after: first.hash, using: SHA256())
        for (place, word) in [hash.words.0, hash.words.1, hash.words.2, hash.words.3].enumerated() {
            bytes.store(word, at: EntryFormat.hashOffset + 8 * place)
        }
        return try Entry(decoding: bytes)
    }

    private func isTaken(_ entry: Entry) throws -> (isTaken: Bool, fault: String?) {
        var node = try NodeFixture(members: 3)
        node.turn(node.from(2, term: 3, node.append([entry]), entries: [entry]))
        let writes = node.output.journal.flatMap { event -> [JournalWrite] in
            if case .write(_, let writes) = event { writes } else { [] }
        }
        return (writes.contains(.entry(entry)), node.output.peerFaults.first?.reason)
    }

    private let envelope = CommandEnvelope(
        principal: .operator(name: Array("op".utf8)),
        tenant: .none,
        identity: .none,
        command: .openSession(OpenSession(slots: 1))
    )

    @Test
    func `an entry whose commands can be executed is stored`() throws {
        let first = try NodeFixture(members: 3).first
        for count in [1, 20] {
            let items = Array(repeating: envelope.encode(), count: count)
            let result = try isTaken(entry(items, after: first))
            #expect(result.isTaken)
            #expect(result.fault == nil)
        }
    }

    @Test
    func `an entry that does not decompress or whose commands are not known is not stored`() throws
    {
        let first = try NodeFixture(members: 3).first
        let good = entry(Array(repeating: envelope.encode(), count: 20), after: first)
        let rawSize = EntryFormat.headerSize + 20
        var unknown = envelope.encode()
        unknown[5] = 250
        for bad in [
            try changed(good, at: rawSize, after: first), entry([[1, 2, 3]], after: first),
            entry([envelope.encode(), unknown], after: first),
            entry([envelope.encode() + [0]], after: first),
        ] {
            let result = try isTaken(bad)
            #expect(!result.isTaken)
            #expect(result.fault != nil)
        }
    }

    @Test
    func `a committed entry that cannot be executed stops the node and is named`() throws {
        var node = try NodeFixture(members: 1)
        try node.lead()
        let bad = entry([[1, 2, 3]], after: node.first)
        let committed = [node.first, bad].map { CommittedEntry(entry: $0, keys: []) }
        var events: [ApplyEvent] = [.entries(committed)]
        var output = ApplyOutput()
        let moment = Moment(monotonic: 1, wall: 1_790_000_000_000)
        let error = #expect(throws: StateMachineError.self) {
            try node.node.apply?.turn(&events, at: moment, into: &output)
        }
        guard let error, case .unreadableEntry(bad.position, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(NodeError(error).exitCode == .alarm)
        #expect(NodeError(error).description.contains("entry \(bad.position)"))
    }
}
