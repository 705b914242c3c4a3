import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Giving segments back, and starts of journals whose beginning is gone.
@Suite(.heavy)
struct JournalCompactionTests {
    /// A journal of tiny segments; each batch is one entry and takes a third of one.
    private struct Written {
        let disk: SimulatedDisk
        var journal: Journal
        var model = JournalModel()

        init(seed: UInt64 = 1) throws {
            disk = SimulatedDisk(seed: seed)
            try Samples.format(disk)
            journal = try Samples.open(disk).journal
        }

        mutating func write(_ batch: [JournalWrite]) throws(StorageError) {
            try journal.write(batch)
            model.apply(batch)
        }

        /// One batch for each term, the first a configuration.
        mutating func append(
            _ terms: [UInt64],
            to group: GroupID = .directory
        ) throws(StorageError) {
            for term in terms {
                let state = model.groups[group] ?? JournalModel.Group()
                let end = state.start(at: state.last)
                let entry = Samples.entry(
                    behind: end,
                    group: group,
                    term: term,
                    items: [[UInt8(truncatingIfNeeded: term)]],
                    configuration: end == .beginning ? Samples.configuration(level: 1) : nil
                )
                try write([.entry(entry)])
            }
        }

        /// Releases, and takes all steps that follow.
        mutating func compact(
            _ group: GroupID = .directory,
            through index: UInt64
        ) throws(StorageError) {
            let released = model.groups[group]?.released ?? .zero
            model.groups[group]?.released = max(released, LogIndex(index))
            while try journal.compact(group, through: LogIndex(index)) {}
        }

        mutating func reopen() throws -> [GroupRecovery] {
            journal.close()
            let opened = try Samples.open(disk)
            journal = opened.journal
            return opened.recovered
        }

        var segments: [Int] { (1...20).filter { disk.contents(Samples.path($0)) != nil } }
    }

    /// Ten entries: three in each segment, one in the fourth.
    private func ten() throws -> Written {
        var written = try Written()
        try written.append([UInt64](repeating: 1, count: 10))
        #expect(written.segments == [1, 2, 3, 4])
        return written
    }

    // MARK: What goes

