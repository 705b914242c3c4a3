import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// What a start makes of the tail: what is whole, what only looks so, and what cannot be.
struct JournalTailTests {
    private let one = Samples.entry(after: nil, term: 1, items: [[1]])
    private var two: Entry { Samples.entry(after: one.header, term: 1, items: [[2]]) }

    private func state(_ term: UInt64) -> JournalWrite {
        .hardState(.directory, HardState(term: Term(term), vote: .none))
    }

    /// A journal with these batches, none marked behind the last.
    private func written(_ batches: [[JournalWrite]]) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        for batch in batches { try journal.write(batch) }
        journal.close()
        return disk
    }

    @Test
    func `a start writes one mark and nothing over what is there`() throws {
        let disk = try written([[.entry(one)], [.entry(two)], [state(1)]])
        let before = try #require(disk.contents(Samples.path(1)))
        disk.statistics = SimulatedDisk.Statistics()
        let opened = try Samples.open(disk, Samples.small)
        #expect(opened.recovered.map(\.headers) == [[one.header, two.header]])
        #expect(disk.statistics.writes == 1)
        #expect(disk.statistics.writtenBytes == 4_096)
        let after = try #require(disk.contents(Samples.path(1)))
        let end = 4 * 4_096
        #expect(after[..<end] == before[..<end])
        let segment = try SegmentHeader(decoding: after, file: "")
        #expect(BatchHeader(in: after, at: end, segment: segment)?.recordCount == 0)
        opened.journal.close()
    }

    /// The process ends after a failed sync, the machine runs on: its memory shows what the device
    /// may never have got.
    @Test
    func `what only memory holds is not recovered`() throws {
        var counts: Set<Int> = []
        for seed in 0..<60 {
            let disk = SimulatedDisk(seed: UInt64(seed))
            try Samples.format(disk, Samples.small)
            let journal = try Samples.open(disk, Samples.small).journal
            try journal.write([.entry(one)])
            disk.fail(.sync, nth: 1)
            #expect(throws: StorageError.self) { try journal.write([.entry(two)]) }
            journal.close()
            let opened = try Samples.open(disk, Samples.small)
            opened.journal.close()
            disk.crash()
            disk.restart()
            let again = try Samples.open(disk, Samples.small)
            #expect(again.recovered == opened.recovered, "seed \(seed)")
            again.journal.close()
            counts.insert(opened.recovered.first?.headers.count ?? 0)
        }
        #expect(counts == [1, 2])
    }

    /// Of a batch that was written over an older one, a crash may leave the header and none of the
    /// records.
    @Test
    func `records of an older batch are not taken for those of a newer one`() throws {
        let old = try written([[state(1)], [state(5)]])
        let new = try written([[state(1)], [state(6)]])
        let path = Samples.path(1)
        var bytes = try #require(new.contents(path))
        let records = 8_192 + 160..<12_288
        bytes.replaceSubrange(records, with: try #require(old.contents(path))[records])
        new.setContents(path, bytes)
        let opened = try Samples.open(new, Samples.small)
        #expect(opened.recovered.map(\.hardState.term) == [Term(1)])
        opened.journal.close()
    }

    // MARK: Whole batches that cannot be

    /// A batch behind the one that `written([[.entry(one)]])` has.
    private func forged(
        number: UInt64 = 2,
        firstSegment: UInt64 = 1,
        synced: JournalPlace = JournalPlace(segment: 1, offset: 8_192),
        last: LogPosition? = nil,
        kind: UInt8? = nil,
        count: Int? = nil,
        _ writes: [JournalWrite]
    ) throws -> SimulatedDisk {
        let disk = try written([[.entry(one)]])
        let path = Samples.path(1)
        var bytes = try #require(disk.contents(path))
        let segment = try SegmentHeader(decoding: bytes, file: path)
        let first = try #require(BatchHeader(in: bytes, at: 4_096, segment: segment))
        let entries = writes.compactMap { if case .entry(let entry) = $0 { entry } else { nil } }
        let header = BatchHeader(
            place: JournalPlace(segment: 1, offset: 8_192),
            number: number,
            opening: first.opening,
            synced: synced,
            recordCount: count ?? writes.count,
            recordsSize: Journal.size(of: writes),
            firstSegment: firstSegment,
            groups: [
                GroupMark(
                    group: .directory,
                    hardState: .initial,
                    last: last ?? entries.last?.position ?? one.position,
                    hash: entries.last?.hash ?? one.hash
                )
            ]
        )
        var batch = [UInt8](repeating: 0, count: header.headerSize)
        for write in writes {
            Record.append(Record.Content(write), to: &batch, base: 8_192, seed: segment.seed)
        }
        if let kind {
            batch[header.headerSize + 12] = kind
            let size = Int(batch.load(UInt32.self, at: header.headerSize + 4))
            let sum = batch.sum(
                header.headerSize + 4..<header.headerSize + 16 + size,
                seed: segment.seed
            )
            batch.store(sum, at: header.headerSize)
        }
        batch += [UInt8](repeating: 0, count: header.size - batch.count)
        header.encode(into: &batch, segment: segment)
        bytes.replaceSubrange(8_192..<8_192 + batch.count, with: batch)
        disk.setContents(path, bytes)
        return disk
    }

    private func expectContradiction(_ disk: SimulatedDisk, at offset: Int) throws {
        let before = Samples.files(disk)
        let error = #expect(throws: StorageError.self) { try Samples.open(disk, Samples.small) }
        guard case .contradictory(Samples.path(1), offset, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(Samples.files(disk) == before)
    }

    @Test
    func `a forged batch that follows is taken`() throws {
        let opened = try Samples.open(try forged([.entry(two)]), Samples.small)
        #expect(opened.recovered.map(\.headers) == [[one.header, two.header]])
    }

    @Test
    func `a whole batch that breaks a rule refuses, though nothing behind marks it`() throws {
        let record = 8_192 + 160
        let gap = Samples.entry(after: two.header, term: 1, items: [[3]])
        try expectContradiction(try forged([.entry(gap)]), at: record)
        let offChain = Entry.make(
            cluster: Samples.cluster,
            group: .directory,
            position: two.position,
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: .zero
        )
        try expectContradiction(try forged([.entry(offChain)]), at: record)
        try expectContradiction(
            try forged([.truncate(.directory, from: LogIndex(5))]),
            at: record
        )
        try expectContradiction(try forged(number: 3, [.entry(two)]), at: 8_192)
        try expectContradiction(try forged(firstSegment: 2, [.entry(two)]), at: 8_192)
        try expectContradiction(
            try forged(last: LogPosition(index: LogIndex(7), term: Term(1)), [.entry(two)]),
            at: 8_192
        )
        let end = record + Journal.size(of: [state(1)])
        try expectContradiction(try forged(count: 2, [state(1)]), at: end)
        try expectContradiction(try forged(count: 0, [state(1)]), at: record)
    }

    /// One start took the segment for one that is only prepared and wrote its mark there; the next one
    /// refused what the first had taken.
    @Test
    func `a batch that cannot be refuses the first start, behind a blank block too`() throws {
        let disk = try forged(firstSegment: 2, synced: .zero, [.entry(two)])
        var bytes = try #require(disk.contents(Samples.path(1)))
        bytes.replaceSubrange(4_096..<8_192, with: [UInt8](repeating: 0, count: 4_096))
        disk.setContents(Samples.path(1), bytes)
        try expectContradiction(disk, at: 8_192)
    }

    @Test
    func `a record of a kind that is not known refuses and is not cut`() throws {
        try expectContradiction(try forged(kind: 4, [state(1)]), at: 8_192 + 160)
    }

    // MARK: Memory

    @Test
    func `a start reads through a window, and batches larger than it`() throws {
        let disk = SimulatedDisk(seed: 1)
        let settings = JournalSettings(
            segmentSize: 8 * 1_048_576,
            sliceSize: 8 * 1_048_576,
            reserveSize: 0
        )
        try Samples.format(disk, settings)
        let journal = try Samples.open(disk, settings).journal
        var entries: [Entry] = []
        for number in 0..<6 {
            let noise = Samples.noise(500_000, seed: UInt64(number))
            entries.append(Samples.entry(after: entries.last?.header, term: 1, items: [noise]))
        }
        try journal.write(entries[..<2].map { .entry($0) })
        for entry in entries[2..<5] { try journal.write([.entry(entry)]) }
        try journal.writeMark()
        journal.close()
        disk.statistics = SimulatedDisk.Statistics()
        let opened = try Samples.open(disk, settings)
        #expect(opened.recovered.map(\.headers) == [entries[..<5].map(\.header)])
        #expect(disk.statistics.largestRead <= SegmentReader.windowSize)
        // More than a window: as much memory as the batch, not as the segment.
        try opened.journal.write([.entry(entries[5])])
        opened.journal.close()
        let last = try Samples.open(disk, settings).recovered.first?.headers.last
        #expect(last == entries[5].header)
    }

    @Test
    func `entries that lie together are read together`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        var entries: [Entry] = []
        for number in 0..<30 {
            entries.append(
                Samples.entry(after: entries.last?.header, term: 1, items: [[UInt8(number)]])
            )
        }
        try journal.write(entries[..<20].map { .entry($0) })
        for entry in entries[20...] { try journal.write([.entry(entry)]) }
        #expect(journal.statistics.segments == 1)
        disk.statistics = SimulatedDisk.Statistics()
        let all = LogIndex(1)..<LogIndex(31)
        #expect(try journal.read(.directory, all, maximumSize: .max / 2) == entries)
        #expect(disk.statistics.reads == 1)
        for count in 1...30 {
            let size = entries[..<count].reduce(0) { $0 + $1.bytes.count }
            let read = try journal.read(.directory, all, maximumSize: size)
            #expect(read == Array(entries[..<count]))
            let less = try journal.read(.directory, all, maximumSize: size - 1)
            #expect(less.count == max(1, count - 1))
        }
        let part = LogIndex(19)..<LogIndex(23)
        let some = try journal.read(.directory, part, maximumSize: .max / 2)
        #expect(some == Array(entries[18..<22]))
    }
}
