import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// What stands at the beginning of a segment, forged in every way that no journal writes.
struct JournalResumeTests {
    /// Nine entries of two groups in three segments; the third holds one batch of two records behind
    /// its resumes, and a mark.
    private func written(compacted: Bool = false) throws -> SimulatedDisk {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        var ends: [LogStart] = [.beginning, .beginning]
        func next(_ group: Int, _ configuration: Configuration? = nil) -> JournalWrite {
            let entry = Samples.entry(
                behind: ends[group],
                group: GroupID(UInt32(group)),
                term: 1,
                configuration: configuration
            )
            ends[group] = LogStart(
                position: entry.position,
                hash: entry.hash,
                configuration: configuration ?? ends[group].configuration
            )
            return .entry(entry)
        }
        let state = HardState(term: Term(4), vote: NodeID(2))
        try journal.write([next(0, Samples.configuration(level: 1)), .hardState(GroupID(1), state)])
        try journal.write([next(1, Samples.configuration(level: 2))])
        for number in 0..<4 { try journal.write([next(number % 2)]) }
        try journal.write([next(0), next(1)])
        if compacted {
            for group in 0..<2 as Range<UInt32> {
                while try journal.compact(GroupID(group), through: LogIndex(3)) {}
            }
        } else {
            try journal.writeMark()
        }
        journal.close()
        return disk
    }

    /// Writes a batch of the third segment anew, its sums included.
    private func forge(
        _ disk: SimulatedDisk,
        at offset: Int = 4_096,
        _ change: (inout [Record.Content]) -> Void = { _ in },
        header edit: (inout BatchHeader) -> Void = { _ in }
    ) throws {
        let path = Samples.path(3)
        var bytes = try #require(disk.contents(path))
        let segment = try SegmentHeader(decoding: bytes, file: path)
        let old = try #require(BatchHeader(in: bytes, at: offset, segment: segment))
        var records = try Record.all(of: old, in: bytes, seed: segment.seed).map(\.content)
        change(&records)
        var header = BatchHeader(
            place: old.place,
            number: old.number,
            opening: old.opening,
            synced: old.synced,
            recordCount: records.count,
            recordsSize: records.reduce(0) { $0 + Record.size(of: $1) },
            firstSegment: old.firstSegment,
            groups: old.groups
        )
        edit(&header)
        #expect(header.size == old.size)
        var batch = [UInt8](repeating: 0, count: header.headerSize)
        for record in records {
            Record.append(record, to: &batch, base: offset, seed: segment.seed)
        }
        batch += [UInt8](repeating: 0, count: header.size - batch.count)
        header.encode(into: &batch, segment: segment)
        bytes.replaceSubrange(offset..<offset + batch.count, with: batch)
        disk.setContents(path, bytes)
    }

    private func expectContradiction(
        _ disk: SimulatedDisk,
        in range: Range<Int> = 4_096..<8_192,
        _ comment: String
    ) {
        let files = Samples.files(disk)
        let error = #expect(throws: StorageError.self, "\(comment)") { try Samples.open(disk) }
        guard case .contradictory(Samples.path(3), let offset, _) = error,
            range.contains(offset)
        else {
            Issue.record("\(comment): \(String(describing: error))")
            return
        }
        #expect(Samples.files(disk) == files, "\(comment)")
    }

    /// What may be wrong with a resume of the second group, the others being right.
    private static let wrong:
        [(name: String, change: @Sendable (inout HardState, inout LogStart) -> Void)] = [
            ("term", { state, _ in state.term = Term(5) }),
            ("vote", { state, _ in state.vote = .none }),
            ("index", { _, start in start.position.index = LogIndex(2) }),
            ("term of the entry", { _, start in start.position.term = Term(2) }),
            ("hash", { _, start in start.hash = EntryHash(1, 2, 3, 4) }),
            ("configuration", { _, start in start.configuration?.featureLevel = 9 }),
            ("no configuration", { _, start in start.configuration = nil }),
            ("nothing", { _, start in start = .beginning }),
        ]

