import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// How much goes into one batch.
struct JournalSizeTests {
    @Test
    func `a batch that fits into no segment is refused`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        var generator = SplitMix64(seed: 1)
        let noise = (0..<13_000).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        let entry = Samples.entry(after: nil, term: 1, items: [noise])
        #expect(throws: StorageError.batchTooLarge(size: 16_384, maximum: 12_288)) {
            try journal.write([.entry(entry)])
        }
        let small = Samples.entry(after: nil, term: 1, items: [[1]])
        try journal.write([.entry(small)])
    }

    @Test(arguments: [(16_384, 65_536), (65_536, 16_384), (16_384, 16_384)])
    func `the largest batch fits wherever it goes, after the segments changed their size too`(
        before: Int,
        after: Int
    ) throws {
        let disk = SimulatedDisk(seed: 1)
        let old = JournalSettings(segmentSize: before, sliceSize: 4_096)
        try Samples.format(disk, old)
        let first = try Samples.open(disk, old).journal
        while try first.prepareAhead() {}
        first.close()
        let new = JournalSettings(segmentSize: after, sliceSize: 4_096)
        let journal = try Samples.open(disk, new).journal
        #expect(journal.maximumBatchSize <= min(before, after))
        var last: EntryHeader?
        var generator = SplitMix64(seed: 1)
        // The prepared segment, and those that are made now.
        while journal.statistics.segments < 5 {
            let size = journal.maximumBatchSize
            var batch: [JournalWrite] = []
            while true {
                let noise = (0..<500).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
                let entry = Samples.entry(after: last, term: 1, items: [noise])
                guard Journal.size(of: batch + [.entry(entry)]) <= size else { break }
                batch.append(.entry(entry))
                last = entry.header
            }
            try journal.write(batch)
        }
        #expect(journal.maximumBatchSize > after - 16_384)
    }
}
