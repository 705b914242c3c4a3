import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// Reading a journal again while it is in use: every damage of what is closed is found, nothing else is
/// taken for one.
struct JournalScrubTests {
    /// A journal of four tiny segments, of which the last is written to.
    private final class Written {
        let disk = SimulatedDisk(seed: 1)
        let journal: Journal
        let scrub: JournalScrub
        private var start = LogStart.beginning
        private var ends: [LogStart] = []
        private var term: UInt64 = 1

        init() throws {
            try Samples.format(disk)
            journal = try Samples.open(disk).journal
            scrub = JournalScrub(
                directory: Samples.directory,
                on: disk,
                cluster: Samples.identity.cluster
            )
            try append(10)
        }

        func append(_ count: Int) throws {
            for _ in 0..<count { try journal.write([.entry(next())]) }
        }

        /// Entries from this index on are truncated, and another one takes their place.
        func replace(from index: UInt64, inOneWrite: Bool) throws {
            ends.removeSubrange(Int(index - 1)...)
            start = ends.last ?? .beginning
            term += 1
            let truncation = JournalWrite.truncate(.directory, from: LogIndex(index))
            let entry = JournalWrite.entry(next())
            if inOneWrite {
                try journal.write([truncation, entry])
            } else {
                try journal.write([truncation])
                try journal.write([entry])
            }
        }

        private func next() -> Entry {
            let entry = Samples.entry(
                behind: start,
                term: term,
                items: [[1]],
                configuration: start == .beginning ? Samples.configuration(level: 1) : nil
            )
            start = LogStart(
                position: entry.position,
                hash: entry.hash,
                configuration: Samples.configuration(level: 1)
            )
            ends.append(start)
            return entry
        }

        /// One pass: bytes that were looked at, and what was found.
        func pass() -> (bytes: Int, damages: [StorageError]) {
            var bytes = 0
            var damages: [StorageError] = []
            for _ in 0..<1_000 {
                do throws(StorageError) {
                    guard let step = try scrub.step() else { return (bytes, damages) }
                    bytes += step
                } catch {
                    damages.append(error)
                }
            }
            Issue.record("a pass does not end")
            return (bytes, damages)
        }
    }

    @Test
    func `closed segments are read to their ends, again and again`() throws {
        let written = try Written()
        let first = written.pass()
        #expect(first.damages.isEmpty)
        #expect(first.bytes > 9 * 4_096)
        #expect(written.pass() == first)
        try written.append(3)
        let later = written.pass()
        #expect(later.damages.isEmpty && later.bytes > first.bytes)
    }

    @Test
    func `damage of any closed block is found with its place, and no other`() throws {
        let written = try Written()
        for number in 1...4 {
            let path = Samples.path(number)
            let whole = try #require(written.disk.contents(path))
            for block in 0..<whole.count / 4_096 {
                let range = block * 4_096..<(block + 1) * 4_096
                let isUsed = whole[range].contains { $0 != 0 }
                for isUnreadable in [false, true] {
                    if isUnreadable {
                        written.disk.makeUnreadable(path, range)
                    } else {
                        written.disk.flipBit(path, at: range.lowerBound + 20, bit: 1)
                    }
                    let damages = written.pass().damages
                    if number < 4, isUsed {
                        guard case .damaged(let file, let offset, _) = damages.first else {
                            Issue.record("segment \(number), block \(block): \(damages)")
                            continue
                        }
                        #expect(file == path && offset <= range.upperBound)
                        #expect(damages.count == 1)
                    } else {
                        #expect(damages.isEmpty, "segment \(number), block \(block)")
                    }
                    written.disk.setContents(path, whole)
                }
            }
        }
        #expect(written.pass().damages.isEmpty)
    }

    /// What a segment begins behind may have been taken back by a newer leader, and says no more what
    /// its entries follow.
    @Test(arguments: 5...10, [false, true])
    func `a truncation of what stands in earlier segments is no damage`(
        index: UInt64,
        inOneWrite: Bool
    ) throws {
        let written = try Written()
        try written.replace(from: index, inOneWrite: inOneWrite)
        for _ in 0..<4 {
            try written.append(2)
            #expect(written.pass().damages.isEmpty)
        }
    }

    @Test
    func `what reads wrong once is looked at again`() throws {
        let written = try Written()
        for nth in 1...30 {
            written.disk.fail(.read, nth: nth)
            #expect(written.pass().damages.isEmpty, "read \(nth)")
            written.disk.forgetFaults()
        }
    }

    @Test
    func `what is given back meanwhile is no damage`() throws {
        for steps in 0..<12 {
            let written = try Written()
            for _ in 0..<steps { _ = try written.scrub.step() }
            while try written.journal.compact(.directory, through: LogIndex(7)) {}
            #expect(written.pass().damages.isEmpty, "after \(steps) steps")
            #expect(written.pass().damages.isEmpty)
        }
    }

    @Test
    func `a journal without a closed segment has nothing to read`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk)
        let scrub = JournalScrub(
            directory: Samples.directory,
            on: disk,
            cluster: Samples.identity.cluster
        )
        while let bytes = try scrub.step() { #expect(bytes == 0) }
    }
}
