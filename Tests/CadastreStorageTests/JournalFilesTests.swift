import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// Files that are missing, foreign, in the way or too many; and what a node does without them.
struct JournalFilesTests {
    /// A journal of several tiny segments.
    private func several() throws -> (disk: SimulatedDisk, model: JournalModel) {
        let disk = SimulatedDisk(seed: 8)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        var generator = SplitMix64(seed: 3)
        var model = JournalModel()
        while journal.statistics.segments < 4 {
            let batch = model.randomBatch(&generator)
            try journal.write(batch)
            model.apply(batch)
        }
        journal.close()
        return (disk, model)
    }

    private func refusal(_ disk: SimulatedDisk) -> StorageError? {
        let before = SimulatedDisk(copying: disk, seed: 1)
        let error = #expect(throws: StorageError.self) { try Samples.open(disk) }
        for path in before.paths { #expect(disk.contents(path) == before.contents(path)) }
        #expect(
            disk.paths.filter { !$0.hasSuffix("lock") }
                == before.paths.filter { !$0.hasSuffix("lock") }
        )
        return error
    }

    @Test(arguments: [1, 2, 3])
    func `a missing segment is named`(number: Int) throws {
        let disk = try several().disk
        try disk.remove(Samples.path(number))
        #expect(refusal(disk) == .missingSegment(file: Samples.path(number)))
    }

    @Test
    func `a renamed segment is named`() throws {
        let disk = try several().disk
        try disk.rename(Samples.path(2), to: Samples.path(7))
        #expect(refusal(disk) == .misplacedSegment(file: Samples.path(7), number: 2))
    }

    @Test
    func `a copy of a segment is named`() throws {
        let disk = try several().disk
        disk.setContents(Samples.path(5), try #require(disk.contents(Samples.path(3))))
        #expect(refusal(disk) == .misplacedSegment(file: Samples.path(5), number: 3))
    }

    @Test
    func `a file with a name of another kind is named`() throws {
        let disk = try several().disk
        let path = "\(Samples.directory)/journal-2.cadastre"
        disk.setContents(path, [1, 2, 3])
        #expect(refusal(disk) == .unrecognisedFile(file: path))
    }

    @Test
    func `a segment of another node, life or cluster is named`() throws {
        let disk = try several().disk
        var others = [Samples.identity, Samples.identity, Samples.identity]
        others[0].node = NodeID(3)
        others[1].incarnation = Incarnation(high: 1, low: 1)
        others[2].cluster = ClusterID(high: 1, low: 1)
        for other in others {
            let copy = SimulatedDisk(copying: disk, seed: 1)
            let header = SegmentHeader(identity: other, number: 2, salt: 9, size: 16_384)
            copy.setContents(
                Samples.path(2),
                header.encoded() + [UInt8](repeating: 0, count: 16_384 - 4_096)
            )
            #expect(
                refusal(copy)
                    == .wrongIdentity(
                        file: Samples.path(2),
                        expected: Samples.identity,
                        found: other
                    )
            )
        }
    }

    @Test
    func `a newer format is named`() throws {
        let disk = try several().disk
        var bytes = try #require(disk.contents(Samples.path(2)))
        bytes[8] = 2
        bytes.store(bytes.sum(16..<96, seed: bytes.sum(0..<12, seed: 0)), at: 12)
        disk.setContents(Samples.path(2), bytes)
        #expect(refusal(disk) == .newerFormat(file: Samples.path(2), version: 2))
    }

    @Test(arguments: 0..<96)
    func `a flipped bit in a segment's header is damage`(offset: Int) throws {
        let disk = try several().disk
        disk.flipBit(Samples.path(2), at: offset, bit: offset % 8)
        guard case .damaged(Samples.path(2), _, _) = refusal(disk) else {
            Issue.record("not named")
            return
        }
    }

    @Test(arguments: [0, 1, 95, 4_095])
    func `a file that ends in its header is damage`(size: Int) throws {
        let disk = try several().disk
        let bytes = try #require(disk.contents(Samples.path(2)))
        disk.setContents(Samples.path(2), Array(bytes[..<size]))
        guard case .damaged(Samples.path(2), size, _) = refusal(disk) else {
            Issue.record("not named")
            return
        }
    }

