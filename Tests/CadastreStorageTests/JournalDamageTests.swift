import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// What recovery makes of files that are not as they were written.
@Suite(.heavy)
struct JournalDamageTests {
    /// A journal of one segment: some batches, and where each ends.
    private struct Written {
        var disk: SimulatedDisk
        /// The model after each batch.
        var models: [JournalModel] = [JournalModel()]
        /// Where each batch begins, and where the last ends.
        var edges: [Int] = [4_096]
        /// S: everything below it is marked durable.
        var synced: Int
        let path = Samples.path(1)
    }

    /// Writes `count` small batches; the last is not marked, the one before is.
    private func write(_ count: Int, settings: JournalSettings = Samples.small) throws -> Written {
        let disk = SimulatedDisk(seed: 5)
        try Samples.format(disk, settings)
        let journal = try Samples.open(disk, settings).journal
        var generator = SplitMix64(seed: 12)
        var written = Written(disk: disk, synced: 0)
        for number in 0..<count {
            var batch = written.models[number].randomBatch(&generator, itemSize: 40, isWhole: true)
            if number == 0 {
                batch.append(.hardState(GroupID(9), HardState(term: Term(1), vote: .none)))
            }
            try journal.write(batch)
            var next = written.models[number]
            next.apply(batch)
            written.models.append(next)
            written.edges.append(4_096 + journal.statistics.bytes)
        }
        journal.close()
        written.synced = written.edges[count - 1]
        return written
    }

