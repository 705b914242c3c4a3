internal import CadastreDisk
internal import RaftCore

// One segment of the journal, byte by byte. Local to a node and never sent. All numbers are
// little-endian. A segment is a header block and then sync batches, each on a 4 KiB boundary; what
// follows the last one is zeros, or left over from batches that were cut. Segments are whole by
// themselves: what they need of those before them they repeat.
//
// Header block, 4096 bytes. The first 96 keep their places in every version.
//
//  offset width
//       0     8  "CADASTRJ"
//       8     2  format version: 1
//      10     2  reserved: 0
//      12     4  CRC32C of bytes 0..<12 and 16..<96
//      16    16  cluster: upper half, lower half
//      32     8  node
//      40    16  incarnation: upper half, lower half
//      56     8  number of the segment, 1 for the first; the file's name is a hint only
//      64     8  salt, random
//      72     8  size of the segment, a multiple of 4096 from 16 KiB to 1 GiB
//      80    16  reserved: 0
//      96        zeros
//
// The seed of all other sums is the CRC32C of bytes 56..<72: so neither a client's bytes, nor an
// old use of the same blocks, nor a block written to a wrong file passes as a batch.
//
// Batch: a header, records, zeros up to 4 KiB. Written at once and synced at once.
//
//       0     4  0x31424443, "CDB1"
//       4     4  CRC32C, seeded, of the rest of the header, groups included
//       8     8  salt
//      16     8  number of the segment
//      24     4  offset in the file
//      28     4  size, zeros included
//      32     8  number of the batch: one more than that of the batch before, from 1
//      40     8  opening: how often the journal had been opened. Of two batches with one number the
//                one with the larger opening counts; the other was cut
//      48     8  synced through: number of a segment; 0 before the first sync
//      56     4  synced through: offset in it. Every byte before this place is durable
//      60     4  size of the header, groups included
//      64     4  number of records; 0 in a mark
//      68     4  size of all records
//      72     8  number of the first segment that the journal needs: it begins before this batch, and
//                the number never falls. Earlier files are given back, at once or at the next start
//      80     4  number of groups
//      84     4  CRC32C, seeded, of all records with their zeros: so what is left of an older batch
//                never passes as the content of this one
//      88        for each group touched in this segment up to and with this batch, ascending:
//                  4  group
//                  4  reserved: 0
//                  8  term
//                  8  vote; 0 for none
//                  8  index of the last entry; 0 for none
//                  8  term of the last entry
//                 32  hash of the last entry
//
// Record: 16 bytes, the content, zeros up to a multiple of 8.
//
//       0     4  CRC32C, seeded, of the rest of the record without the zeros
//       4     4  size of the content
//       8     4  offset of the record in the file
//      12     1  kind: 1 entry, 2 truncation, 3 hard state, 4 start, 5 resume
//      13     3  reserved: 0
//      16        content:
//                  entry: as in EntryFormat.swift, verbatim
//                  truncation: group 4, reserved 4, first index that is gone 8
//                  hard state: group 4, reserved 4, term 8, vote 8
//                  start: group 4, reserved 4, where the log begins (LogStartFormat.swift). A
//                         snapshot has taken the place of the log; entries follow from there
//                  resume: group 4, reserved 4, term 8, vote 8, the last entry before this segment
//                          as a start. So a reading may begin here when earlier files are gone
//
// The first batch of a segment begins with a resume for each group of the journal, ascending; in the
// first segment there is none yet. There are no others.
enum SegmentFormat {
    static let version: UInt16 = 1
    static let magic: [UInt8] = Array("CADASTRJ".utf8)
    static let blockSize = 4_096
    static let headerSize = 96
    static let batchMagic: UInt32 = 0x3142_4443
    static let batchHeaderSize = 88
    static let groupSize = 72
    static let recordHeaderSize = 16
    static let segmentSizes = 16 * 1_024...1 << 30

    static let kindEntry: UInt8 = 1
    static let kindTruncation: UInt8 = 2
    static let kindHardState: UInt8 = 3
    static let kindStart: UInt8 = 4
    static let kindResume: UInt8 = 5

