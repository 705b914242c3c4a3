internal import CadastreDisk
internal import RaftCore

@testable internal import CadastreStorage

/// What is in journals and snapshots, and comes from peers to be kept there.
extension Rules {
    static func entry(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let decoded = try exact(bytes, { try Entry(decoding: $0) }, { $0.bytes })
        guard let entry = decoded else { return false }
        try require(
            entry.header.size == bytes.count && bytes.count <= Limits.maximumEntrySize,
            "an entry of another size than it says"
        )
        try require(
            (1...Limits.maximumTerm).contains(entry.index.value)
                && (1...Limits.maximumTerm).contains(entry.term.value),
            "a position that could overflow"
        )
        _ = entry.verifies(after: .zero)
        if case .configuration(let configuration) = entry.header.kind {
            try keepable(configuration)
        }
        return try items(of: entry) != nil
    }

    /// The items, held against the sections that promise them.
    private static func items(of entry: Entry) throws(BrokenRule) -> EntryItems? {
        guard let items = try? entry.items() else { return nil }
        guard case .commands = entry.header.kind else {
            try require(items.isEmpty, "commands in an entry that is none of commands")
            return items
        }
        let sections = entry.sections
        try require(
            items.count == sections.reduce(0) { $0 + $1.itemCount }
                && items.count <= BlockLimits.entryItems,
            "other items than the sections say, or too many"
        )
        let rawSize = sections.reduce(0) { $0 + $1.rawSize }
        try require(
            items.raw.count == rawSize && rawSize <= BlockLimits.entryRawSize
                && items.reduce(4 * items.count) { $0 + $1.count } == rawSize,
            "items that do not fill what the sections say"
        )
        return items
    }

    /// A compressed block: the first byte says how, the next three how many items and how many raw
    /// bytes it claims, the rest is what is stored.
    static func block(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try compression(bytes)
        guard bytes.count > 4 else { return false }
        let codec = bytes[0] % 3
        let stored = Array(bytes[4...])
        var made = [UInt8](repeating: 0, count: EntryFormat.headerSize)
        made.store(EntryFormat.version, at: 0)
        made[2] = EntryFormat.kindCommands
        made[3] = 1
        made.store(UInt64(1), at: 32)
        made.store(UInt64(1), at: 40)
        made.append(littleEndian: UInt64(0))
        made.append(codec)
        made.append(0)
        made.append(littleEndian: codec == Codec.lz4WithDictionary.rawValue ? 1 : UInt16(0))
        made.append(littleEndian: UInt32(0))
        made.append(littleEndian: UInt32(bytes[1]))
        made.append(littleEndian: UInt32(bytes.load(UInt16.self, at: 2)))
        made.append(littleEndian: UInt32(stored.count))
        made += stored
        made.store(UInt32(made.count), at: 28)
        guard let entry = try? Entry(decoding: made), let items = try items(of: entry) else {
            return false
        }
        let again = Entry.make(
            cluster: entry.cluster,
            group: entry.group,
            position: entry.position,
            kind: .commands,
            featureLevel: 0,
            now: 0,
            random: (0, 0),
            previousHash: .zero,
            items: items.map(Array.init)
        )
        guard let written = try Self.items(of: again) else {
            throw BrokenRule("what was in a block cannot be stored in another")
        }
        try require(written.raw == items.raw, "a block keeps other items than it was given")
        return true
    }

    /// Whatever is compressed is the same when it is decompressed.
    private static func compression(_ bytes: [UInt8]) throws(BrokenRule) {
        for dictionary in [0, LZ4.currentDictionary] {
            guard let compressed = LZ4.compress(bytes, dictionary: dictionary) else { continue }
            let raw = LZ4.decompress(
                compressed,
                0..<compressed.count,
                size: bytes.count,
                dictionary: dictionary
            )
            try require(
                raw == bytes && compressed.count < bytes.count,
                "dictionary \(dictionary) loses bytes or gains none"
            )
        }
    }

    static func configuration(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let configuration = try exact(
            bytes,
            { try ConfigurationFormat.decode($0[...]) },
            ConfigurationFormat.encode
        )
        guard let configuration else { return false }
        try require(
            ConfigurationFormat.size(of: configuration) == bytes.count,
            "a configuration of another size than is said"
        )
        try require(
            (1...Limits.maximumMembers).contains(configuration.members.count)
                && configuration.outgoing.count <= Limits.maximumMembers,
            "more members than are allowed"
        )
        return true
    }

    /// What a node may start with or be told must fit into its log.
    static func keepable(_ configuration: Configuration) throws(BrokenRule) {
        let kept = try? ConfigurationFormat.decode(ConfigurationFormat.encode(configuration)[...])
        try require(kept == configuration, "a configuration that no log keeps as it is")
    }

    /// A manifest whose checksum is right, whatever else is wrong with it.
    static func snapshotManifest(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        var bytes = bytes
        if bytes.count >= SnapshotManifestFormat.headerSize {
            bytes.store(SnapshotManifestFormat.sum(bytes), at: 12)
        }
        let decoded = try exact(bytes, { try SnapshotManifest(decoding: $0) }, { $0.encode() })
        guard let manifest = decoded else { return false }
        let position = manifest.start.position
        try require(
            (1...Limits.maximumTerm).contains(position.index.value)
                && (1...Limits.maximumTerm).contains(position.term.value),
            "a snapshot at \(position), from where no log goes on"
        )
        try require(
            manifest.chunks.reduce(0) { $0 + $1.rawSize } == manifest.size,
            "chunks that do not make the file"
        )
        if let configuration = manifest.start.configuration { try keepable(configuration) }
        return true
    }

    /// A chunk as a peer sends it: the first two bytes say how large the manifest says that it is.
    static func snapshotChunk(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        guard bytes.count > 2 else { return false }
        let stored = Array(bytes[2...])
        let rawSize = max(stored.count, Int(bytes.load(UInt16.self, at: 0)))
        let raw =
            rawSize == stored.count
            ? stored : LZ4.decompress(stored, 0..<stored.count, size: rawSize, dictionary: 0)
        var chunk = SnapshotManifest.Chunk(
            rawSize: rawSize,
            storedSize: stored.count,
            hash: SHA256.hash(raw ?? [])
        )
        try require(chunk.raw(of: stored) == raw, "a chunk is other bytes than its own")
        chunk.hash = SHA256.hash([1])
        try require(raw == [1] || chunk.raw(of: stored) == nil, "a chunk of another hash is taken")
        return raw != nil
    }
}
