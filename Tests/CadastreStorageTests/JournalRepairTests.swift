import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// A journal that is damaged below what was durable, and what is made of it with the help of others.
@Suite(.heavy)
struct JournalRepairTests {
    private enum Outcome: Hashable {
        /// The journal opens as it is: nothing durable was damaged.
        case opens
        /// It was mended, by this many entries from others.
        case repaired(Int)
        /// It was refused, and no file was touched.
        case refused
    }

    /// Opens, or repairs and opens; what comes of it must be `expected`.
    private func mend(
        _ disk: SimulatedDisk,
        _ written: WrittenJournal,
        snapshot: LogStart? = nil,
        _ comment: String
    ) throws -> Outcome {
        do throws(StorageError) {
            let opened = try Samples.open(disk, written.settings, seed: 9)
            opened.journal.close()
            #expect(opened.recovered == written.recovery, "\(comment)")
            return .opens
        } catch {
            let before = files(disk)
            let damage: JournalDamage?
            do throws(StorageError) {
                damage = try judge(disk)
            } catch {
                guard case .unproven = error else {
                    Issue.record("\(comment): \(error)")
                    return .refused
                }
                let isUntouched = files(disk) == before
                #expect(isUntouched, "\(comment)")
                return .refused
            }
            let known = try #require(damage, "\(comment): \(error)")
            #expect(known.hardState == written.recovery[0].hardState, "\(comment)")
            let repaired = try RepairedJournal(
                known,
                exchange(disk),
                identity: Samples.identity,
                settings: written.settings,
                snapshot: snapshot,
                seed: 77
            )
            while let missing = repaired.missing {
                guard let answer = written.answer(missing) else {
                    try #require(repaired.beginLater(), "\(comment): entry \(missing.index)")
                    continue
                }
                try repaired.take(answer.entries, after: answer.previousHash)
            }
            while try repaired.step() {}
            let isUntouched = files(disk) == before
            #expect(isUntouched, "\(comment)")
            try repaired.finish()
            try check(disk, written, comment)
            return .repaired(repaired.fetched.entries)
        }
    }