    /// The smallest multiple of `unit` that is not less.
    static func rounded(_ size: Int, to unit: Int) -> Int { (size + unit - 1) / unit * unit }

    /// The name of a segment's file.
    static func fileName(_ number: UInt64) -> String {
        let digits = String(number)
        return "journal-" + String(repeating: "0", count: 20 - digits.count) + digits + ".cadastre"
    }

    /// The number in a segment's file name, if it is one.
    static func number(inName name: String) -> UInt64? {
        guard name.utf8.count == 37, name.hasPrefix("journal-"), name.hasSuffix(".cadastre"),
            let number = UInt64(name.dropFirst(8).dropLast(9)),
            (1...Limits.maximumTerm).contains(number), fileName(number) == name
        else { return nil }
        return number
    }
}

/// A place in the journal: which segment, which byte of it.
struct JournalPlace: Hashable, Comparable {
    var segment: UInt64
    var offset: Int

    static let zero = JournalPlace(segment: 0, offset: 0)

    static func < (left: Self, right: Self) -> Bool {
        (left.segment, left.offset) < (right.segment, right.offset)
    }
}

/// The head of a segment.
struct SegmentHeader: Hashable {
    var identity: JournalIdentity
    var number: UInt64
    var salt: UInt64
    var size: Int

    /// The seed of all sums in the segment.
    var seed: UInt32 {
        var bytes: [UInt8] = []
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: salt)
        return Checksum.crc32c(bytes)
    }

    /// The whole header block.
    func encoded() -> [UInt8] {
        var bytes = SegmentFormat.magic
        bytes.append(littleEndian: SegmentFormat.version)
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: identity.cluster.high)
        bytes.append(littleEndian: identity.cluster.low)
        bytes.append(littleEndian: identity.node.value)
        bytes.append(littleEndian: identity.incarnation.high)
        bytes.append(littleEndian: identity.incarnation.low)
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: salt)
        bytes.append(littleEndian: UInt64(size))
        bytes.append(
            contentsOf: [UInt8](repeating: 0, count: SegmentFormat.blockSize - bytes.count)
        )
        bytes.store(SegmentHeader.sum(bytes), at: 12)
        return bytes
    }

    /// Reads the header of a file.
    /// - Throws: `damaged` or `newerFormat`.
    init(decoding bytes: [UInt8], file: String) throws(StorageError) {
        guard bytes.count >= SegmentFormat.blockSize else {
            throw .damaged(file: file, offset: bytes.count, reason: "the file ends in its header")
        }
        guard Array(bytes[..<8]) == SegmentFormat.magic else {
            throw .damaged(file: file, offset: 0, reason: "this is no segment of a journal")
        }
        guard bytes.load(UInt32.self, at: 12) == SegmentHeader.sum(bytes) else {
            throw .damaged(file: file, offset: 0, reason: "the checksum of the header is wrong")
        }
        let version = bytes.load(UInt16.self, at: 8)
        guard version <= SegmentFormat.version else {
            throw .newerFormat(file: file, version: version)
        }
        let size = bytes.load(UInt64.self, at: 72)
        guard version == SegmentFormat.version, size <= UInt64(Int.max),
            SegmentFormat.segmentSizes.contains(Int(size)),
            Int(size) % SegmentFormat.blockSize == 0
        else { throw .damaged(file: file, offset: 8, reason: "the header makes no sense") }
        identity = JournalIdentity(
            cluster: ClusterID(
                high: bytes.load(UInt64.self, at: 16),
                low: bytes.load(UInt64.self, at: 24)
            ),
            node: NodeID(bytes.load(UInt64.self, at: 32)),
            incarnation: Incarnation(
                high: bytes.load(UInt64.self, at: 40),
                low: bytes.load(UInt64.self, at: 48)
            )
        )
        number = bytes.load(UInt64.self, at: 56)
        salt = bytes.load(UInt64.self, at: 64)
        self.size = Int(size)
    }

    init(identity: JournalIdentity, number: UInt64, salt: UInt64, size: Int) {
        self.identity = identity
        self.number = number
        self.salt = salt
        self.size = size
    }

    private static func sum(_ bytes: [UInt8]) -> UInt32 {
        bytes.sum(16..<SegmentFormat.headerSize, seed: bytes.sum(0..<12, seed: 0))
    }
}