    @Test
    func `a segment emptied in the middle is damage of that file`() throws {
        let disk = try several().disk
        disk.zero(Samples.path(2), 4_096..<16_384)
        guard case .damaged(Samples.path(2), 4_096, _) = refusal(disk) else {
            Issue.record("not named")
            return
        }
    }

    @Test
    func `garbage behind the end of a segment means nothing`() throws {
        let (disk, model) = try several()
        let bytes = try #require(disk.contents(Samples.path(2)))
        disk.setContents(Samples.path(2), bytes + [1, 2, 3])
        #expect(try Samples.open(disk).recovered == model.recovery)
    }

    @Test
    func `an unfinished preparation is removed`() throws {
        let (disk, model) = try several()
        let path = Samples.path(9) + ".preparing"
        disk.setContents(path, [1, 2, 3])
        let opened = try Samples.open(disk)
        #expect(opened.recovered == model.recovery)
        #expect(disk.contents(path) == nil)
    }

    @Test
    func `a directory without a journal is told from an empty journal`() throws {
        let disk = SimulatedDisk(seed: 1)
        #expect(throws: StorageError.noJournal(directory: Samples.directory)) {
            try Samples.open(disk)
        }
        try Samples.format(disk)
        #expect(try Samples.open(disk).recovered.isEmpty)
        #expect(throws: StorageError.journalExists(directory: Samples.directory)) {
            try Samples.format(disk)
        }
    }

    @Test
    func `a crash while a journal is made leaves none or an empty one`() throws {
        var outcomes: Set<Bool> = []
        for nth in 1...20 {
            for seed in 0..<10 {
                let disk = SimulatedDisk(seed: UInt64(seed))
                disk.crash(atOperation: nth)
                let isMade = (try? Samples.format(disk)) != nil
                disk.crash()
                disk.restart()
                let exists = try Journal.exists(directory: Samples.directory, on: disk)
                if isMade { #expect(exists) }
                outcomes.insert(exists)
                if !exists { try Samples.format(disk) }
                #expect(try Samples.open(disk).recovered.isEmpty)
            }
        }
        #expect(outcomes == [true, false])
    }

    @Test(arguments: [SimulatedDisk.Fallible.write, .sync, .rename, .syncDirectory, .open])
    func `a failure while preparing that is not lack of room is final`(
        kind: SimulatedDisk.Fallible
    ) throws {
        for code in [5, 13, 30, 116] as [Int32] {
            let disk = SimulatedDisk(seed: 1)
            try Samples.format(disk)
            let journal = try Samples.open(disk).journal
            disk.fail(kind, nth: 1, code: code)
            let error = #expect(throws: StorageError.self) {
                while try journal.prepareAhead() {}
            }
            guard case .disk(let cause) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(cause.code == code)
            #expect(throws: StorageError.disk(cause)) { try journal.writeMark() }
            journal.close()
            disk.crash()
            disk.restart()
            #expect(try Samples.open(disk).recovered.isEmpty)
        }
    }

    @Test
    func `a second owner is refused until the first has let go`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let first = try Samples.open(disk).journal
        let locked = StorageError.locked(file: "\(Samples.directory)/lock")
        #expect(throws: locked) { try Samples.open(disk) }
        first.close()
        try Samples.open(disk).journal.close()
    }

    @Test(arguments: 1...12)
    func `a sync that fails is final`(nth: Int) throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        disk.fail(.sync, nth: nth)
        var generator = SplitMix64(seed: UInt64(nth))
        var model = JournalModel()
        var failure: StorageError?
        var attempted: [JournalWrite] = []
        for _ in 0..<30 {
            let batch = model.randomBatch(&generator)
            do {
                try journal.write(batch)
                #expect(failure == nil, "acknowledged after a failure")
                model.apply(batch)
            } catch {
                if let failure {
                    #expect(error == failure)
                } else {
                    failure = error
                    attempted = batch
                }
            }
        }
        guard case .disk(let cause) = failure else {
            Issue.record("no failure")
            return
        }
        #expect(cause.operation == .sync)
        journal.close()
        disk.crash()
        disk.restart()
        let recovered = try Samples.open(disk).recovered
        var longer = model
        longer.apply(attempted)
        #expect(recovered == model.recovery || recovered == longer.recovery)
    }

    @Test
    func `no room to prepare is not final and loses nothing`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        disk.capacity = disk.usedBytes
        var last: EntryHeader?
        var refused: Entry?
        while refused == nil {
            let entry = Samples.entry(
                after: last,
                term: 1,
                items: [[UInt8](repeating: 7, count: 9)]
            )
            do {
                try journal.write([.entry(entry)])
                last = entry.header
            } catch {
                #expect(error.isOutOfSpace)
                refused = entry
            }
        }
        #expect(last?.index == LogIndex(3))
        #expect(throws: StorageError.self) { try journal.prepareAhead() }
        disk.capacity = nil
        while try journal.prepareAhead() {}
        try journal.write([.entry(try #require(refused))])
        journal.close()
        #expect(try Samples.open(disk).recovered.first?.headers.count == 4)
    }

    @Test
    func `a batch is one write and one sync, on 4 KiB`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1]])
        let two = Samples.entry(after: one.header, term: 1, items: [[2]])
        disk.statistics = SimulatedDisk.Statistics()
        try journal.write([
            .hardState(.directory, HardState(term: Term(1), vote: NodeID(2))),
            .entry(one), .entry(two), .truncate(.directory, from: LogIndex(2)), .entry(two),
        ])
        #expect(disk.statistics.writes == 1)
        #expect(disk.statistics.syncs == 1)
        #expect(disk.statistics.writtenBytes == 4_096)
        #expect(journal.needsMark)
        try journal.writeMark()
        #expect(!journal.needsMark)
        let range = LogIndex(1)..<LogIndex(10)
        #expect(try journal.read(.directory, range, maximumSize: .max / 2) == [one, two])
        #expect(try journal.read(.directory, range, maximumSize: 0) == [one])
        let missing = StorageError.unavailable(group: .directory, index: LogIndex(3))
        #expect(throws: missing) {
            try journal.read(.directory, LogIndex(3)..<LogIndex(4), maximumSize: 9)
        }
    }

    @Test
    func `a read notices what the disk has changed`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1, 2, 3]])
        try journal.write([.entry(one)])
        disk.flipBit(Samples.path(1), at: 4_096 + 88 + 72 + 40, bit: 3)
        let error = #expect(throws: StorageError.self) {
            try journal.read(.directory, LogIndex(1)..<LogIndex(2), maximumSize: 9)
        }
        guard case .damaged(Samples.path(1), 4_256, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test
    func `a dump shows every record and where the damage is`() throws {
        let (disk, model) = try several()
        var model2 = JournalModel()
        for number in 1...3 {
            let dump = try SegmentDump(reading: Samples.path(number), on: disk)
            #expect(dump.problems.isEmpty)
            #expect(dump.number == UInt64(number))
            for record in dump.batches.flatMap(\.records) {
                switch record.content {
                case .entry(let entry): model2.apply([.entry(entry)])
                case .truncation(let group, let index):
                    model2.apply([.truncate(group, from: index)])
                case .hardState(let group, let state): model2.apply([.hardState(group, state)])
                case .start(let group, let start): model2.apply([.start(group, start)])
                case .resume(let group, let state, let start):
                    let known = model2.groups[group]
                    #expect(known?.hardState == state)
                    #expect(known.map { $0.start(at: $0.last) } == start)
                }
            }
        }
        if disk.contents(Samples.path(4))?[4_096...].allSatisfy({ $0 == 0 }) == true {
            #expect(model2 == model)
        }
        let record = try #require(
            try SegmentDump(reading: Samples.path(2), on: disk).batches.first?.records.first
        )
        disk.flipBit(Samples.path(2), at: record.offset + 20, bit: 1)
        let dump = try SegmentDump(reading: Samples.path(2), on: disk)
        #expect(dump.problems.map(\.offset) == [record.offset])
    }
}
