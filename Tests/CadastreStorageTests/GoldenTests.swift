import CadastreDisk
import Glibc
import RaftCore
import Testing

@testable import CadastreStorage

/// Every format against bytes that were committed with it.
///
/// They change only with a new version; `CADASTRE_REWRITE=1` writes them anew.
struct GoldenTests {
    private static func entry(kind: EntryKind, items: [[UInt8]] = []) -> Entry {
        Entry.make(
            cluster: Samples.cluster,
            group: GroupID(0x4142_4344),
            position: LogPosition(
                index: LogIndex(0x0102_0304_0506_0708),
                term: Term(0x1112_1314_1516_1718)
            ),
            kind: kind,
            featureLevel: 0x5152_5354,
            now: 0x6162_6364_6566_6768,
            random: (0x7172_7374_7576_7778, 0x8182_8384_8586_8788),
            previousHash: EntryHash(1, 2, 3, 4),
            items: items
        )
    }

    private static let text = Array("datasets/train/images/part-00001-of-01024.parquet".utf8)

    private static let entries: [(name: String, entry: Entry, items: [[UInt8]])] = {
        let many = (0..<20).map { text + [UInt8($0)] }
        return [
            ("entry-no-op", entry(kind: .noOp), []),
            ("entry-configuration", entry(kind: .configuration(Samples.configuration)), []),
            (
                "entry-raw", entry(kind: .commands, items: [[1, 2, 3], [], [4]]),
                [[1, 2, 3], [], [4]]
            ),
            ("entry-lz4", entry(kind: .commands, items: many), many),
            ("entry-lz4-dictionary", entry(kind: .commands, items: [text]), [text]),
        ]
    }()

    @Test(arguments: [0, 1, 2])
    func `entries are encoded as ever`(number: Int) throws {
        let sample = Self.entries[number]
        #expect(try golden(sample.name, sample.entry.bytes) == sample.entry.bytes)
    }

    /// Compressed bytes may differ with the version of the library; what they mean may not.
    @Test(arguments: Self.entries.indices)
    func `entries are decoded as ever`(number: Int) throws {
        let sample = Self.entries[number]
        let entry = try Entry(decoding: try golden(sample.name, sample.entry.bytes))
        #expect(entry.verifies(after: EntryHash(1, 2, 3, 4)))
        #expect(try entry.items().map(Array.init) == sample.items)
        #expect(entry.header.kind == sample.entry.header.kind)
        #expect(entry.position == sample.entry.position)
        #expect(entry.sections.map(\.codec) == sample.entry.sections.map(\.codec))
    }

    /// One section per tenant, each stored in its own way: as later versions will write.
    @Test
    func `an entry of several sections is encoded and decoded as ever`() throws {
        let many = (0..<20).map { Self.text + [UInt8($0)] }
        let parts = [
            Self.entry(kind: .commands, items: [[1, 2, 3]]),
            Self.entry(kind: .commands, items: many),
            Self.entry(kind: .commands, items: [Self.text]),
        ]
        // Compressed bytes may differ with the version of the library: take those of the file.
        let path = "entry-sections"
        var made = Array(parts[0].bytes[..<104])
        for (place, part) in parts.enumerated() {
            let start = made.count
            made += part.bytes[104...]
            made.store(UInt64(place + 5), at: start)
        }
        made[3] = 3
        made.store(UInt32(made.count), at: 28)
        let previous = EntryHash(1, 2, 3, 4)
        let hash = Entry.hash(of: made.span.bytes, after: previous, using: SHA256())
        made.store(hash.words.0, at: 72)
        made.store(hash.words.1, at: 80)
        made.store(hash.words.2, at: 88)
        made.store(hash.words.3, at: 96)
        let entry = try Entry(decoding: try golden(path, made))
        #expect(entry.verifies(after: previous))
        #expect(entry.sections.map(\.tenant) == [5, 6, 7])
        #expect(entry.sections.map(\.codec) == [.raw, .lz4, .lz4WithDictionary])
        #expect(entry.sections.map(\.itemCount) == [1, 20, 1])
        #expect(try entry.items().map(Array.init) == [[1, 2, 3]] + many + [Self.text])
    }