/// What a batch says of a group: its state with this batch.
struct GroupMark: Hashable {
    var group: GroupID
    var hardState: HardState
    var last: LogPosition
    var hash: EntryHash
}

/// The head of a batch.
struct BatchHeader: Hashable {
    var place: JournalPlace
    var size: Int
    var number: UInt64
    var opening: UInt64
    var synced: JournalPlace
    var recordCount: Int
    var recordsSize: Int
    /// The sum of the records; set by reading and by ``encode(into:segment:)``.
    var recordsSum: UInt32 = 0
    var firstSegment: UInt64
    var groups: [GroupMark]

    /// Bytes of the header itself.
    var headerSize: Int { BatchHeader.headerSize(groups: groups.count) }
    /// The byte behind the batch.
    var end: Int { place.offset + size }

    /// Whether the first segment that the batch needs began with an earlier batch.
    ///
    /// So a batch never speaks for what it brings along itself.
    var needsWhatWasBegun: Bool {
        firstSegment == 1
            || firstSegment > 1
                && JournalPlace(segment: firstSegment, offset: SegmentFormat.blockSize) < place
    }

    /// Bytes of a header that names so many groups.
    static func headerSize(groups: Int) -> Int {
        SegmentFormat.batchHeaderSize + groups * SegmentFormat.groupSize
    }

    /// Writes the header over the zeros at the start of `bytes`, which hold the whole batch.
    func encode(into bytes: inout [UInt8], segment: SegmentHeader) {
        bytes.store(SegmentFormat.batchMagic, at: 0)
        bytes.store(segment.salt, at: 8)
        bytes.store(place.segment, at: 16)
        bytes.store(UInt32(place.offset), at: 24)
        bytes.store(UInt32(size), at: 28)
        bytes.store(number, at: 32)
        bytes.store(opening, at: 40)
        bytes.store(synced.segment, at: 48)
        bytes.store(UInt32(synced.offset), at: 56)
        bytes.store(UInt32(headerSize), at: 60)
        bytes.store(UInt32(recordCount), at: 64)
        bytes.store(UInt32(recordsSize), at: 68)
        bytes.store(firstSegment, at: 72)
        bytes.store(UInt32(groups.count), at: 80)
        bytes.store(bytes.sum(headerSize..<headerSize + recordsSize, seed: segment.seed), at: 84)
        var offset = SegmentFormat.batchHeaderSize
        for mark in groups {
            bytes.store(mark.group.value, at: offset)
            bytes.store(mark.hardState.term.value, at: offset + 8)
            bytes.store(mark.hardState.vote.value, at: offset + 16)
            bytes.store(mark.last.index.value, at: offset + 24)
            bytes.store(mark.last.term.value, at: offset + 32)
            bytes.store(mark.hash.words.0, at: offset + 40)
            bytes.store(mark.hash.words.1, at: offset + 48)
            bytes.store(mark.hash.words.2, at: offset + 56)
            bytes.store(mark.hash.words.3, at: offset + 64)
            offset += SegmentFormat.groupSize
        }
        bytes.store(bytes.sum(8..<headerSize, seed: segment.seed), at: 4)
    }

    /// Bytes of the header that may begin at this offset of the segment, without a look at its sum;
    /// `nil` if none does.
    ///
    /// `bytes` are part of the segment, the byte at `base` first.
    static func headerSize(
        in bytes: [UInt8],
        base: Int,
        at offset: Int,
        segment: SegmentHeader
    ) -> Int? {
        let start = offset - base
        guard bytes.count - start >= SegmentFormat.batchHeaderSize,
            bytes.load(UInt32.self, at: start) == SegmentFormat.batchMagic,
            bytes.load(UInt64.self, at: start + 8) == segment.salt,
            bytes.load(UInt64.self, at: start + 16) == segment.number,
            Int(bytes.load(UInt32.self, at: start + 24)) == offset
        else { return nil }
        let headerSize = Int(bytes.load(UInt32.self, at: start + 60))
        let groupCount = Int(bytes.load(UInt32.self, at: start + 80))
        let recordsSize = Int(bytes.load(UInt32.self, at: start + 68))
        let size = Int(bytes.load(UInt32.self, at: start + 28))
        // Sums of a few 32-bit numbers, each at most a segment's size times a small factor: no
        // overflow in 64 bits.
        guard headerSize == BatchHeader.headerSize(groups: groupCount),
            size <= segment.size - offset, headerSize <= size,
            SegmentFormat.rounded(headerSize + recordsSize, to: SegmentFormat.blockSize) == size
        else { return nil }
        return headerSize
    }

