package import CadastreDisk
package import RaftCore

/// One record of a group's log: its verbatim bytes and what was read from their head.
///
/// The bytes are laid out as EntryFormat.swift says.
package struct Entry: Hashable, Sendable {
    /// The bytes as the leader made them; what goes into the journal and over the wire.
    package let bytes: [UInt8]
    /// What Raft knows of the entry.
    package let header: EntryHeader

    /// Takes bytes from outside apart.
    /// - Throws: `malformedEntry` unless every field, limit and size of the layout holds and this
    ///   program has what opens each section. The hash is not looked at
    ///   (``verifies(after:using:)``), nor is anything decompressed (``items()``).
    package init(decoding bytes: [UInt8]) throws(StorageError) {
        header = try Entry.checked(bytes)
        self.bytes = bytes
    }

    /// For bytes just made or just checked.
    init(bytes: [UInt8], header: EntryHeader) {
        self.bytes = bytes
        self.header = header
    }

    /// Which cluster it belongs to.
    package var cluster: ClusterID {
        ClusterID(high: bytes.load(UInt64.self, at: 8), low: bytes.load(UInt64.self, at: 16))
    }
    /// Which group it belongs to.
    package var group: GroupID { GroupID(bytes.load(UInt32.self, at: 24)) }
    /// What every member was able to do when it was made.
    package var featureLevel: UInt32 { bytes.load(UInt32.self, at: 4) }
    /// The leader's wall clock, milliseconds since 1970.
    package var now: UInt64 { bytes.load(UInt64.self, at: 48) }
    /// Random bits for everything in the state that must vary.
    package var random: (UInt64, UInt64) {
        (bytes.load(UInt64.self, at: 56), bytes.load(UInt64.self, at: 64))
    }
    /// Where and in which era.
    package var position: LogPosition { header.position }
    /// The place.
    package var index: LogIndex { header.position.index }
    /// The era.
    package var term: Term { header.position.term }
    /// Fixes these bytes and the whole log before them.
    package var hash: EntryHash { header.hash }

    /// Whether the hash is that of these bytes after an entry with `previousHash`.
    ///
    /// Costs a SHA-256 over the entry; pass a kept `hasher` in loops.
    package func verifies(after previousHash: EntryHash, using hasher: SHA256 = SHA256()) -> Bool {
        unsafe Entry.hash(of: bytes.span.bytes, after: previousHash, using: hasher) == header.hash
    }

    /// The sections, in order.
    package var sections: [Section] {
        var sections: [Section] = []
        var offset = EntryFormat.headerSize
        for _ in 0..<bytes[3] {
            let section = Section(in: bytes, at: offset)
            sections.append(section)
            offset = section.stored.upperBound
        }
        return sections
    }

    /// Bytes of its sections before they were compressed, as they state it.
    package var rawSize: Int { sections.reduce(0) { $0 + $1.rawSize } }

    /// The commands; none in a no-op or a configuration.
    ///
    /// Decompresses into buffers of the sizes that the sections state.
    /// - Throws: `malformedEntry` when a section does not decompress to what it states, or its items
    ///   do not fill it exactly.
    package func items() throws(StorageError) -> EntryItems {
        switch header.kind {
        case .noOp, .configuration: return EntryItems(raw: [], ranges: [])
        case .commands: break
        }
        let sections = sections
        if sections.count == 1 {
            return try EntryItems(raw: try sections[0].raw(in: bytes), of: sections[0])
        }
        var all = EntryItems(raw: [], ranges: [])
        for section in sections {
            all.append(try EntryItems(raw: try section.raw(in: bytes), of: section))
        }
        return all
    }

    /// The hash of an entry's bytes after an entry with `previousHash`.
    static func hash(
        of bytes: RawSpan,
        after previousHash: EntryHash,
        using hasher: SHA256
    ) -> EntryHash {
        hasher.update(words: previousHash.words)
        unsafe bytes.withUnsafeBytes { bytes in
            unsafe hasher.update(UnsafeRawBufferPointer(rebasing: bytes[..<72]))
            unsafe hasher.update(UnsafeRawBufferPointer(rebasing: bytes[104...]))
        }
        let words = hasher.finalize().words
        return EntryHash(words.0, words.1, words.2, words.3)
    }
}