    @Test
    func `a chain over two segments is written and read as ever`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, seed: 0x5a17)
        let opened = try Samples.open(disk, seed: 0x5a18)
        var entries: [Entry] = []
        for term in 1...4 as ClosedRange<UInt64> {
            let last = entries.last?.header
            let entry = Samples.entry(after: last, term: term, items: [[UInt8(term)]])
            try opened.journal.write([.entry(entry)])
            entries.append(entry)
        }
        try opened.journal.writeMark()
        opened.journal.close()
        let copy = SimulatedDisk(seed: 1)
        try copy.createDirectory(Samples.directory)
        for number in 1...2 {
            let written = try #require(disk.contents(Samples.path(number)))
            let bytes = try golden("chain-\(number)", written)
            #expect(bytes == written)
            copy.setContents(Samples.path(number), bytes)
        }
        let recovered = try Samples.open(copy)
        #expect(recovered.recovered.map(\.headers) == [entries.map(\.header)])
        let all = LogIndex(1)..<LogIndex(5)
        #expect(try recovered.journal.read(.directory, all, maximumSize: .max / 2) == entries)
    }

    @Test
    func `a segment is written and read as ever`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, seed: 0x5a17)
        let opened = try Samples.open(disk)
        let one = Samples.entry(after: nil, term: 1, items: [[1, 2, 3]])
        let other = Samples.entry(after: nil, group: GroupID(7), term: 2, items: [])
        try opened.journal.write([
            .hardState(.directory, HardState(term: Term(1), vote: NodeID(2))), .entry(one),
        ])
        try opened.journal.write([.truncate(.directory, from: LogIndex(1)), .entry(other)])
        try opened.journal.writeMark()
        opened.journal.close()
        let written = try #require(disk.contents(Samples.path(1)))
        let bytes = try golden("segment", written)
        #expect(bytes == written)

        let copy = SimulatedDisk(seed: 1)
        try copy.createDirectory(Samples.directory)
        copy.setContents(Samples.path(1), bytes)
        let recovered = try Samples.open(copy).recovered
        #expect(
            recovered == [
                GroupRecovery(
                    group: .directory,
                    hardState: HardState(term: Term(1), vote: NodeID(2)),
                    headers: []
                ),
                GroupRecovery(group: GroupID(7), hardState: .initial, headers: [other.header]),
            ]
        )
    }

    @Test
    func `a snapshot and the segment behind it are written and read as ever`() throws {
        let disk = SimulatedDisk(seed: 1)
        try Samples.format(disk, seed: 0x5a17)
        let opened = try Samples.open(disk, seed: 0x5a18)
        let start = LogStart(
            position: LogPosition(
                index: LogIndex(0x0102_0304_0506_0708),
                term: Term(0x1112_1314_1516_1718)
            ),
            hash: EntryHash(1, 2, 3, 4),
            configuration: Samples.configuration
        )
        let state = HardState(term: Term(0x2122_2324_2526_2728), vote: NodeID(0x31))
        var entries: [Entry] = []
        try opened.journal.write([
            .hardState(GroupID(7), state), .start(GroupID(7), start),
            .hardState(.directory, HardState(term: Term(1), vote: NodeID(2))),
        ])
        for _ in 0..<3 {
            let end = entries.last.map {
                LogStart(position: $0.position, hash: $0.hash, configuration: nil)
            }
            let entry = Samples.entry(
                behind: end ?? start,
                group: GroupID(7),
                term: start.position.term.value
            )
            try opened.journal.write([.entry(entry)])
            entries.append(entry)
        }
        let through = entries[1].index
        #expect(try opened.journal.compact(GroupID(7), through: through))
        opened.journal.close()
        let copy = SimulatedDisk(seed: 1)
        try copy.createDirectory(Samples.directory)
        for number in 1...2 {
            let written = try #require(disk.contents(Samples.path(number)))
            let bytes = try golden("snapshot-\(number)", written)
            #expect(bytes == written)
            copy.setContents(Samples.path(number), bytes)
        }
        let recovered = try Samples.open(copy).recovered
        #expect(copy.contents(Samples.path(1)) == nil)
        #expect(recovered.map(\.group) == [.directory, GroupID(7)])
        #expect(recovered.map(\.hardState.vote) == [NodeID(2), NodeID(0x31)])
        #expect(recovered.map(\.start.position.index) == [.zero, through])
        #expect(recovered.last?.start.configuration == Samples.configuration)
        #expect(recovered.last?.headers == [entries[2].header])
    }

    @Test
    func `a manifest of a snapshot is encoded and decoded as ever`() throws {
        let manifest = Samples.manifest
        let bytes = try golden("snapshot-manifest", manifest.encode())
        #expect(bytes == manifest.encode())
        #expect(try SnapshotManifest(decoding: bytes) == manifest)
    }

    // MARK: Files of hexadecimal lines, 32 bytes each; lines of zeros are left out.

    private func golden(_ name: String, _ made: [UInt8]) throws -> [UInt8] {
        let folder = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        let path = "/\(folder)/Golden/v1/\(name).hex"
        if getenv("CADASTRE_REWRITE") != nil {
            let file = try PosixDisk().open(path, mode: .create)
            try file.truncate(to: 0)
            try file.write(at: 0, Array(text(of: made).utf8))
            file.close()
        }
        let bytes = try PosixDisk().readWhole(path, maximumSize: 1_048_576)
        return parsed(String(decoding: bytes, as: UTF8.self))
    }

    private func text(of bytes: [UInt8]) -> String {
        var text = "size \(bytes.count)\n"
        for start in stride(from: 0, to: bytes.count, by: 32) {
            let line = bytes[start..<min(bytes.count, start + 32)]
            if line.allSatisfy({ $0 == 0 }) { continue }
            let digits = line.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
            text += "\(start) \(digits)\n"
        }
        return text
    }

    private func parsed(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: " ")
            guard parts.count == 2, let number = Int(parts[1]), parts[0] == "size" else {
                guard let start = Int(parts[0]) else { continue }
                let digits = Array(parts[1])
                for place in 0..<digits.count / 2 {
                    bytes[start + place] =
                        UInt8(String(digits[place * 2...place * 2 + 1]), radix: 16) ?? 0
                }
                continue
            }
            bytes = [UInt8](repeating: 0, count: number)
        }
        return bytes
    }
}
