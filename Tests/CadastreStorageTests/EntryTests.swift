import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

struct EntryTests {
    private static func noise(_ count: Int) -> [UInt8] {
        var generator = SplitMix64(seed: UInt64(count))
        return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }

    private static func commands(_ count: Int, size: Int = 200) -> [[UInt8]] {
        (0..<count).map { number in
            Array("bucket/objects/\(number)/".utf8)
                + [UInt8](repeating: UInt8(number % 7), count: size)
        }
    }

    @Test(arguments: [
        (commands(1), Codec.lz4WithDictionary), (commands(15), .lz4WithDictionary),
        (commands(16), .lz4), (commands(512), .lz4), ([noise(300)], .raw), ([[]], .raw),
        ((0..<20).map { noise(300 + $0) }, .raw), ([noise(1_048_576)], .raw),
        ([[UInt8](repeating: 3, count: 1_048_576)], .lz4WithDictionary),
    ])
    func `an entry comes back as it was made`(items: [[UInt8]], codec: Codec) throws {
        let previous = EntryHash(1, 2, 3, 4)
        let entry = Entry.make(
            cluster: Samples.cluster,
            group: GroupID(5),
            position: LogPosition(index: LogIndex(6), term: Term(7)),
            kind: .commands,
            featureLevel: 8,
            now: 9,
            random: (10, 11),
            previousHash: previous,
            items: items
        )
        let decoded = try Entry(decoding: entry.bytes)
        #expect(decoded == entry)
        #expect(decoded.header == entry.header)
        #expect(decoded.header.size == entry.bytes.count)
        #expect(decoded.cluster == Samples.cluster)
        #expect(decoded.group == GroupID(5))
        #expect(decoded.position == LogPosition(index: LogIndex(6), term: Term(7)))
        #expect(decoded.featureLevel == 8)
        #expect(decoded.now == 9)
        #expect(decoded.random == (10, 11))
        #expect(try decoded.items().map(Array.init) == items)
        #expect(decoded.sections.map(\.codec) == [codec])
        #expect(decoded.verifies(after: previous))
        #expect(!decoded.verifies(after: .zero))
    }

    @Test
    func `a no-op and a configuration come back as they were made`() throws {
        for kind in [EntryKind.noOp, .configuration(Samples.configuration)] {
            let entry = Entry.make(
                cluster: Samples.cluster,
                group: .directory,
                position: LogPosition(index: LogIndex(1), term: Term(1)),
                kind: kind,
                featureLevel: 1,
                now: 1,
                random: (0, 0),
                previousHash: .zero
            )
            let decoded = try Entry(decoding: entry.bytes)
            #expect(decoded.header == entry.header)
            #expect(decoded.header.kind == kind)
            #expect(try decoded.items().isEmpty)
            #expect(decoded.verifies(after: .zero))
        }
    }

    @Test
    func `every bit is covered by the hash or is the hash`() throws {
        let entry = Samples.entry(after: nil, term: 3, items: [[1, 2, 3]])
        for bit in 0..<entry.bytes.count * 8 {
            var bytes = entry.bytes
            bytes[bit / 8] ^= 1 << UInt8(bit % 8)
            guard let decoded = try? Entry(decoding: bytes) else { continue }
            #expect(!decoded.verifies(after: .zero), "bit \(bit)")
        }
    }