extension Entry {
    /// One section of an entry, as its head describes it.
    package struct Section: Hashable, Sendable {
        /// Whose commands; 0 for several tenants.
        package var tenant: UInt64
        /// The codec's number, checked when the entry was decoded.
        package var codec: Codec
        /// The dictionary of the codec; 0 for none.
        package var dictionary: UInt16
        /// The key of the stored bytes; 0 for none.
        package var keyID: UInt32
        /// How many items.
        package var itemCount: Int
        /// Bytes after decompression.
        package var rawSize: Int
        /// Where in the entry the stored bytes are.
        package var stored: Range<Int>

        /// Reads the head of a section that has been checked.
        fileprivate init(in bytes: [UInt8], at offset: Int) {
            tenant = bytes.load(UInt64.self, at: offset)
            codec = Codec(rawValue: bytes[offset + 8]) ?? .raw
            dictionary = bytes.load(UInt16.self, at: offset + 10)
            keyID = bytes.load(UInt32.self, at: offset + 12)
            itemCount = Int(bytes.load(UInt32.self, at: offset + 16))
            rawSize = Int(bytes.load(UInt32.self, at: offset + 20))
            let start = offset + EntryFormat.sectionHeaderSize
            stored = start..<start + Int(bytes.load(UInt32.self, at: offset + 24))
        }

        /// The content, decompressed.
        func raw(in bytes: [UInt8]) throws(StorageError) -> [UInt8] {
            switch codec {
            case .raw: return Array(bytes[stored])
            case .lz4, .lz4WithDictionary:
                let raw = LZ4.decompress(bytes, stored, size: rawSize, dictionary: dictionary)
                guard let raw else {
                    throw .malformedEntry(reason: "the section does not decompress")
                }
                return raw
            }
        }
    }

    /// The header of these bytes, if they are an entry in every respect but the hash.
    private static func checked(_ bytes: [UInt8]) throws(StorageError) -> EntryHeader {
        guard bytes.count >= EntryFormat.headerSize else {
            throw .malformedEntry(reason: "shorter than its header")
        }
        guard bytes.count <= Limits.maximumEntrySize else {
            throw .malformedEntry(reason: "larger than \(Limits.maximumEntrySize) bytes")
        }
        let version = bytes.load(UInt16.self, at: 0)
        guard version == EntryFormat.version else {
            throw .malformedEntry(reason: "unknown format version \(version)")
        }
        guard Int(bytes.load(UInt32.self, at: 28)) == bytes.count else {
            throw .malformedEntry(reason: "its size is not what it states")
        }
        let index = bytes.load(UInt64.self, at: 32)
        let term = bytes.load(UInt64.self, at: 40)
        guard (1...Limits.maximumTerm).contains(index), (1...Limits.maximumTerm).contains(term)
        else { throw .malformedEntry(reason: "impossible position \(index)@\(term)") }
        try checkSections(bytes)
        let words = bytes.loadWords(at: EntryFormat.hashOffset)
        return EntryHeader(
            position: LogPosition(index: LogIndex(index), term: Term(term)),
            kind: try kind(of: bytes),
            size: bytes.count,
            hash: EntryHash(words.0, words.1, words.2, words.3)
        )
    }

    /// The kind, with the number of sections that it asks for.
    private static func kind(of bytes: [UInt8]) throws(StorageError) -> EntryKind {
        switch (bytes[2], bytes[3]) {
        case (EntryFormat.kindCommands, 1...): return .commands
        case (EntryFormat.kindNoOp, 0): return .noOp
        case (EntryFormat.kindConfiguration, 1):
            let section = Section(in: bytes, at: EntryFormat.headerSize)
            guard section.codec == .raw, section.keyID == 0, section.itemCount == 1 else {
                throw .malformedEntry(reason: "a configuration that is not stored raw")
            }
            return .configuration(try ConfigurationFormat.decode(bytes[section.stored]))
        case (let kind, let count):
            throw .malformedEntry(reason: "kind \(kind) with \(count) sections")
        }
    }

