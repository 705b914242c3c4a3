internal import CadastreDisk

/// Reads one segment through a window, so that a start takes memory for a batch and not for a
/// segment.
///
/// A block that the device does not give back reads as zeros and is remembered: whether that
/// matters is for the mark to say, not for the device.
struct SegmentReader {
    let header: SegmentHeader
    private let path: String
    private let file: any DiskFile
    /// Part of the segment, the byte at `base` first.
    private(set) var bytes: [UInt8] = []
    private(set) var base = 0
    /// Blocks of the window that the device did not give back, ascending.
    private var unreadable: [Int] = []

    /// Bytes read at once, unless a batch is larger.
    static let windowSize = 1_048_576

    /// Begins to read an open file that has the segment's size.
    init(_ header: SegmentHeader, path: String, file: any DiskFile) {
        self.header = header
        self.path = path
        self.file = file
    }

    /// The header of the batch that begins at this offset, if a whole one is there.
    mutating func batchHeader(at offset: Int) throws(StorageError) -> BatchHeader? {
        try load(offset..<min(header.size, offset + SegmentFormat.blockSize))
        let size = BatchHeader.headerSize(in: bytes, base: base, at: offset, segment: header)
        guard let size else { return nil }
        try load(offset..<offset + size)
        return BatchHeader(in: bytes, base: base, at: offset, segment: header)
    }

    /// Makes the window hold a whole batch.
    ///
    /// - Returns: Why its content is not what was written with this header, or `nil`.
    mutating func load(_ batch: BatchHeader) throws(StorageError) -> Damage? {
        try load(batch.place.offset..<batch.end)
        let start = batch.place.offset - base + batch.headerSize
        let sum = bytes.sum(start..<start + batch.recordsSize, seed: header.seed)
        if sum == batch.recordsSum { return nil }
        if let damage = unreadableBlock(in: batch.place.offset..<batch.end) { return damage }
        do throws(Damage) {
            _ = try records(of: batch)
        } catch {
            return error
        }
        return Damage(offset: batch.place.offset, reason: "the records are of another batch")
    }

    /// The records of a batch that the window holds (``load(_:)``).
    func records(of batch: BatchHeader) throws(Damage) -> [Record] {
        try Record.all(of: batch, in: bytes, base: base, seed: header.seed)
    }

    /// Whether this block can be read and holds nothing but zeros.
    mutating func isBlank(_ offset: Int) throws(StorageError) -> Bool {
        let block = offset..<min(header.size, offset + SegmentFormat.blockSize)
        try load(block)
        guard unreadableBlock(in: block) == nil else { return false }
        return bytes.isBlank(block.lowerBound - base..<block.upperBound - base)
    }

    /// Why no batch can be read at this offset, which the window holds.
    func damage(at offset: Int) -> Damage {
        unreadableBlock(in: offset..<offset + 1)
            ?? Damage(offset: offset, reason: "no valid batch begins here")
    }

    private func unreadableBlock(in range: Range<Int>) -> Damage? {
        let size = SegmentFormat.blockSize
        return unreadable.first { $0 < range.upperBound && range.lowerBound < $0 + size }
            .map { Damage(offset: $0, reason: "the disk cannot read this block") }
    }

    /// Makes the window hold a range that begins on a block, and what follows it.
    private mutating func load(_ range: Range<Int>) throws(StorageError) {
        if base <= range.lowerBound && range.upperBound <= base + bytes.count { return }
        let size = min(header.size - range.lowerBound, max(range.count, SegmentReader.windowSize))
        base = range.lowerBound
        unreadable.removeAll()
        do throws(DiskError) {
            bytes = try file.read(at: base, count: size)
        } catch {
            guard error.isUnreadable else { throw .disk(error) }
            bytes = try readBlocks(base..<base + size)
        }
        guard bytes.count == size else {
            throw .damaged(
                file: path,
                offset: base + bytes.count,
                reason: "the file ends before its segment does"
            )
        }
    }

    /// Block by block, zeros for those that cannot be read.
    private mutating func readBlocks(_ range: Range<Int>) throws(StorageError) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(range.count)
        for offset in stride(from: range.lowerBound, to: range.upperBound, by: blockSize) {
            let size = min(blockSize, range.upperBound - offset)
            do throws(DiskError) {
                result += try file.read(at: offset, count: size)
            } catch {
                guard error.isUnreadable else { throw .disk(error) }
                unreadable.append(offset)
                result += [UInt8](repeating: 0, count: size)
            }
        }
        return result
    }

    private var blockSize: Int { SegmentFormat.blockSize }
}

extension Array where Element == UInt8 {
    /// Whether there is nothing but zeros in a part.
    func isBlank(_ range: Range<Int>) -> Bool {
        unsafe withUnsafeBytes { bytes in
            var place = range.lowerBound
            while place + 8 <= range.upperBound {
                if unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) != 0 {
                    return false
                }
                place += 8
            }
            return unsafe bytes[place..<range.upperBound].allSatisfy { $0 == 0 }
        }
    }
}