    @Test(arguments: 0..<8)
    func `a resume that is not what the segments before lead to is refused`(number: Int) throws {
        let disk = try written()
        let wrong = Self.wrong[number]
        try forge(disk) { records in
            guard case .resume(let group, var state, var start) = records[1] else { return }
            #expect(group == GroupID(1))
            wrong.change(&state, &start)
            records[1] = .resume(group, state, start)
        }
        expectContradiction(disk, wrong.name)
    }

    @Test
    func `a batch written anew as it was is taken`() throws {
        for isCompacted in [false, true] {
            let disk = try written(compacted: isCompacted)
            let expected = try Samples.open(SimulatedDisk(copying: disk, seed: 1)).recovered
            try forge(disk)
            #expect(try Samples.open(disk).recovered == expected)
        }
    }

    @Test
    func `resumes that are missing, too many, out of order or out of place are refused`() throws {
        let changes: [(String, (inout [Record.Content]) -> Void)] = [
            ("none", { $0.removeFirst(2) }),
            ("one", { $0.remove(at: 1) }),
            ("the other", { $0.remove(at: 0) }),
            ("swapped", { $0.swapAt(0, 1) }),
            ("twice", { $0.insert($0[0], at: 0) }),
            ("a third", { $0.insert(.resume(GroupID(7), .initial, .beginning), at: 2) }),
            ("late", { $0.append($0.remove(at: 1)) }),
            ("again", { $0.append($0[0]) }),
        ]
        for (name, change) in changes {
            let disk = try written()
            try forge(disk, change)
            expectContradiction(disk, name)
        }
        let disk = try written()
        try forge(disk, at: 8_192) { $0.append(.resume(GroupID(7), .initial, .beginning)) }
        expectContradiction(disk, in: 8_192..<12_288, "not at the beginning")
    }

    @Test
    func `where the beginning is gone, resumes are out of order or out of place all the same`()
        throws
    {
        let changes: [(String, (inout [Record.Content]) -> Void)] = [
            ("swapped", { $0.swapAt(0, 1) }),
            ("twice", { $0.insert($0[0], at: 0) }),
            ("late", { $0.append($0.remove(at: 1)) }),
            ("again", { $0.append($0[0]) }),
            // Its entry follows nothing.
            ("one", { $0.remove(at: 0) }),
        ]
        for (name, change) in changes {
            let disk = try written(compacted: true)
            #expect(disk.contents(Samples.path(2)) == nil)
            try forge(disk, change)
            expectContradiction(disk, name)
        }
    }

    @Test
    func `a compacted log is not truncated at or below its start`() throws {
        for index in [0, 1, 3, 6] as [UInt64] {
            let disk = try written(compacted: true)
            try forge(disk) { $0.append(.truncation(.directory, from: LogIndex(index))) }
            expectContradiction(disk, "from \(index)")
        }
        // At its boundary it is: the sums are right, so what is refused is the mark of the group.
        let disk = try written(compacted: true)
        var start = LogStart.beginning
        try forge(disk) { records in
            guard case .resume(_, _, let first) = records[0] else { return }
            start = first
            records.append(.truncation(.directory, from: first.position.index.next))
        }
        expectContradiction(disk, in: 4_096..<4_097, "the mark")
        for offset in [4_096, 8_192] {
            try forge(
                disk,
                at: offset,
                header: {
                    $0.groups[0].last = start.position
                    $0.groups[0].hash = start.hash
                }
            )
        }
        let recovered = try Samples.open(disk).recovered
        #expect(recovered.first?.start == start)
        #expect(recovered.first?.headers == [])
    }

    @Test
    func `a start behind nothing is refused`() throws {
        let disk = try written()
        try forge(disk) { $0.append(.start(.directory, .beginning)) }
        expectContradiction(disk, "behind nothing")
    }