    private static func checkSections(_ bytes: [UInt8]) throws(StorageError) {
        var offset = EntryFormat.headerSize
        var itemCount = 0
        var rawSize = 0
        for _ in 0..<bytes[3] {
            guard bytes.count - offset >= EntryFormat.sectionHeaderSize else {
                throw .malformedEntry(reason: "a section is shorter than its header")
            }
            let section = Section(in: bytes, at: offset)
            guard let codec = Codec(rawValue: bytes[offset + 8]), bytes[offset + 9] == 0,
                codec == .lz4WithDictionary
                    ? section.dictionary != 0 : section.dictionary == 0
            else { throw .malformedEntry(reason: "a section has an unknown codec") }
            guard LZ4.has(dictionary: section.dictionary) else {
                throw .malformedEntry(
                    reason: "a section needs dictionary \(section.dictionary), which is not known"
                )
            }
            guard section.keyID == 0 else {
                throw .malformedEntry(reason: "a section is encrypted under key \(section.keyID)")
            }
            guard section.stored.upperBound <= bytes.count else {
                throw .malformedEntry(reason: "a section is larger than its entry")
            }
            // Of all sections together: one after the other they would exhaust memory just as well.
            itemCount += section.itemCount
            rawSize += section.rawSize
            guard section.itemCount >= 1, itemCount <= BlockLimits.entryItems,
                section.rawSize >= 1, rawSize <= BlockLimits.entryRawSize
            else { throw .malformedEntry(reason: "its sections are beyond their limits") }
            guard section.hasPlausibleSizes else {
                throw .malformedEntry(reason: "a section's sizes contradict its codec")
            }
            offset = section.stored.upperBound
        }
        guard offset == bytes.count else {
            throw .malformedEntry(reason: "bytes follow the last section")
        }
    }
}

extension Entry.Section {
    /// Whether raw and stored size fit together.
    fileprivate var hasPlausibleSizes: Bool {
        switch codec {
        case .raw: stored.count == rawSize
        // LZ4 never does better than 255 to 1: anything above is meant to exhaust memory.
        case .lz4, .lz4WithDictionary: stored.count < rawSize && rawSize <= stored.count * 255
        }
    }
}

/// The commands of an entry: one buffer and the place of each in it.
package struct EntryItems: RandomAccessCollection, Hashable, Sendable {
    /// All raw bytes, the sizes between the items included.
    package private(set) var raw: [UInt8]
    /// Where each item is.
    package private(set) var ranges: [Range<Int>]

    fileprivate init(raw: [UInt8], ranges: [Range<Int>]) {
        self.raw = raw
        self.ranges = ranges
    }

    /// Takes the raw bytes of a section apart.
    fileprivate init(raw: [UInt8], of section: Entry.Section) throws(StorageError) {
        var ranges: [Range<Int>] = []
        ranges.reserveCapacity(section.itemCount)
        var offset = 0
        for _ in 0..<section.itemCount {
            guard raw.count - offset >= 4 else {
                throw .malformedEntry(reason: "an item is shorter than its size field")
            }
            let size = Int(raw.load(UInt32.self, at: offset))
            offset += 4
            guard raw.count - offset >= size else {
                throw .malformedEntry(reason: "an item is larger than its section")
            }
            ranges.append(offset..<offset + size)
            offset += size
        }
        guard offset == raw.count else {
            throw .malformedEntry(reason: "bytes follow the last item")
        }
        self.raw = raw
        self.ranges = ranges
    }

    fileprivate mutating func append(_ other: EntryItems) {
        let shift = raw.count
        raw += other.raw
        ranges += other.ranges.map { $0.lowerBound + shift..<$0.upperBound + shift }
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { ranges.count }
    package subscript(position: Int) -> ArraySlice<UInt8> { raw[ranges[position]] }
}