    @Test
    func `no cut or flipped entry makes the decoder trap`() {
        let entries = [
            Samples.entry(after: nil, term: 3, items: Self.commands(3)),
            Samples.entry(after: nil, term: 3, items: Self.commands(20, size: 20)),
            Entry.make(
                cluster: Samples.cluster,
                group: .directory,
                position: LogPosition(index: LogIndex(1), term: Term(1)),
                kind: .configuration(Samples.configuration),
                featureLevel: 1,
                now: 1,
                random: (0, 0),
                previousHash: .zero
            ),
        ]
        var generator = SplitMix64(seed: 4)
        for entry in entries {
            for size in 0..<entry.bytes.count {
                #expect(throws: StorageError.self) {
                    try Entry(decoding: Array(entry.bytes[..<size]))
                }
            }
            for _ in 0..<3_000 {
                var bytes = entry.bytes
                for _ in 0...generator.next(below: 3) {
                    bytes[generator.next(below: bytes.count)] = UInt8(
                        truncatingIfNeeded: generator.next()
                    )
                }
                // Refused or not, it comes back.
                _ = try? Entry(decoding: bytes).items()
            }
        }
    }

    /// A field of a good entry, and a value that makes it a bad one.
    @Test(
        arguments: [
            (0, 2, 2), (0, 2, 0), (2, 1, 0), (2, 1, 2), (2, 1, 3), (2, 1, 4), (3, 1, 0), (3, 1, 2),
            (28, 4, 0), (28, 4, 1 << 31), (32, 8, 0), (32, 8, 1 << 62 + 1), (40, 8, 0),
            (40, 8, .max), (112, 1, 3), (112, 1, 1), (112, 1, 2), (113, 1, 1), (114, 2, 1),
            (120, 4, 0), (120, 4, 513), (124, 4, 0), (124, 4, 8), (124, 4, 1 << 22 + 5),
            (128, 4, 0), (128, 4, 8), (128, 4, 1 << 32 - 1),
        ] as [(Int, Int, UInt64)]
    )
    func `a malformed field is refused`(offset: Int, width: Int, value: UInt64) throws {
        var bytes = Samples.entry(after: nil, term: 3, items: [[1, 2, 3]]).bytes
        _ = try Entry(decoding: bytes)
        for place in 0..<width {
            bytes[offset + place] = UInt8(truncatingIfNeeded: value >> UInt64(8 * place))
        }
        let error = #expect(throws: StorageError.self) { try Entry(decoding: bytes) }
        guard case .malformedEntry = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test
    func `more bytes than an entry may have are refused`() {
        let bytes = [UInt8](repeating: 0, count: Limits.maximumEntrySize + 1)
        #expect(throws: StorageError.self) { try Entry(decoding: bytes) }
    }

    /// An entry with one section of these fields.
    private func entry(
        codec: UInt8,
        dictionary: UInt16 = 0,
        items: UInt32 = 1,
        rawSize: Int,
        stored: [UInt8]
    ) -> [UInt8] {
        var bytes = Samples.entry(after: nil, term: 1, items: []).bytes
        bytes[2] = 1
        bytes[3] = 1
        bytes.append(littleEndian: UInt64(0))
        bytes += [codec, 0]
        bytes.append(littleEndian: dictionary)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: items)
        bytes.append(littleEndian: UInt32(rawSize))
        bytes.append(littleEndian: UInt32(stored.count))
        bytes += stored
        bytes.store(UInt32(bytes.count), at: 28)
        return bytes
    }

    @Test
    func `compressed bytes that lie about their content are refused`() throws {
        // Two literals, then a copy from before the beginning.
        let outside: [UInt8] = [0x24, 1, 2, 0xff, 0x7f, 0x50, 1, 2, 3, 4, 5]
        let zero: [UInt8] = [0x24, 1, 2, 0, 0, 0x50, 1, 2, 3, 4, 5]
        let good = try #require(
            LZ4.compress([UInt8](repeating: 1, count: 1_000), dictionary: 0)
        )
        let cases: [(Int, [UInt8])] = [
            (15, outside), (15, zero), (999, good), (1_001, good), (500, Array(good.dropLast())),
            (1_000, good + [0]), (4 * 1_048_576, [UInt8](repeating: 0xff, count: 16_500)),
            (200, [0xf0]), (20, [0x00]),
        ]
        for (rawSize, stored) in cases {
            let error = #expect(throws: StorageError.self) {
                try Entry(decoding: entry(codec: 1, rawSize: rawSize, stored: stored)).items()
            }
            guard case .malformedEntry = error else {
                Issue.record("\(String(describing: error))")
                return
            }
        }
        // The honest one: an item of 996 bytes of the value 1, whose size field says otherwise.
        let honest = try Entry(decoding: entry(codec: 1, rawSize: 1_000, stored: good))
        #expect(throws: StorageError.self) { try honest.items() }
    }

    @Test
    func `a bomb is refused before memory is reserved for it`() {
        let bomb = entry(codec: 1, rawSize: 4 * 1_048_576, stored: [1, 2, 3])
        #expect(throws: StorageError.self) { try Entry(decoding: bomb) }
    }

    /// What nobody here can open must not be stored, let alone acknowledged.
    @Test
    func `an unknown dictionary and an encrypted section are refused when decoded`() throws {
        let stored = [UInt8](repeating: 7, count: 40)
        _ = try Entry(decoding: entry(codec: 2, dictionary: 1, rawSize: 100, stored: stored))
        for dictionary in [2, 9, .max] as [UInt16] {
            let unknown = entry(codec: 2, dictionary: dictionary, rawSize: 100, stored: stored)
            #expect(throws: StorageError.self) { try Entry(decoding: unknown) }
        }
        for codec in [0, 1] as [UInt8] {
            var encrypted = entry(codec: codec, rawSize: codec == 0 ? 40 : 100, stored: stored)
            _ = try Entry(decoding: encrypted)
            encrypted[104 + 12] = 1
            #expect(throws: StorageError.self) { try Entry(decoding: encrypted) }
        }
    }

    /// The first entry with the sections of both.
    private func joined(_ first: [UInt8], _ second: [UInt8], times: Int = 1) -> [UInt8] {
        var bytes = first
        for _ in 0..<times { bytes += second[104...] }
        bytes[3] = UInt8(1 + times)
        bytes.store(UInt32(bytes.count), at: 28)
        return bytes
    }

    @Test
    func `the sections of an entry have one bound together`() throws {
        let stored = [UInt8](repeating: 7, count: 16_600)
        let large = entry(codec: 1, rawSize: 4 * 1_048_576, stored: stored)
        _ = try Entry(decoding: large)
        for times in [1, 2, 50] {
            #expect(throws: StorageError.self) {
                try Entry(decoding: joined(large, large, times: times))
            }
        }
        let rest = BlockLimits.entryRawSize - 4 * 1_048_576
        let small = [UInt8](repeating: 7, count: rest)
        _ = try Entry(decoding: joined(large, entry(codec: 0, rawSize: rest, stored: small)))
        let more = entry(codec: 0, rawSize: rest + 1, stored: small + [7])
        #expect(throws: StorageError.self) { try Entry(decoding: joined(large, more)) }

        func items(_ count: Int) -> [UInt8] {
            let raw = [UInt8](repeating: 0, count: 4 * count)
            return entry(codec: 0, items: UInt32(count), rawSize: raw.count, stored: raw)
        }
        #expect(try Entry(decoding: joined(items(256), items(256))).items().count == 512)
        #expect(throws: StorageError.self) { try Entry(decoding: joined(items(256), items(257))) }
    }

    @Test
    func `items that do not fill their section are refused`() throws {
        for stored in [[3, 0, 0, 0, 1, 2], [1, 0, 0, 0, 1, 2], [255, 255, 255, 255], [0, 0, 0]]
            as [[UInt8]]
        {
            let bytes = entry(codec: 0, rawSize: stored.count, stored: stored)
            #expect(throws: StorageError.self) { try Entry(decoding: bytes).items() }
        }
    }

    @Test
    func `several sections give their commands in order`() throws {
        let bytes = joined(
            entry(codec: 0, rawSize: 6, stored: [2, 0, 0, 0, 8, 9]),
            entry(codec: 0, items: 2, rawSize: 9, stored: [0, 0, 0, 0, 1, 0, 0, 0, 5])
        )
        #expect(try Entry(decoding: bytes).items().map(Array.init) == [[8, 9], [], [5]])
    }

    @Test
    func `a block closes at its bytes and its operations`() {
        var block = BlockBuilder()
        /// What the block answers to commands of these sizes and operations.
        func answers(_ commands: [(size: Int, operations: Int)]) -> [Bool] {
            commands.map {
                block.add([UInt8](repeating: 0, count: $0.size), operations: $0.operations)
            }
        }
        #expect(answers([(BlockLimits.commandSize, 1_000), (1, 1)]) == [true, false])
        _ = block.finish()
        #expect(block.isEmpty)
        let sizes = [(200 * 1_024, 1), (60 * 1_024, 1), (1, 511), (1, 1)]
        #expect(answers(sizes) == [true, false, true, false])
        #expect(block.count == 2)
        #expect(block.operations == 512)
    }

    @Test
    func `limits stand in relation`() {
        let overhead = EntryFormat.headerSize + EntryFormat.sectionHeaderSize
        #expect(BlockLimits.entryRawSize + overhead <= Limits.maximumEntrySize)
        #expect(BlockLimits.blockSize < BlockLimits.commandSize)
        let segment = JournalSettings().segmentSize
        #expect(Limits.maximumEntrySize * 2 + 65_536 < segment)
        #expect(BlockLimits.entryItems >= BlockLimits.blockOperations)
    }

    @Test
    func `dictionary 1 is what it always was`() {
        let digest = SHA256.hash(CompressionDictionary.first)
        #expect(CompressionDictionary.first.count == 8_192)
        #expect(digest.words.0 == 8_826_697_556_387_792_953)
    }

    @Test
    func `a malformed configuration is refused`() throws {
        let good = ConfigurationFormat.encode(Samples.configuration)
        #expect(try ConfigurationFormat.decode(good[...]) == Samples.configuration)
        func refused(_ change: (inout [UInt8]) -> Void) {
            var bytes = good
            change(&bytes)
            #expect(throws: StorageError.self) { try ConfigurationFormat.decode(bytes[...]) }
        }
        for size in 0..<good.count { refused { $0.removeLast($0.count - size) } }
        refused { $0.append(0) }
        refused { $0[4] = 0 }
        refused { $0[4] = 17 }
        refused { $0[6] = 17 }
        refused { $0[8] = 0 }
        refused { $0[8] = 2 }
        refused { $0[32] = 0 }
        refused { $0[32] = 4 }
        refused { $0[33] = 1 }
        refused { $0[35] = 1 }
        refused { $0[42] = 0xff }
        let learners = Configuration(
            members: Samples.configuration.members.filter { $0.role == .learner },
            featureLevel: 1
        )
        #expect(throws: StorageError.self) {
            try ConfigurationFormat.decode(ConfigurationFormat.encode(learners)[...])
        }
    }
}