    @Test
    func `the first segment that is needed never falls, and began before`() throws {
        let disk = try written(compacted: true)
        // The mark says 3. Behind it there is nothing; before it, nothing may say more.
        let bytes = try #require(disk.contents(Samples.path(3)))
        let segment = try SegmentHeader(decoding: bytes, file: "")
        let mark = try #require(BatchHeader(in: bytes, at: 8_192, segment: segment))
        #expect(mark.firstSegment == 3)
        for first in [0, 4, .max] as [UInt64] {
            let copy = SimulatedDisk(copying: disk, seed: 1)
            try forge(copy, at: 8_192, header: { $0.firstSegment = first })
            expectContradiction(copy, in: 8_192..<12_288, "\(first)")
        }
        for first in [3, 4] as [UInt64] {
            let copy = SimulatedDisk(copying: disk, seed: 1)
            try forge(copy, header: { $0.firstSegment = first })
            expectContradiction(copy, "its own: \(first)")
        }
        let copy = SimulatedDisk(copying: disk, seed: 1)
        try forge(copy, header: { $0.firstSegment = 2 })
        try forge(copy, at: 8_192, header: { $0.firstSegment = 1 })
        #expect(throws: StorageError.missingSegment(file: Samples.path(2))) {
            try Samples.open(copy)
        }
    }

    /// One start passed over the segment and wrote its mark there; the next one began the journal at it.
    @Test
    func `a header that says where a journal begins is seen behind a blank block`() throws {
        let disk = try written(compacted: true)
        try forge(disk, at: 8_192, header: { $0.synced = .zero })
        var bytes = try #require(disk.contents(Samples.path(3)))
        bytes.replaceSubrange(4_096..<8_192, with: [UInt8](repeating: 0, count: 4_096))
        disk.setContents(Samples.path(3), bytes)
        let files = Samples.files(disk)
        let error = #expect(throws: StorageError.self) { try Samples.open(disk) }
        guard case .damaged(Samples.path(3), 4_096, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(Samples.files(disk) == files)
    }

    @Test(arguments: [Limits.maximumTerm / 2 + 1, Limits.maximumTerm])
    func `a journal whose next batches could not be read is not opened`(count: UInt64) throws {
        let disk = try written()
        try forge(disk, at: 8_192, header: { $0.opening = count })
        expectContradiction(disk, in: 8_192..<12_288, "opening \(count)")
        let other = try written()
        try forge(other, at: 8_192, header: { $0.number = count })
        expectContradiction(other, in: 8_192..<12_288, "batch \(count)")
    }

    /// No journal writes such a mark; with its beginning lost, nothing else would be noticed.
    @Test
    func `a compacted journal never comes back empty, whatever its marks say`() throws {
        let disk = try written(compacted: true)
        try forge(
            disk,
            at: 8_192,
            header: { $0.synced = JournalPlace(segment: 3, offset: 4_096) }
        )
        disk.flipBit(Samples.path(3), at: 4_300, bit: 1)
        let error = #expect(throws: StorageError.self) { try Samples.open(disk) }
        guard case .damaged(Samples.path(3), 4_096..<8_192, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    // MARK: Bytes

    @Test
    func `the start of a log is read as it was written, and no other bytes are`() throws {
        let starts = [
            LogStart.beginning,
            LogStart(
                position: LogPosition(index: LogIndex(7), term: Term(3)),
                hash: EntryHash(1, 2, 3, 4),
                configuration: nil
            ),
            LogStart(
                position: LogPosition(index: LogIndex(1 << 62), term: Term(1 << 62)),
                hash: EntryHash(.max, 2, 3, 4),
                configuration: Samples.configuration
            ),
        ]
        for start in starts {
            var bytes: [UInt8] = []
            LogStartFormat.append(start, to: &bytes)
            #expect(bytes.count == LogStartFormat.size(of: start))
            #expect(try LogStartFormat.decode(bytes[...]) == start)
            for count in bytes.indices where count != 48 {
                #expect(throws: StorageError.self) { try LogStartFormat.decode(bytes[..<count]) }
            }
            #expect(throws: StorageError.self) { try LogStartFormat.decode((bytes + [0])[...]) }
        }
        func decode(index: UInt64, term: UInt64, hash: UInt64) throws(StorageError) -> LogStart {
            var bytes: [UInt8] = []
            bytes.append(littleEndian: index)
            bytes.append(littleEndian: term)
            bytes.append(words: (hash, 0, 0, 0))
            return try LogStartFormat.decode(bytes[...])
        }
        for (index, term, hash) in [
            (0, 1, 0), (1, 0, 0), (0, 0, 1), (.max, 1, 1), (1, .max, 1), (1 << 62 + 1, 1, 1),
        ] as [(UInt64, UInt64, UInt64)] {
            #expect(throws: StorageError.self) {
                try decode(index: index, term: term, hash: hash)
            }
        }
    }
}