    /// Opens the damaged disk: either it refuses and changes nothing, or it finds `expected`, finds
    /// it again, and keeps what is written afterwards.
    private func check(
        _ disk: SimulatedDisk,
        expected: JournalModel?,
        settings: JournalSettings = Samples.small,
        _ comment: String
    ) throws {
        let before = SimulatedDisk(copying: disk, seed: 1)
        guard let expected else {
            let error = #expect(throws: StorageError.self, "\(comment)") {
                try Samples.open(disk, settings)
            }
            guard case .damaged = error else {
                Issue.record("\(comment): \(String(describing: error))")
                return
            }
            for path in before.paths where !path.hasSuffix("lock") {
                #expect(disk.contents(path) == before.contents(path), "\(comment)")
            }
            return
        }
        let first = try Samples.open(disk, settings, seed: 3)
        #expect(first.recovered == expected.recovery, "\(comment)")
        first.journal.close()
        let second = try Samples.open(disk, settings, seed: 4)
        #expect(second.recovered == expected.recovery, "\(comment), the second time")
        var generator = SplitMix64(seed: 99)
        var model = expected
        for _ in 0..<2 {
            let batch = model.randomBatch(&generator)
            try second.journal.write(batch)
            model.apply(batch)
        }
        second.journal.close()
        let third = try Samples.open(disk, settings, seed: 5)
        #expect(third.recovered == model.recovery, "\(comment), after more writes")
        third.journal.close()
    }

    @Test
    func `a file that has zeros from any byte on gives the longest durable prefix`() throws {
        let written = try write(4)
        let end = try #require(written.edges.last)
        let bytes = try #require(written.disk.contents(written.path))
        // Where a zero goes, the file stays as it was: only the other cuts make another one.
        for cut in 4_096..<end where bytes[cut] != 0 {
            let disk = SimulatedDisk(copying: written.disk, seed: 1)
            disk.zero(written.path, cut..<end)
            // With all bytes from somewhere on gone, the marks above are gone too: what is left is
            // a journal that ended earlier. Zeros behind the last record of a batch mean nothing.
            let lost = zip(written.edges, written.edges.dropFirst()).count { start, end in
                end > cut && bytes[max(start, cut)..<end].contains { $0 != 0 }
            }
            try check(disk, expected: written.models[4 - lost], "cut at \(cut)")
        }
    }

    @Test
    func `a file that is shorter than its segment is refused, whatever byte it ends at`() throws {
        let written = try write(2, settings: Samples.tiny)
        let bytes = try #require(written.disk.contents(written.path))
        #expect(bytes.count == 16_384)
        for size in 0..<bytes.count {
            written.disk.setContents(written.path, Array(bytes[..<size]))
            let error = #expect(throws: StorageError.self) {
                try Samples.open(written.disk, Samples.tiny)
            }
            guard case .damaged(written.path, size, _) = error else {
                Issue.record("\(size) bytes: \(String(describing: error))")
                return
            }
            #expect(written.disk.contents(written.path)?.count == size)
        }
        written.disk.setContents(written.path, bytes)
        let recovered = try Samples.open(written.disk, Samples.tiny).recovered
        #expect(recovered == written.models[2].recovery)
    }

    @Test(arguments: [512, 4_096])
    func `a zeroed sector below the mark refuses and one behind it cuts`(size: Int) throws {
        let written = try write(5)
        let bytes = try #require(written.disk.contents(written.path))
        let end = try #require(written.edges.last)
        for start in stride(from: 4_096, to: end, by: size) {
            guard bytes[start..<start + size].contains(where: { $0 != 0 }) else { continue }
            let disk = SimulatedDisk(copying: written.disk, seed: 1)
            disk.zero(written.path, start..<start + size)
            let batch = written.edges.lastIndex { $0 <= start } ?? 0
            let isDurable = written.edges[batch] < written.synced
            try check(
                disk,
                expected: isDurable ? nil : written.models[batch],
                "zeros at \(start)"
            )
        }
    }

    @Test
    func `a marked journal refuses damage to its last batch`() throws {
        let written = try write(3)
        let opened = try Samples.open(written.disk, Samples.small)
        opened.journal.close()
        let disk = SimulatedDisk(copying: written.disk, seed: 1)
        disk.flipBit(written.path, at: written.edges[2] + 120, bit: 0)
        try check(disk, expected: nil, "the mark of an opening")
    }

    @Test
    func `damage in any batch of any segment but the last one is named`() throws {
        let disk = SimulatedDisk(seed: 8)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        var generator = SplitMix64(seed: 31)
        var model = JournalModel()
        var before = model
        while journal.statistics.segments < 5 {
            let batch = model.randomBatch(&generator, isWhole: true)
            before = model
            try journal.write(batch)
            model.apply(batch)
        }
        journal.close()
        var places: [(path: String, offset: Int)] = []
        for number in 1...5 {
            let path = Samples.path(number)
            let dump = try SegmentDump(reading: path, on: disk)
            for batch in dump.batches { places.append((path, batch.offset)) }
        }
        #expect(places.count > 8)
        for (count, place) in places.enumerated() {
            for size in [1, 512, 4_096] {
                let copy = SimulatedDisk(copying: disk, seed: 1)
                copy.flipBit(place.path, at: place.offset + 82, bit: 2)
                if size > 1 { copy.zero(place.path, place.offset..<place.offset + size) }
                let isLast = count == places.count - 1
                if !isLast {
                    let error = #expect(throws: StorageError.self) {
                        try Samples.open(SimulatedDisk(copying: copy, seed: 1))
                    }
                    guard case .damaged(place.path, place.offset, _) = error else {
                        Issue.record("\(place): \(String(describing: error))")
                        continue
                    }
                }
                try check(
                    copy,
                    expected: isLast ? before : nil,
                    settings: Samples.tiny,
                    "\(place), \(size) bytes"
                )
            }
        }
    }

    @Test
    func `two sectors that changed places are noticed`() throws {
        let written = try write(4)
        let disk = written.disk
        var bytes = try #require(disk.contents(written.path))
        let first = Array(bytes[4_096..<4_608])
        bytes.replaceSubrange(4_096..<4_608, with: bytes[8_192..<8_704])
        bytes.replaceSubrange(8_192..<8_704, with: first)
        disk.setContents(written.path, bytes)
        try check(disk, expected: nil, "swapped")
    }

    @Test
    func `a valid batch behind the cut never comes back`() throws {
        let disk = SimulatedDisk(seed: 4)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1]])
        let two = Samples.entry(after: one.header, term: 1, items: [[2]])
        try journal.write([.entry(one)])
        try journal.writeMark()
        try journal.write([.entry(two)])
        journal.close()
        // Forge what no single failure leaves: the third batch says that nothing behind the first
        // is durable, and the second, a mark, is broken. So the third would follow any other mark.
        let path = Samples.path(1)
        var bytes = try #require(disk.contents(path))
        let segment = try SegmentHeader(decoding: bytes, file: path)
        bytes[8_192 + 50] ^= 1
        bytes.store(UInt32(8_192), at: 12_288 + 56)
        bytes.store(bytes.sum(12_288 + 8..<12_288 + 160, seed: segment.seed), at: 12_288 + 4)
        disk.setContents(path, bytes)
        #expect(BatchHeader(in: bytes, at: 12_288, segment: segment) != nil)

        let opened = try Samples.open(disk, Samples.small)
        #expect(opened.recovered.map(\.headers) == [[one.header]])
        opened.journal.close()
        let rewritten = try #require(disk.contents(path))
        let mark = try #require(BatchHeader(in: rewritten, at: 8_192, segment: segment))
        let old = try #require(BatchHeader(in: rewritten, at: 12_288, segment: segment))
        #expect(mark.number + 1 == old.number)
        #expect(mark.opening > old.opening)

        let again = try Samples.open(disk, Samples.small)
        #expect(again.recovered.map(\.headers) == [[one.header]])
        // The very same entry, now acknowledged, stays.
        try again.journal.write([.entry(two)])
        again.journal.close()
        let last = try Samples.open(disk, Samples.small)
        #expect(last.recovered.map(\.headers) == [[one.header, two.header]])
        last.journal.close()
    }
}
