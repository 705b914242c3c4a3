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

    @Test
    func `no segment is left behind without a batch, when the next one would be larger`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let large = JournalSettings(segmentSize: 65_536, sliceSize: 65_536)
        let journal = try Samples.open(disk, large).journal
        #expect(journal.maximumBatchSize < 12_288)
        let entry = Samples.entry(after: nil, term: 1, items: [Samples.noise(13_000, seed: 1)])
        #expect(throws: StorageError.batchTooLarge(size: 16_384, maximum: 12_288)) {
            try journal.write([.entry(entry)])
        }
        try journal.writeMark()
        #expect(journal.maximumBatchSize > 50_000)
        try journal.write([.entry(entry)])
        journal.close()
        #expect(try Samples.open(disk, large).recovered.map(\.headers) == [[entry.header]])
    }

    @Test
    func `what a segment begins with is left out of the largest batch`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        var last: LogStart = .beginning
        for number in 0..<20 {
            let configuration = number % 3 == 0 ? Samples.configuration : nil
            let size = journal.maximumBatchSize
            #expect(size < 8_192)
            var items: [[UInt8]] = [Samples.noise(size - 200, seed: UInt64(number))]
            if configuration != nil { items = [] }
            let entry = Samples.entry(
                behind: last,
                term: 1,
                items: items,
                configuration: configuration
            )
            try journal.write([.entry(entry)])
            last = LogStart(position: entry.position, hash: entry.hash, configuration: nil)
        }
        journal.close()
        #expect(try Samples.open(disk).recovered.map(\.headers.count) == [20])
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
