import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Every bit of a small journal of several segments, turned over.
@Suite(.heavy)
struct JournalBitTests {
    /// Two full segments, one batch in the third, and a prepared one; every kind of record.
    private struct Written {
        let disk = SimulatedDisk(seed: 8)
        /// What was written, without the last batch and with it.
        var before = JournalModel()
        var after = JournalModel()
        /// The bytes that some sum covers, by batch, in order.
        var batches: [Covered] = []
        let segments = 4
    }

    private struct Covered {
        var path: String
        var batch: Range<Int>
        /// Header and records, without the zeros between.
        var bytes: [Range<Int>]
    }

    private func written() throws -> Written {
        var written = Written()
        try Samples.format(written.disk)
        let journal = try Samples.open(written.disk).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1]])
        let two = Samples.entry(after: one.header, term: 1, items: [[2], []])
        let other = Samples.entry(after: one.header, term: 2, items: [])
        let next = Samples.entry(after: other.header, term: 2, items: [[3]])
        let last = Samples.entry(after: next.header, term: 3, items: [[4]])
        let state = HardState(term: Term(2), vote: NodeID(3))
        func write(_ batch: [JournalWrite]) throws {
            try journal.write(batch)
            written.before = written.after
            written.after.apply(batch)
        }
        try write([.hardState(.directory, HardState(term: Term(1), vote: .none)), .entry(one)])
        try journal.writeMark()
        try write([.entry(two)])
        try write([.truncate(.directory, from: LogIndex(2)), .entry(other)])
        try journal.writeMark()
        let snapshot = LogStart(
            position: LogPosition(index: LogIndex(40), term: Term(2)),
            hash: EntryHash(1, 2, 3, 4),
            configuration: Samples.configuration(level: 3)
        )
        try write([
            .hardState(.directory, state), .entry(next), .start(GroupID(3), snapshot),
        ])
        try write([.entry(last)])
        while try journal.prepareAhead() {}
        journal.close()
        for number in 1...written.segments {
            let path = Samples.path(number)
            for batch in try SegmentDump(reading: path, on: written.disk).batches {
                let header = batch.offset..<batch.offset + 88 + batch.groups.count * 72
                let records = batch.records.map { $0.offset..<$0.offset + $0.size }
                let all = batch.offset..<batch.offset + batch.size
                written.batches.append(
                    Covered(path: path, batch: all, bytes: [header] + records)
                )
            }
        }
        #expect(written.batches.count == 7)
        #expect(written.batches.last?.path == Samples.path(3))
        return written
    }

    private func recover(_ disk: SimulatedDisk) throws(StorageError) -> Recovery.Result {
        try Recovery(directory: Samples.directory, disk: disk, identity: Samples.identity).run()
    }

    /// Seven batches: four here, so that two tests run side by side.
    @Test(arguments: [0..<3, 3..<7])
    func `any bit of a batch refuses below the mark, naming file and place, and cuts behind it`(
        part: Range<Int>
    ) throws {
        let written = try written()
        let disk = written.disk
        for number in part {
            let covered = written.batches[number]
            for offset in covered.bytes.joined() {
                for bit in 0..<8 {
                    disk.flipBit(covered.path, at: offset, bit: bit)
                    defer { disk.flipBit(covered.path, at: offset, bit: bit) }
                    let isLast = number == written.batches.count - 1
                    do throws(StorageError) {
                        let result = try recover(disk)
                        guard isLast else {
                            Issue.record("\(covered.path): bit \(bit) of \(offset) is cut")
                            return
                        }
                        #expect(result.replay.recovered == written.before.recovery)
                        // The first of its segment: what comes next goes behind the one before,
                        // which fills its own.
                        let ends = [
                            JournalPlace(segment: 2, offset: 16_384),
                            JournalPlace(segment: 3, offset: 4_096),
                        ]
                        #expect(ends.contains(result.end))
                        #expect(result.hasRest)
                    } catch {
                        guard case .damaged(covered.path, let place, _) = error,
                            covered.batch.contains(place), !isLast
                        else {
                            Issue.record("\(covered.path): bit \(bit) of \(offset): \(error)")
                            return
                        }
                    }
                }
            }
        }
        #expect(try recover(disk).replay.recovered == written.after.recovery)
    }

    @Test
    func `any bit of a segment's header refuses, or has it prepared again`() throws {
        let written = try written()
        let disk = written.disk
        for number in 1...written.segments {
            let path = Samples.path(number)
            for bit in 0..<96 * 8 {
                disk.flipBit(path, at: bit / 8, bit: bit % 8)
                defer { disk.flipBit(path, at: bit / 8, bit: bit % 8) }
                let isPrepared = number == written.segments
                do throws(StorageError) {
                    let result = try recover(disk)
                    guard isPrepared else {
                        Issue.record("\(path): bit \(bit) means nothing")
                        return
                    }
                    #expect(result.leftovers == [path])
                    #expect(result.replay.recovered == written.after.recovery)
                } catch {
                    guard case .damaged(path, 0, _) = error, !isPrepared else {
                        Issue.record("\(path): bit \(bit): \(error)")
                        return
                    }
                }
            }
        }
    }

    /// All of one weight at once: if one of them meant something, so would all.
    @Test(arguments: 0..<8)
    func `no bit that no sum covers means anything`(bit: Int) throws {
        let written = try written()
        for number in 1...written.segments {
            let path = Samples.path(number)
            var bytes = try #require(written.disk.contents(path))
            var isCovered = [Bool](repeating: false, count: bytes.count)
            for offset in 0..<96 { isCovered[offset] = true }
            for batch in written.batches where batch.path == path {
                for offset in batch.bytes.joined() { isCovered[offset] = true }
            }
            // The zeros that fill a record up to 8 bytes are covered by the sum of all records.
            for batch in written.batches where batch.path == path {
                for (one, next) in zip(batch.bytes.dropFirst(), batch.bytes.dropFirst(2)) {
                    for offset in one.upperBound..<next.lowerBound { isCovered[offset] = true }
                }
                guard let end = batch.bytes.last?.upperBound, batch.bytes.count > 1 else {
                    continue
                }
                for offset in end..<(end + 7) / 8 * 8 { isCovered[offset] = true }
            }
            for offset in bytes.indices where !isCovered[offset] {
                bytes[offset] ^= UInt8(1) << UInt8(bit)
            }
            written.disk.setContents(path, bytes)
        }
        let result = try recover(written.disk)
        #expect(result.replay.recovered == written.after.recovery)
        #expect(result.hasRest)
    }
}

extension SegmentDump.Entry {
    /// Bytes of the record, without the zeros behind it.
    fileprivate var size: Int {
        switch content {
        case .entry(let entry): 16 + entry.bytes.count
        case .truncation: 32
        case .hardState: 40
        case .start(_, let start): 24 + LogStartFormat.size(of: start)
        case .resume(_, _, let start): 40 + LogStartFormat.size(of: start)
        }
    }
}
