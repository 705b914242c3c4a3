internal import RaftCore

/// Own fields, 64 bytes, and the entries.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 8 | index of the entry before the first |
/// | 48 | 8 | its term |
/// | 56 | 32 | its chain hash |
/// | 88 | 8 | the leader's commit index |
/// | 96 | 4 | how many entries, at most `RaftCore.Limits.maximumEntriesPerMessage` |
/// | 100 | 4 | reserved, 0 |
/// | 104 | | each entry: its size (4 bytes, at most `RaftCore.Limits.maximumEntrySize`), then its bytes as they stand in every journal |
extension AppendEntries {
    /// Appends the fields and the entries' bytes.
    func append(_ encoded: [[UInt8]], to bytes: inout [UInt8]) {
        precondition(
            encoded.count <= Limits.maximumEntriesPerMessage,
            "\(encoded.count) entries in one message"
        )
        bytes.append(littleEndian: previous.index.value)
        bytes.append(littleEndian: previous.term.value)
        bytes.append(littleEndian: previousHash.words.0)
        bytes.append(littleEndian: previousHash.words.1)
        bytes.append(littleEndian: previousHash.words.2)
        bytes.append(littleEndian: previousHash.words.3)
        bytes.append(littleEndian: commitIndex.value)
        bytes.append(littleEndian: UInt32(encoded.count))
        bytes.append(littleEndian: UInt32(0))
        for entry in encoded {
            precondition(
                (1...Limits.maximumEntrySize).contains(entry.count),
                "an entry of \(entry.count) bytes"
            )
            bytes.append(littleEndian: UInt32(entry.count))
            bytes.append(contentsOf: entry)
        }
    }

    /// Reads a whole body; the message comes without headers, the entries' bytes beside it.
    init(
        decoding bytes: Span<UInt8>,
        entries: inout [[UInt8]]
    ) throws(ProtocolError) {
        guard bytes.count >= 104 else { throw .truncated("AppendEntries") }
        try bytes.checkReserved(100..<104, of: "AppendEntries")
        let count = Int(bytes.littleEndian(at: 96, as: UInt32.self))
        guard count <= Limits.maximumEntriesPerMessage else {
            throw .malformed("AppendEntries with \(count) entries")
        }
        var position = 104
        for _ in 0..<count {
            guard bytes.count - position >= 4 else { throw .truncated("AppendEntries") }
            let size = Int(bytes.littleEndian(at: position, as: UInt32.self))
            guard (1...Limits.maximumEntrySize).contains(size) else {
                throw .malformed("an entry of \(size) bytes")
            }
            position += 4
            guard bytes.count - position >= size else { throw .truncated("AppendEntries") }
            entries.append(bytes.copy(position..<position + size))
            position += size
        }
        guard position == bytes.count else {
            throw .malformed("bytes behind the last entry of AppendEntries")
        }
        self.init(
            previous: LogPosition(
                index: LogIndex(try bytes.bounded(at: 40)),
                term: Term(try bytes.bounded(at: 48))
            ),
            previousHash: EntryHash(
                bytes.littleEndian(at: 56),
                bytes.littleEndian(at: 64),
                bytes.littleEndian(at: 72),
                bytes.littleEndian(at: 80)
            ),
            entries: [],
            commitIndex: LogIndex(try bytes.bounded(at: 88))
        )
    }
}
