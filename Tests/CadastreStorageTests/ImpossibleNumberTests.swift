import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// Numbers that a right checksum does not make possible: one more would overflow.
struct ImpossibleNumberTests {
    @Test(arguments: [UInt64.max, Limits.maximumTerm + 1])
    func `a term that no cluster reaches is damage, not a state to start with`(term: UInt64) {
        let state = HardState(term: Term(term), vote: NodeID(2))
        let start = LogStart(
            position: LogPosition(index: LogIndex(1), term: Term(1)),
            hash: EntryHash(1, 2, 3, 4),
            configuration: nil
        )
        for content in [
            Record.Content.hardState(.directory, state), .resume(.directory, state, start),
        ] {
            var bytes: [UInt8] = []
            Record.append(content, to: &bytes, base: 0, seed: 7)
            #expect(throws: Damage.self) {
                try Record(in: bytes, at: 0, base: 0, limit: bytes.count, seed: 7)
            }
        }
    }

    @Test(
        arguments: [
            (UInt64.max, 1), (Limits.maximumTerm + 1, 1), (1, UInt64.max), (1, 0),
        ] as [(UInt64, UInt64)]
    )
    func `a snapshot at a place that no log reaches is refused`(index: UInt64, term: UInt64) {
        var bytes = Samples.manifest.encode()
        bytes.store(index, at: 40)
        bytes.store(term, at: 48)
        bytes.store(SnapshotManifestFormat.sum(bytes), at: 12)
        #expect(throws: StorageError.self) { try SnapshotManifest(decoding: bytes) }
    }
}