    private func check(
        _ disk: SimulatedDisk,
        _ written: WrittenJournal,
        _ comment: String
    ) throws {
        let opened = try Samples.open(disk, written.settings, seed: 10)
        defer { opened.journal.close() }
        let found = try #require(opened.recovered.first)
        let expected = written.recovery[0]
        #expect(opened.recovered.count == 1, "\(comment)")
        #expect(found.hardState == expected.hardState, "\(comment)")
        // It may begin earlier or later than it did, but is the same log.
        let common = max(found.start.position.index, expected.start.position.index)
        #expect(
            found.headers.filter { $0.index > common }
                == expected.headers.filter { $0.index > common },
            "\(comment)"
        )
        #expect(found.headers.last?.hash == expected.headers.last?.hash, "\(comment)")
        for header in expected.headers where header.index > common {
            let range = header.index..<header.index.next
            let entries = try opened.journal.read(.directory, range, maximumSize: 0)
            #expect(entries.first == written.entries[header.hash], "\(comment)")
        }
        let next = Samples.entry(after: found.headers.last, term: 90, items: [[1]])
        try opened.journal.write([.entry(next)])
    }

    /// The files of the journal itself, by name.
    private func files(_ disk: SimulatedDisk, in folder: String = "") -> [String: [UInt8]] {
        var files: [String: [UInt8]] = [:]
        let prefix = "\(Samples.directory)\(folder)/"
        for path in disk.paths where path.hasPrefix(prefix) && !path.hasSuffix("lock") {
            files[String(path.dropFirst(prefix.count))] = disk.contents(path)
        }
        return files
    }

    private func judge(_ disk: SimulatedDisk) throws(StorageError) -> JournalDamage? {
        try JournalDamage.judge(
            directory: Samples.directory,
            on: disk,
            identity: Samples.identity,
            group: .directory
        )
    }

    private func exchange(_ disk: SimulatedDisk) -> JournalExchange {
        JournalExchange(directory: Samples.directory, on: disk)
    }

    /// Blocks of all segments that hold something, with their files.
    private func blocks(_ written: WrittenJournal) -> [(path: String, block: Int)] {
        Samples.files(written.disk).keys.sorted().flatMap { path in
            let bytes = written.disk.contents(path) ?? []
            return stride(from: 0, to: bytes.count, by: 4_096)
                .filter { block in bytes[block..<block + 4_096].contains { $0 != 0 } }
                .map { (path, $0) }
        }
    }

    @Test(arguments: Depth.cases([1, 2, 3], quick: [1]) as [UInt64])
    func `any block that is lost comes back, or its loss is none, or nothing is touched`(
        seed: UInt64
    ) throws {
        let written = try WrittenJournal(seed: seed, count: Depth.cases(90, quick: 45))
        let last = try #require(Samples.files(written.disk).keys.sorted().last)
        var counts: [String: Int] = [:]
        for (path, block) in blocks(written) {
            for kind in Depth.cases(0..<3, quick: block / 4_096 % 3..<block / 4_096 % 3 + 1) {
                let disk = SimulatedDisk(copying: written.disk, seed: 1)
                switch kind {
                case 0: disk.zero(path, block..<block + 4_096)
                case 1: disk.flipBit(path, at: block + 60, bit: 3)
                default: disk.makeUnreadable(path, block..<block + 4_096)
                }
                let outcome = try mend(disk, written, "\(path) \(block) kind \(kind)")
                switch outcome {
                case .opens: counts["opens", default: 0] += 1
                case .repaired: counts["repaired", default: 0] += 1
                case .refused:
                    counts["refused", default: 0] += 1
                    #expect(path == last, "\(path) \(block): something behind it is whole")
                }
            }
        }
        #expect(counts["repaired"] ?? 0 > 5 * (counts["refused"] ?? 0), "\(counts)")
    }

    @Test
    func `several gaps, and whole files that are missing, are filled`() throws {
        let written = try WrittenJournal(seed: 5, count: Depth.cases(90, quick: 50))
        let all = blocks(written).filter { $0.block > 0 }
        var generator = SplitMix64(seed: 3)
        var repairs = 0
        for round in 0..<Depth.cases(300, quick: 12) {
            let disk = SimulatedDisk(copying: written.disk, seed: 1)
            for _ in 0..<2 + generator.next(below: 6) {
                let (path, block) = all[generator.next(below: all.count * 3 / 4)]
                disk.zero(path, block..<block + 4_096)
            }
            if case .repaired = try mend(disk, written, "round \(round)") { repairs += 1 }
        }
        #expect(repairs > Depth.cases(250, quick: 8))
        let paths = Samples.files(written.disk).keys.sorted()
        for path in paths.dropLast(2) {
            let disk = SimulatedDisk(copying: written.disk, seed: 1)
            try disk.remove(path)
            guard case .repaired = try mend(disk, written, "without \(path)") else {
                Issue.record("\(path) was not made up for")
                continue
            }
        }
    }

    @Test
    func `entries before the damage that were truncated within it are not taken`() throws {
        let disk = SimulatedDisk(seed: 5)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1]])
        let stale = Samples.entry(after: one.header, term: 1, items: [[2]])
        let two = Samples.entry(after: one.header, term: 2, items: [[3]])
        let three = Samples.entry(after: two.header, term: 2, items: [[4]])
        try journal.write([
            .entry(one), .hardState(.directory, HardState(term: Term(1), vote: .none)),
        ])
        try journal.write([.entry(stale)])
        let place = 4_096 + journal.statistics.bytes
        try journal.write([
            .truncate(.directory, from: two.index), .entry(two),
            .hardState(.directory, HardState(term: Term(2), vote: NodeID(3))),
        ])
        try journal.write([.entry(three)])
        try journal.writeMark()
        journal.close()
        let written = WrittenJournal(
            disk,
            Samples.small,
            [one, two, three],
            HardState(term: Term(2), vote: NodeID(3))
        )
        disk.zero(Samples.path(1), place..<place + 4_096)
        // Entry three, whose predecessor is not known, comes with the lost one.
        #expect(try mend(disk, written, "truncation in the gap") == .repaired(2))
    }

    @Test
    func `where the start itself is damaged, a log that others have whole begins at its beginning`()
        throws
    {
        let disk = SimulatedDisk(seed: 5)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1]])
        let two = Samples.entry(after: one.header, term: 1, items: [[2]])
        let three = Samples.entry(after: two.header, term: 1, items: [[3]])
        let state = HardState(term: Term(1), vote: .none)
        let start = LogStart(position: two.position, hash: two.hash, configuration: nil)
        let place = 4_096 + journal.statistics.bytes
        try journal.write([.start(.directory, start)])
        try journal.write([.hardState(.directory, state), .entry(three)])
        try journal.writeMark()
        journal.close()
        disk.zero(Samples.path(1), place..<place + 4_096)
        let damage = try #require(try judge(disk))
        let repaired = try RepairedJournal(
            damage,
            exchange(disk),
            identity: Samples.identity,
            settings: Samples.small,
            snapshot: nil,
            seed: 7
        )
        let entries = [one, two, three].prefix { $0.index <= repaired.missing?.index ?? .zero }
        try repaired.take(entries.map(\.bytes), after: .zero)
        #expect(repaired.missing == nil && repaired.fetched.entries == entries.count)
        while try repaired.step() {}
        try repaired.finish()
        let opened = try Samples.open(disk, Samples.small, seed: 10)
        defer { opened.journal.close() }
        let found = try #require(opened.recovered.first)
        #expect(found.start == .beginning && found.hardState == state)
        #expect(found.headers == [one.header, two.header, three.header])
    }

    @Test
    func `of an answer that goes back to before the log only the rest is taken`() throws {
        let disk = SimulatedDisk(seed: 5)
        try Samples.format(disk, Samples.small)
        let journal = try Samples.open(disk, Samples.small).journal
        let one = Samples.entry(after: nil, term: 1, items: [[1]])
        let two = Samples.entry(after: one.header, term: 1, items: [[2]])
        let three = Samples.entry(after: two.header, term: 1, items: [[3]])
        let four = Samples.entry(after: three.header, term: 1, items: [[4]])
        let state = HardState(term: Term(1), vote: .none)
        let start = LogStart(position: two.position, hash: two.hash, configuration: nil)
        try journal.write([.hardState(.directory, state), .start(.directory, start)])
        let place = 4_096 + journal.statistics.bytes
        try journal.write([.entry(three)])
        try journal.write([.entry(four)])
        try journal.writeMark()
        journal.close()
        disk.zero(Samples.path(1), place..<place + 4_096)
        let damage = try #require(try judge(disk))
        let repaired = try RepairedJournal(
            damage,
            exchange(disk),
            identity: Samples.identity,
            settings: Samples.small,
            snapshot: nil,
            seed: 7
        )
        #expect(repaired.missing?.index == four.index)
        try repaired.take([one, two, three, four].map(\.bytes), after: .zero)
        #expect(repaired.missing == nil && repaired.fetched.entries == 2)
        while try repaired.step() {}
        try repaired.finish()
        let opened = try Samples.open(disk, Samples.small, seed: 10)
        defer { opened.journal.close() }
        let found = try #require(opened.recovered.first)
        #expect(found.start.position == start.position && found.hardState == state)
        #expect(found.headers == [three.header, four.header])
    }

    @Test
    func `what others send counts only if it leads to what is proven`() throws {
        let written = try WrittenJournal(seed: 6)
        let (path, block) = blocks(written)[5]
        written.disk.zero(path, block..<block + 4_096)
        let damage = try #require(try judge(written.disk))
        let repaired = try RepairedJournal(
            damage,
            exchange(written.disk),
            identity: Samples.identity,
            settings: written.settings,
            snapshot: nil,
            seed: 7
        )
        let missing = try #require(repaired.missing)
        let right = try #require(written.answer(missing, count: 3))
        func expectRefused(_ entries: [[UInt8]], _ hash: EntryHash, _ comment: Comment) {
            #expect(throws: StorageError.self, comment) { try repaired.take(entries, after: hash) }
            #expect(repaired.missing == missing)
        }
        expectRefused([], right.previousHash, "nothing")
        expectRefused(right.entries.reversed(), right.previousHash, "the wrong order")
        expectRefused(right.entries, EntryHash(1, 2, 3, 4), "a wrong hash before")
        expectRefused(Array(right.entries.dropLast()), right.previousHash, "others than asked for")
        expectRefused(right.entries + [right.entries[0]], right.previousHash, "more than asked for")
        var bent = right.entries
        bent[0][bent[0].count - 1] ^= 1
        expectRefused(bent, right.previousHash, "a changed bit")
        for size in [0, 40, 103, 104] {
            expectRefused([Array(right.entries[0].prefix(size))], right.previousHash, "cut")
        }
        try repaired.take(right.entries, after: right.previousHash)
        #expect(repaired.missing != missing)
        repaired.close()
    }

    @Test
    func `where nobody has what is missing, the log begins at the node's own snapshot`() throws {
        var written = try WrittenJournal(seed: 8)
        let (path, block) = blocks(written)[3]
        written.disk.zero(path, block..<block + 4_096)
        let headers = written.recovery[0].headers
        written.compactedThrough = headers[headers.count * 3 / 4].index
        let header = headers[headers.count * 3 / 4 + 2]
        let snapshot = LogStart(
            position: header.position,
            hash: header.hash,
            configuration: Samples.configuration
        )
        guard case .repaired = try mend(written.disk, written, snapshot: snapshot, "compacted")
        else {
            Issue.record("not repaired")
            return
        }
        let opened = try Samples.open(written.disk, written.settings)
        #expect(opened.recovered[0].start.position <= snapshot.position)
        opened.journal.close()
    }

    @Test
    func `a crash at any call of the exchange is finished by the next start`() throws {
        let written = try WrittenJournal(seed: 4, count: 14)
        let (path, block) = blocks(written)[4]
        written.disk.zero(path, block..<block + 4_096)
        var nth = 1
        var crashes = 0
        while true {
            let disk = SimulatedDisk(copying: written.disk, seed: UInt64(nth))
            let damage = try #require(try judge(disk))
            let repaired = try RepairedJournal(
                damage,
                exchange(disk),
                identity: Samples.identity,
                settings: written.settings,
                snapshot: nil,
                seed: 77
            )
            while let missing = repaired.missing {
                let answer = try #require(written.answer(missing))
                try repaired.take(answer.entries, after: answer.previousHash)
            }
            while try repaired.step() {}
            disk.crash(atOperation: nth)
            var isFinished = false
            do throws(StorageError) {
                try repaired.finish()
                isFinished = true
            } catch {
                crashes += 1
            }
            disk.restart()
            if isFinished { break }
            // And again in the middle of what the next start does.
            disk.crash(atOperation: 1 + nth % 7)
            _ = try? exchange(disk).finish()
            disk.restart()
            disk.forgetFaults()
            _ = try exchange(disk).finish()
            // Either the damaged one is as it was, or the repaired one is in its place.
            let outcome = try mend(disk, written, "a crash at call \(nth)")
            #expect(outcome != .refused, "a crash at call \(nth)")
            nth += Depth.cases(1, quick: 3)
        }
        #expect(crashes > Depth.cases(10, quick: 3))
    }

    @Test
    func `what was replaced is kept, once`() throws {
        let written = try WrittenJournal(seed: 4, count: 14)
        let places = blocks(written)
        let damaged = SimulatedDisk(copying: written.disk, seed: 1)
        damaged.zero(places[4].path, places[4].block..<places[4].block + 4_096)
        let before = files(damaged)
        _ = try mend(damaged, written, "once")
        let isKept = files(damaged, in: ".damaged") == before
        #expect(isKept)
        #expect(try exchange(damaged).keptSize() == before.values.reduce(0) { $0 + $1.count })
        #expect(files(damaged, in: ".repaired").isEmpty)
    }
}
