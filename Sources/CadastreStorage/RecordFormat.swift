internal import CadastreDisk
internal import RaftCore

/// A record as it was read: the change it makes and where it lies.
///
/// SegmentFormat.swift has the bytes.
struct Record {
    /// What it says.
    enum Content {
        case entry(Entry)
        case truncation(GroupID, from: LogIndex)
        case hardState(GroupID, HardState)
        /// A snapshot has taken the place of the group's log.
        case start(GroupID, LogStart)
        /// What the segments before this one have led to, for a reading that begins here.
        case resume(GroupID, HardState, LogStart)
    }

    var content: Content
    /// The offset of the record in its file.
    var offset: Int
}

extension Record.Content {
    /// The record of a write.
    init(_ write: JournalWrite) {
        switch write {
        case .entry(let entry): self = .entry(entry)
        case .truncate(let group, let index): self = .truncation(group, from: index)
        case .hardState(let group, let state): self = .hardState(group, state)
        case .start(let group, let start): self = .start(group, start)
        }
    }

    fileprivate var kind: UInt8 {
        switch self {
        case .entry: SegmentFormat.kindEntry
        case .truncation: SegmentFormat.kindTruncation
        case .hardState: SegmentFormat.kindHardState
        case .start: SegmentFormat.kindStart
        case .resume: SegmentFormat.kindResume
        }
    }

    /// Bytes of the content.
    fileprivate var size: Int {
        switch self {
        case .entry(let entry): entry.bytes.count
        case .truncation: 16
        case .hardState: 24
        case .start(_, let start): 8 + LogStartFormat.size(of: start)
        case .resume(_, _, let start): 24 + LogStartFormat.size(of: start)
        }
    }

    fileprivate func append(to bytes: inout [UInt8]) {
        switch self {
        case .entry(let entry): bytes.append(contentsOf: entry.bytes)
        case .truncation(let group, let index):
            bytes.append(littleEndian: UInt64(group.value))
            bytes.append(littleEndian: index.value)
        case .hardState(let group, let state):
            bytes.append(group, state)
        case .start(let group, let start):
            bytes.append(littleEndian: UInt64(group.value))
            LogStartFormat.append(start, to: &bytes)
        case .resume(let group, let state, let start):
            bytes.append(group, state)
            LogStartFormat.append(start, to: &bytes)
        }
    }

    /// Reads the content of a record whose sum is right.
    /// - Throws: Why it is none.
    fileprivate init(kind: UInt32, _ bytes: ArraySlice<UInt8>) throws(StorageError) {
        let bytes = Array(bytes)
        var group: GroupID { GroupID(bytes.load(UInt32.self, at: 0)) }
        var state: HardState {
            HardState(
                term: Term(bytes.load(UInt64.self, at: 8)),
                vote: NodeID(bytes.load(UInt64.self, at: 16))
            )
        }
        func possible(_ state: HardState) throws(StorageError) -> HardState {
            guard state.term.value <= Limits.maximumTerm else {
                throw .malformedEntry(reason: "the impossible term \(state.term)")
            }
            return state
        }
        switch (UInt8(truncatingIfNeeded: kind), bytes.count) {
        case (SegmentFormat.kindEntry, _) where kind < 256:
            do throws(StorageError) {
                self = .entry(try Entry(decoding: bytes))
            } catch {
                throw .malformedEntry(reason: "\(error)")
            }
        case (SegmentFormat.kindTruncation, 16) where kind < 256:
            self = .truncation(group, from: LogIndex(bytes.load(UInt64.self, at: 8)))
        case (SegmentFormat.kindHardState, 24) where kind < 256:
            self = .hardState(group, try possible(state))
        case (SegmentFormat.kindStart, 8...) where kind < 256:
            self = .start(group, try LogStartFormat.decode(bytes[8...]))
        case (SegmentFormat.kindResume, 24...) where kind < 256:
            let start = try LogStartFormat.decode(bytes[24...])
            self = .resume(group, try possible(state), start)
        default:
            throw .malformedEntry(reason: "a record of unknown kind \(kind)")
        }
    }
}

extension Array where Element == UInt8 {
    fileprivate mutating func append(_ group: GroupID, _ state: HardState) {
        append(littleEndian: UInt64(group.value))
        append(littleEndian: state.term.value)
        append(littleEndian: state.vote.value)
    }
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

    /// Bytes that the record of this content takes.
    static func size(of content: Content) -> Int { size(content: content.size) }

    /// Adds a record to a batch that begins at `base` in its file.
    static func append(
        _ content: Content,
        to bytes: inout [UInt8],
        base: Int,
        seed: UInt32
    ) {
        let start = bytes.count
        let size = content.size
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: UInt32(size))
        bytes.append(littleEndian: UInt32(base + start))
        bytes.append(littleEndian: UInt32(content.kind))
        content.append(to: &bytes)
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
        do throws(StorageError) {
            self.content = try Content(
                kind: bytes.load(UInt32.self, at: start + 12),
                bytes[content..<content + size]
            )
        } catch {
            guard case .malformedEntry(let reason) = error else {
                throw Damage(offset: offset, reason: "\(error)")
            }
            throw Damage(offset: offset, reason: reason)
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