    @Test
    func `whole segments go, and the log begins behind them`() throws {
        var written = try ten()
        let all = written.model.groups[.directory]?.entries ?? []
        try written.compact(through: 5)
        #expect(written.segments == [2, 3, 4])
        let last = try SegmentDump(reading: Samples.path(4), on: written.disk).batches.last
        #expect(last?.firstSegment == 2, "people who look at a file see what is not missing")
        #expect(written.journal.statistics.segments == 3)
        let start = LogStart(
            position: all[2].position,
            hash: all[2].hash,
            configuration: Samples.configuration(level: 1)
        )
        #expect(written.journal.start(of: .directory) == start)
        let range = LogIndex(4)..<LogIndex(11)
        #expect(
            try written.journal.read(.directory, range, maximumSize: .max / 2) == Array(all[3...])
        )
        for index in [1, 3] as [UInt64] {
            let gone = StorageError.unavailable(group: .directory, index: LogIndex(index))
            #expect(throws: gone) {
                try written.journal.read(
                    .directory,
                    LogIndex(index)..<LogIndex(9),
                    maximumSize: 9
                )
            }
        }
        #expect(written.journal.logs[.directory]?.places.count == 7)
        let recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
        #expect(recovered.first?.start == start)
        #expect(recovered.first?.headers == all[3...].map(\.header))
        try written.append([2, 2, 2])
        try written.compact(through: 12)
        #expect(written.segments == [5, 6])
        let again = try written.reopen()
        #expect(again == written.model.recovery(beginningAs: again))
        #expect(again.first?.start.position.index == LogIndex(10))
    }

    @Test
    func `nothing goes that is needed, and never the segment that is written to`() throws {
        var written = try ten()
        try written.compact(through: 2)
        #expect(written.segments == [1, 2, 3, 4])
        try written.compact(through: 3)
        #expect(written.segments == [2, 3, 4])
        try written.compact(through: 10)
        #expect(written.segments == [4])
        #expect(written.journal.start(of: .directory).position.index == LogIndex(9))
        // What was released once need not be said again, and no release is taken back.
        try written.append([1, 1, 1])
        try written.compact(through: 1)
        #expect(written.segments == [5, 6])
        let recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
        // Forgotten with the process.
        #expect(try written.journal.compact(.directory, through: LogIndex(1)) == false)
        #expect(written.segments == [5, 6])
    }

    @Test
    func `a group that is not compacted pins its segment and all later ones`() throws {
        var written = try Written()
        let idle = GroupID(7)
        try written.append([1, 1, 1, 1])
        try written.append([1], to: idle)
        try written.append([UInt64](repeating: 1, count: 6))
        #expect(written.segments == [1, 2, 3, 4])
        try written.compact(through: 9)
        #expect(written.segments == [2, 3, 4])
        try written.compact(idle, through: 1)
        // The second mark found no room in the fourth.
        #expect(written.segments == [4, 5])
        let recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
        #expect(recovered.map(\.headers.count) == [2, 0])
        #expect(written.journal.start(of: idle).position.index == LogIndex(1))
        // A group that nobody knows, and one without entries, pin nothing.
        #expect(written.journal.start(of: GroupID(9)) == .beginning)
        #expect(try written.journal.compact(GroupID(9), through: .zero) == false)
    }

    @Test
    func `a compaction goes by steps: the mark, one name each, the directory, the files`() throws {
        let written = try ten()
        written.disk.statistics = SimulatedDisk.Statistics()
        let through = LogIndex(10)
        var steps: [(segments: Int, syncs: Int, directorySyncs: Int)] = []
        var hasMore = true
        while hasMore {
            hasMore = try written.journal.compact(.directory, through: through)
            let statistics = written.disk.statistics
            steps.append((written.segments.count, statistics.syncs, statistics.directorySyncs))
        }
        #expect(steps.map(\.segments) == [4, 3, 2, 1, 1, 1, 1, 1])
        #expect(steps.map(\.syncs) == [1, 1, 1, 1, 1, 1, 1, 1])
        #expect(steps.map(\.directorySyncs) == [0, 0, 0, 0, 1, 1, 1, 1])
        #expect(written.disk.statistics.writtenBytes == 4_096)
        #expect(try written.journal.giveBack() == false)
        #expect(written.journal.needsMark, "the mark is like any other batch")
    }

    @Test
    func `large files are freed in pieces, once their names are durably gone`() throws {
        let disk = SimulatedDisk(seed: 1)
        let size = 10 * 1_048_576
        let settings = JournalSettings(segmentSize: size, sliceSize: 1_048_576)
        try Samples.format(disk, settings)
        let journal = try Samples.open(disk, settings).journal
        var end = LogStart.beginning
        while journal.statistics.segments < 2 {
            let noise = Samples.noise(4_000_000, seed: end.position.index.value)
            let entry = Samples.entry(behind: end, term: 1, items: [noise])
            try journal.write([.entry(entry)])
            end = LogStart(position: entry.position, hash: entry.hash, configuration: nil)
        }
        let last = end.position.index
        #expect(try journal.compact(.directory, through: last))
        var steps = 0
        let before = disk.statistics.operations
        while try journal.giveBack() { steps += 1 }
        // The name, the directory, 4 MiB, 4 MiB, the rest.
        #expect(steps == 4)
        #expect(disk.statistics.operations - before == 8)
        #expect(journal.nameless.isEmpty)
        journal.close()
        #expect(try Samples.open(disk, settings).recovered.first?.headers.map(\.index) == [last])
    }

    @Test
    func `a full journal gives back out of the reserve, and goes on`() throws {
        let disk = SimulatedDisk(seed: 1)
        let settings = JournalSettings(
            segmentSize: 16_384,
            sliceSize: 8_192,
            reserveSize: 40_000
        )
        try Samples.format(disk, settings)
        let journal = try Samples.open(disk, settings).journal
        disk.capacity = disk.usedBytes + 16_384 + 40_000
        var end = LogStart.beginning
        var refused: Entry?
        while refused == nil {
            let entry = Samples.entry(behind: end, term: 1)
            do throws(StorageError) {
                try journal.write([.entry(entry)])
                end = LogStart(position: entry.position, hash: entry.hash, configuration: nil)
            } catch {
                #expect(error.isOutOfSpace)
                refused = entry
            }
        }
        #expect(end.position.index == LogIndex(6))
        #expect(throws: StorageError.self) { try journal.writeMark() }
        while try journal.compact(.directory, through: LogIndex(6)) {}
        #expect(journal.statistics.segments == 1)
        try journal.write([.entry(try #require(refused))])
        #expect(try disk.freeSpace(Samples.directory) >= 40_000)
        while try journal.prepareAhead() {}
        journal.close()
        #expect(
            try Samples.open(disk, settings).recovered.first?.headers.map(\.index) == [LogIndex(7)]
        )

        // Without as much as a segment nothing can be given back, and nothing is broken.
        let full = SimulatedDisk(seed: 1)
        try Samples.format(full)
        let other = try Samples.open(full).journal
        full.capacity = full.usedBytes + 16_384
        end = .beginning
        for _ in 0..<6 {
            let entry = Samples.entry(behind: end, term: 1)
            try other.write([.entry(entry)])
            end = LogStart(position: entry.position, hash: entry.hash, configuration: nil)
        }
        let error = #expect(throws: StorageError.self) {
            try other.compact(.directory, through: LogIndex(6))
        }
        #expect(error?.isOutOfSpace == true)
        #expect(other.start(of: .directory) == .beginning)
        full.capacity = nil
        while try other.compact(.directory, through: LogIndex(6)) {}
        #expect(other.start(of: .directory).position.index == LogIndex(6))
    }

    // MARK: Truncations

    @Test
    func `a log is truncated down to where it begins, and no further`() throws {
        var written = try ten()
        try written.compact(through: 5)
        let hash = written.journal.start(of: .directory).hash
        try written.write([.truncate(.directory, from: LogIndex(4))])
        #expect(written.journal.logs[.directory]?.state.hash == hash)
        try written.append([3, 3])
        var recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
        #expect(recovered.first?.headers.map(\.term) == [Term(3), Term(3)])
        // In one batch, over entries of its own and durable ones.
        let end = written.journal.start(of: .directory)
        let entry = Samples.entry(behind: end, term: 4)
        let next = Samples.entry(after: entry.header, term: 4, items: [])
        try written.write([
            .truncate(.directory, from: LogIndex(5)),
            .truncate(.directory, from: LogIndex(4)), .entry(entry), .entry(next),
            .truncate(.directory, from: LogIndex(5)), .entry(next),
        ])
        recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
        #expect(recovered.first?.headers == [entry.header, next.header])
    }

    @Test
    func `a truncation of what is before the log is a bug`() async {
        await #expect(processExitsWith: .failure) {
            var written = try Written()
            try written.append([UInt64](repeating: 1, count: 10))
            try written.compact(through: 5)
            try written.journal.write([.truncate(.directory, from: LogIndex(3))])
        }
    }

    @Test
    func `entries that are not there cannot be released`() async {
        await #expect(processExitsWith: .failure) {
            var written = try Written()
            try written.append([1, 1])
            _ = try written.journal.compact(.directory, through: LogIndex(3))
        }
    }

    /// The second and the third segment begin behind entries that a truncation in the third took.
    @Test
    func `no journal begins at a segment whose beginning was taken back later`() throws {
        var written = try Written()
        try written.append([1, 1, 1, 1, 1, 1, 1])
        let second = try #require(written.model.groups[.directory]).start(at: LogIndex(2))
        try written.write([
            .truncate(.directory, from: LogIndex(3)),
            .entry(Samples.entry(behind: second, term: 2)),
        ])
        #expect(written.segments == [1, 2, 3])
        for isReopened in [false, true] {
            if isReopened { _ = try written.reopen() }
            try written.compact(through: 3)
            #expect(written.segments == [1, 2, 3])
        }
        try written.append([2, 2])
        #expect(written.segments == [1, 2, 3, 4])
        try written.compact(through: 3)
        #expect(written.segments == [4])
        let recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
    }

    // MARK: Snapshots

    private let snapshot = LogStart(
        position: LogPosition(index: LogIndex(40), term: Term(3)),
        hash: EntryHash(9, 8, 7, 6),
        configuration: Samples.configuration(level: 5)
    )

    @Test
    func `a snapshot takes the place of the log, and what it held goes`() throws {
        var written = try ten()
        let entry = Samples.entry(behind: snapshot, term: 3)
        let next = Samples.entry(after: entry.header, term: 4, items: [[1]])
        let state = HardState(term: Term(4), vote: .none)
        try written.write([
            .hardState(.directory, state), .start(.directory, snapshot),
            .truncate(.directory, from: LogIndex(41)), .entry(entry),
        ])
        #expect(written.journal.start(of: .directory) == snapshot)
        let dump = try SegmentDump(reading: Samples.path(4), on: written.disk)
        #expect(dump.batches.last?.groups.first?.last == entry.position)
        #expect(
            dump.batches.last?.records.map(\.content).contains(.start(.directory, snapshot))
                == true
        )
        var recovered = try written.reopen()
        #expect(recovered == written.model.recovery)
        try written.write([.entry(next)])
        let range = LogIndex(41)..<LogIndex(43)
        #expect(
            try written.journal.read(.directory, range, maximumSize: .max / 2) == [entry, next]
        )
        // Nobody says what is released: nothing of before is in the log.
        try written.compact(through: 40)
        #expect(written.segments == [4, 5])
        recovered = try written.reopen()
        #expect(recovered == written.model.recovery)
        #expect(recovered.first?.start == snapshot)
    }

    @Test
    func `a batch of a start alone names it as the last position`() throws {
        var written = try Written()
        try written.write([.start(.directory, snapshot)])
        let dump = try SegmentDump(reading: Samples.path(1), on: written.disk)
        #expect(dump.batches.first?.groups.first?.last == snapshot.position)
        #expect(dump.batches.first?.groups.first?.hash == snapshot.hash)
        // Shorter than the log that it replaces, and longer.
        try written.append([3, 3, 3])
        var other = snapshot
        other.position.index = LogIndex(42)
        other.configuration = nil
        try written.write([.start(.directory, other)])
        try written.append([3])
        let recovered = try written.reopen()
        #expect(recovered == written.model.recovery)
        #expect(recovered.first?.headers.map(\.index) == [LogIndex(43)])
    }

    @Test
    func `a start behind nothing is a bug`() async {
        await #expect(processExitsWith: .failure) {
            let written = try Written()
            try written.journal.write([.start(.directory, .beginning)])
        }
    }

    @Test
    func `the configuration in force goes along, through truncations too`() throws {
        var written = try Written()
        try written.append([1, 1])
        func configure(_ level: Int) throws {
            let state = try #require(written.model.groups[.directory])
            let entry = Samples.entry(
                behind: state.start(at: state.last),
                term: 1,
                configuration: Samples.configuration(level: level)
            )
            try written.write([.entry(entry)])
        }
        try configure(2)
        try configure(3)
        try written.write([.truncate(.directory, from: LogIndex(4))])
        try written.append([1, 1, 1])
        #expect(written.segments == [1, 2, 3])
        try written.compact(through: 3)
        #expect(written.segments == [2, 3])
        #expect(
            written.journal.start(of: .directory).configuration
                == Samples.configuration(level: 2)
        )
        let dump = try SegmentDump(reading: Samples.path(3), on: written.disk)
        guard case .resume(_, _, let start) = dump.batches.first?.records.first?.content else {
            Issue.record("no resume")
            return
        }
        #expect(start.configuration == Samples.configuration(level: 2))
        let recovered = try written.reopen()
        #expect(recovered == written.model.recovery(beginningAs: recovered))
    }

    // MARK: Files

    @Test
    func `segments that are left over go at the next start, whichever of them are there`() throws {
        let written = try ten()
        let before = SimulatedDisk(copying: written.disk, seed: 1)
        #expect(try written.journal.compact(.directory, through: LogIndex(10)))
        written.journal.close()
        for left in [[1, 2, 3], [1, 3], [2], []] {
            let disk = SimulatedDisk(copying: written.disk, seed: 1)
            for number in 1...3 where !left.contains(number) {
                try disk.remove(Samples.path(number))
            }
            // What is in them does not matter any more, nor whether they can be read.
            if left.contains(2) { disk.zero(Samples.path(2), 4_096..<16_384) }
            if left.contains(3) { disk.zero(Samples.path(3), 0..<4_096) }
            if left.contains(1) { disk.makeUnreadable(Samples.path(1), 0..<512) }
            let opened = try Samples.open(disk)
            #expect(opened.recovered.map(\.start.position.index) == [LogIndex(9)])
            #expect(opened.recovered.map(\.headers.count) == [1])
            for number in 1...3 { #expect(disk.contents(Samples.path(number)) == nil) }
            opened.journal.close()
        }
        // Without the mark all of them are needed.
        for number in 1...3 {
            let disk = SimulatedDisk(copying: before, seed: 1)
            try disk.remove(Samples.path(number))
            #expect(throws: StorageError.missingSegment(file: Samples.path(number))) {
                try Samples.open(disk)
            }
        }
    }

    /// The mark of a compaction, the first batch of its segment, is torn behind its header: that is
    /// cut and written over.
    @Test
    func `what a batch that is cut gives back goes only when that was said again`() throws {
        var written = try ten()
        try written.append([1, 1])
        #expect(try written.journal.compact(.directory, through: LogIndex(7)))
        written.journal.close()
        #expect(written.segments == [1, 2, 3, 4, 5])
        written.disk.flipBit(Samples.path(5), at: 4_096 + 200, bit: 1)
        let failing = SimulatedDisk(copying: written.disk, seed: 1)
        failing.fail(.write, nth: 1)
        #expect(throws: StorageError.self) { try Samples.open(failing) }
        for number in 1...5 { #expect(failing.contents(Samples.path(number)) != nil) }
        let recovered = try written.reopen()
        #expect(written.segments == [3, 4, 5])
        written.model.groups[.directory]?.released = LogIndex(7)
        #expect(recovered == written.model.recovery(beginningAs: recovered))
        #expect(recovered.first?.start.position.index == LogIndex(6))
        let again = try written.reopen()
        #expect(again == recovered)
    }

    @Test
    func `a segment that is needed and missing is named, and nothing is removed`() throws {
        var written = try ten()
        try written.append([1, 1, 1, 1, 1])
        #expect(written.segments == [1, 2, 3, 4, 5])
        #expect(try written.journal.compact(.directory, through: LogIndex(6)))
        written.journal.close()
        for number in 3...4 {
            let disk = SimulatedDisk(copying: written.disk, seed: 1)
            try disk.remove(Samples.path(number))
            let files = Samples.files(disk)
            #expect(throws: StorageError.missingSegment(file: Samples.path(number))) {
                try Samples.open(disk)
            }
            #expect(Samples.files(disk) == files)
        }
    }

    @Test
    func `damage below the mark is never cut when the beginning is gone`() throws {
        var written = try ten()
        try written.append([1, 1, 1, 1])
        try written.compact(through: 6)
        #expect(written.segments == [3, 4, 5])
        written.journal.close()
        let last = try #require(
            try SegmentDump(reading: Samples.path(5), on: written.disk).batches.last
        )
        for number in 3...5 {
            let path = Samples.path(number)
            for batch in try SegmentDump(reading: path, on: written.disk).batches {
                let isLast = number == 5 && batch.offset == last.offset
                let records = batch.offset + 88 + batch.groups.count * 72
                for offset in [batch.offset + 2, batch.offset + 72, records] where !isLast {
                    guard offset < records || !batch.records.isEmpty else { continue }
                    let disk = SimulatedDisk(copying: written.disk, seed: 1)
                    disk.flipBit(path, at: offset, bit: 1)
                    let files = Samples.files(disk)
                    let error = #expect(throws: StorageError.self) { try Samples.open(disk) }
                    guard case .damaged(path, let place, _) = error else {
                        Issue.record("\(path) at \(offset): \(String(describing: error))")
                        continue
                    }
                    #expect((batch.offset..<batch.offset + batch.size).contains(place))
                    #expect(Samples.files(disk) == files)
                }
            }
        }
    }

    @Test
    func `nothing goes when what would be the beginning cannot be read back`() throws {
        let written = try ten()
        let disk = written.disk
        disk.flipBit(Samples.path(3), at: 4_096 + 200, bit: 1)
        let error = #expect(throws: StorageError.self) {
            try written.journal.compact(.directory, through: LogIndex(6))
        }
        guard case .damaged(Samples.path(3), 4_096..<8_192, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(written.segments == [1, 2, 3, 4])
        disk.flipBit(Samples.path(3), at: 4_096 + 200, bit: 1)
        while try written.journal.compact(.directory, through: LogIndex(6)) {}
        #expect(written.segments == [3, 4])
    }
}
