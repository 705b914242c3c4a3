internal import CadastreDisk
internal import RaftCore

/// A record as it was read: the change it makes and where it lies.
///
/// SegmentFormat.swift has the bytes.
struct Record {
    /// What it changes.
    enum Content {
        case entry(Entry)
        case truncation(GroupID, from: LogIndex)
        case hardState(GroupID, HardState)
    }

    var content: Content
    /// The offset of the record in its file.
    var offset: Int
}

/// Why bytes of a segment do not count, and where.
struct Damage: Error, Hashable {
    var offset: Int
    var reason: String
}

extension Record {
    /// Bytes that a record of this content takes.
    static func size(content: Int) -> Int {
        SegmentFormat.recordHeaderSize + SegmentFormat.rounded(content, to: 8)
    }

    /// Bytes that the record of a write takes.
    static func size(of write: JournalWrite) -> Int {
        switch write {
        case .entry(let entry): size(content: entry.bytes.count)
        case .truncate: size(content: 16)
        case .hardState: size(content: 24)
        }
    }

    /// Adds the record of a write to a batch that begins at `base` in its file.
    static func append(
        _ write: JournalWrite,
        to bytes: inout [UInt8],
        base: Int,
        seed: UInt32
    ) {
        let start = bytes.count
        let kind: UInt8
        let size: Int
        switch write {
        case .entry(let entry): (kind, size) = (SegmentFormat.kindEntry, entry.bytes.count)
        case .truncate: (kind, size) = (SegmentFormat.kindTruncation, 16)
        case .hardState: (kind, size) = (SegmentFormat.kindHardState, 24)
        }
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32(size))
        bytes.append(littleEndian: UInt32(base + start))
        bytes.append(littleEndian: UInt32(kind))
        switch write {
        case .entry(let entry): bytes.append(contentsOf: entry.bytes)
        case .truncate(let group, let index):
            bytes.append(littleEndian: UInt64(group.value))
            bytes.append(littleEndian: index.value)
        case .hardState(let group, let state):
            bytes.append(littleEndian: UInt64(group.value))
            bytes.append(littleEndian: state.term.value)
            bytes.append(littleEndian: state.vote.value)
        }
        bytes.store(bytes.sum(start + 4..<bytes.count, seed: seed), at: start)
        let padding = SegmentFormat.rounded(size, to: 8) - size
        bytes.append(contentsOf: repeatElement(0, count: padding))
    }

    /// The record at an offset of a buffer whose first byte is byte `base` of the file.
    init(
        in bytes: [UInt8],
        at start: Int,
        base: Int,
        limit: Int,
        seed: UInt32
    ) throws(Damage) {
        let offset = base + start
        guard limit - start >= SegmentFormat.recordHeaderSize else {
            throw Damage(offset: offset, reason: "the record is cut off")
        }
        let size = Int(bytes.load(UInt32.self, at: start + 4))
        let content = start + SegmentFormat.recordHeaderSize
        guard size <= limit - content else {
            throw Damage(offset: offset, reason: "the record is cut off, or its size is wrong")
        }
        guard
            bytes.load(UInt32.self, at: start)
                == bytes.sum(start + 4..<content + size, seed: seed),
            Int(bytes.load(UInt32.self, at: start + 8)) == offset
        else { throw Damage(offset: offset, reason: "the checksum of the record is wrong") }
        self.offset = offset
        let kind = bytes.load(UInt32.self, at: start + 12)
        switch (UInt8(truncatingIfNeeded: kind), size) {
        case (SegmentFormat.kindEntry, _) where kind < 256:
            do throws(StorageError) {
                self.content = .entry(
                    try Entry(decoding: Array(bytes[content..<content + size]))
                )
            } catch {
                throw Damage(offset: offset, reason: "\(error)")
            }
        case (SegmentFormat.kindTruncation, 16) where kind < 256:
            self.content = .truncation(
                GroupID(bytes.load(UInt32.self, at: content)),
                from: LogIndex(bytes.load(UInt64.self, at: content + 8))
            )
        case (SegmentFormat.kindHardState, 24) where kind < 256:
            self.content = .hardState(
                GroupID(bytes.load(UInt32.self, at: content)),
                HardState(
                    term: Term(bytes.load(UInt64.self, at: content + 8)),
                    vote: NodeID(bytes.load(UInt64.self, at: content + 16))
                )
            )
        default:
            throw Damage(offset: offset, reason: "a record of unknown kind \(kind)")
        }
    }

    /// All records of a batch, from the part of the segment that holds it whole, the byte at `base`
    /// first.
    static func all(
        of header: BatchHeader,
        in bytes: [UInt8],
        base: Int = 0,
        seed: UInt32
    ) throws(Damage) -> [Record] {
        var records: [Record] = []
        var start = header.place.offset - base + header.headerSize
        let limit = start + header.recordsSize
        guard limit <= bytes.count else {
            throw Damage(offset: base + bytes.count, reason: "the file ends within a batch")
        }
        for _ in 0..<header.recordCount {
            let record = try Record(in: bytes, at: start, base: base, limit: limit, seed: seed)
            records.append(record)
            let size = Int(bytes.load(UInt32.self, at: start + 4))
            start += Record.size(content: size)
        }
        guard start == limit else {
            throw Damage(offset: base + start, reason: "the records do not fill their batch")
        }
        return records
    }
}