    /// The header at this offset of the segment, if a whole one is there.
    ///
    /// `bytes` are part of the segment, the byte at `base` first.
    init?(in bytes: [UInt8], base: Int = 0, at offset: Int, segment: SegmentHeader) {
        guard
            let headerSize = BatchHeader.headerSize(
                in: bytes,
                base: base,
                at: offset,
                segment: segment
            )
        else { return nil }
        place = JournalPlace(segment: segment.number, offset: offset)
        let offset = offset - base
        guard headerSize <= bytes.count - offset,
            bytes.load(UInt32.self, at: offset + 4)
                == bytes.sum(offset + 8..<offset + headerSize, seed: segment.seed)
        else { return nil }
        let groupCount = Int(bytes.load(UInt32.self, at: offset + 80))
        size = Int(bytes.load(UInt32.self, at: offset + 28))
        number = bytes.load(UInt64.self, at: offset + 32)
        opening = bytes.load(UInt64.self, at: offset + 40)
        // One more must not overflow; a start takes half of it at most (``Recovery``).
        guard number <= Limits.maximumTerm, opening <= Limits.maximumTerm else { return nil }
        synced = JournalPlace(
            segment: bytes.load(UInt64.self, at: offset + 48),
            offset: Int(bytes.load(UInt32.self, at: offset + 56))
        )
        recordCount = Int(bytes.load(UInt32.self, at: offset + 64))
        recordsSize = Int(bytes.load(UInt32.self, at: offset + 68))
        recordsSum = bytes.load(UInt32.self, at: offset + 84)
        firstSegment = bytes.load(UInt64.self, at: offset + 72)
        let start = offset + SegmentFormat.batchHeaderSize
        groups = (0..<groupCount).map { place in
            let offset = start + place * SegmentFormat.groupSize
            let words = bytes.loadWords(at: offset + 40)
            return GroupMark(
                group: GroupID(bytes.load(UInt32.self, at: offset)),
                hardState: HardState(
                    term: Term(bytes.load(UInt64.self, at: offset + 8)),
                    vote: NodeID(bytes.load(UInt64.self, at: offset + 16))
                ),
                last: LogPosition(
                    index: LogIndex(bytes.load(UInt64.self, at: offset + 24)),
                    term: Term(bytes.load(UInt64.self, at: offset + 32))
                ),
                hash: EntryHash(words.0, words.1, words.2, words.3)
            )
        }
    }

    init(
        place: JournalPlace,
        number: UInt64,
        opening: UInt64,
        synced: JournalPlace,
        recordCount: Int,
        recordsSize: Int,
        firstSegment: UInt64,
        groups: [GroupMark]
    ) {
        self.place = place
        self.number = number
        self.opening = opening
        self.synced = synced
        self.recordCount = recordCount
        self.recordsSize = recordsSize
        self.firstSegment = firstSegment
        self.groups = groups
        size = SegmentFormat.rounded(
            BatchHeader.headerSize(groups: groups.count) + recordsSize,
            to: SegmentFormat.blockSize
        )
    }
}

extension Array where Element == UInt8 {
    /// The CRC32C of a part, which the caller has checked.
    func sum(_ range: Range<Int>, seed: UInt32) -> UInt32 {
        unsafe withUnsafeBytes { bytes in
            unsafe Checksum.crc32c(UnsafeRawBufferPointer(rebasing: bytes[range]), seed: seed)
        }
    }
}
