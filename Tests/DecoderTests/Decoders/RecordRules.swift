internal import CadastreDisk
internal import RaftCore

@testable internal import CadastreStorage

/// A segment of a journal: what a start reads before it believes anything.
///
/// An input is the segment's header block, then one piece for each batch: its size in two bytes, then
/// its bytes without the zeros at the end. All sums, and the fields that only say where a batch lies,
/// are made right, so that what is wrong lies behind them.
extension Rules {
    static func record(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        guard let segment = Segment(bytes) else { return false }
        let disk = SimulatedDisk(seed: 1)
        let name = SegmentFormat.fileName(max(1, min(segment.header.number, Limits.maximumTerm)))
        let path = "/j/\(name)"
        do throws(DiskError) {
            try disk.createDirectory("/j")
        } catch {
            throw BrokenRule("the disk in memory fails: \(error)")
        }
        disk.setContents(path, segment.bytes)
        _ = try? SegmentDump(reading: path, on: disk)
        guard let first = open(disk, segment.header, seed: 2) else {
            try require(
                disk.contents(path) == segment.bytes,
                "a journal that cannot be read is not left as it was"
            )
            return false
        }
        for group in first {
            try require(
                group.hardState.term.value <= Limits.maximumTerm
                    && group.start.position.index.value <= Limits.maximumTerm
                    && group.start.position.term.value <= Limits.maximumTerm,
                "a term or index that could overflow: \(group)"
            )
        }
        guard let second = open(disk, segment.header, seed: 3) else {
            throw BrokenRule("a journal that was opened cannot be opened again")
        }
        try require(second == first, "a journal says something else when it is opened again")
        return !first.isEmpty
    }

    /// What is in the journal; its entries are read, too.
    private static func open(
        _ disk: SimulatedDisk,
        _ header: SegmentHeader,
        seed: UInt64
    ) -> [GroupRecovery]? {
        let settings = JournalSettings(
            segmentSize: Segment.size,
            sliceSize: Segment.size,
            reserveSize: 0
        )
        let opened = try? Journal.open(
            directory: "/j",
            on: disk,
            identity: header.identity,
            settings: settings,
            seed: seed
        )
        guard let opened else { return nil }
        for group in opened.recovered {
            guard let first = group.headers.first, let last = group.headers.last else { continue }
            _ = try? opened.journal.read(
                group.group,
                first.index..<last.index.next,
                maximumSize: Segment.size
            )
        }
        opened.journal.close()
        return opened.recovered
    }
}

/// The bytes of a segment file made of an input.
struct Segment {
    /// Bytes of the file.
    static let size = 65_536

    private(set) var bytes: [UInt8]
    private(set) var header: SegmentHeader

    /// Nil if not even the header is one.
    init?(_ input: [UInt8]) {
        var made: [UInt8] = []
        var rest = input[...]
        while rest.count >= 2, made.count < Self.size {
            let count = Int(rest.removeFirst()) | Int(rest.removeFirst()) << 8
            made += rest.prefix(count)
            rest = rest.dropFirst(count)
            let end = SegmentFormat.rounded(made.count, to: SegmentFormat.blockSize)
            made += [UInt8](repeating: 0, count: end - made.count)
        }
        made += [UInt8](repeating: 0, count: max(0, Self.size - made.count))
        bytes = Array(made.prefix(Self.size))
        bytes.store(UInt64(Self.size), at: 72)
        bytes.store(
            bytes.sum(16..<SegmentFormat.headerSize, seed: bytes.sum(0..<12, seed: 0)),
            at: 12
        )
        guard let header = try? SegmentHeader(decoding: bytes, file: "segment") else { return nil }
        self.header = header
        var offset = SegmentFormat.blockSize
        while offset < Self.size { offset += mend(batchAt: offset) }
    }

    /// Turns a segment file into an input.
    static func input(_ file: [UInt8]) -> [UInt8] {
        var input: [UInt8] = []
        var offset = 0
        while offset < file.count {
            var size = SegmentFormat.blockSize
            if offset > 0 {
                guard file.load(UInt32.self, at: offset) == SegmentFormat.batchMagic else { break }
                size = max(size, Int(file.load(UInt32.self, at: offset + 28)))
            }
            let piece = file[offset..<min(offset + size, file.count)]
            let count = (piece.lastIndex { $0 != 0 } ?? offset) + 1 - offset
            input.append(littleEndian: UInt16(count))
            input += piece.prefix(count)
            offset += size
        }
        return input
    }

    /// Makes the sums and the place of a batch right.
    ///
    /// - Returns: Bytes to what comes next.
    private mutating func mend(batchAt offset: Int) -> Int {
        guard bytes.load(UInt32.self, at: offset) == SegmentFormat.batchMagic else {
            return SegmentFormat.blockSize
        }
        let headerSize = Int(bytes.load(UInt32.self, at: offset + 60))
        let count = Int(bytes.load(UInt32.self, at: offset + 64))
        let recordsSize = Int(bytes.load(UInt32.self, at: offset + 68))
        guard headerSize >= SegmentFormat.batchHeaderSize,
            headerSize + recordsSize <= Self.size - offset
        else { return SegmentFormat.blockSize }
        bytes.store(header.salt, at: offset + 8)
        bytes.store(header.number, at: offset + 16)
        bytes.store(UInt32(offset), at: offset + 24)
        var start = offset + headerSize
        let end = start + recordsSize
        for _ in 0..<count {
            guard end - start >= SegmentFormat.recordHeaderSize else { break }
            let size = Int(bytes.load(UInt32.self, at: start + 4))
            guard size <= end - start - SegmentFormat.recordHeaderSize else { break }
            bytes.store(UInt32(start), at: start + 8)
            let content = start + SegmentFormat.recordHeaderSize
            bytes.store(bytes.sum(start + 4..<content + size, seed: header.seed), at: start)
            start += Record.size(content: size)
        }
        bytes.store(bytes.sum(offset + headerSize..<end, seed: header.seed), at: offset + 84)
        bytes.store(
            bytes.sum(offset + 8..<offset + headerSize, seed: header.seed),
            at: offset + 4
        )
        return SegmentFormat.rounded(headerSize + recordsSize, to: SegmentFormat.blockSize)
    }
}
