package import CadastreDisk
package import RaftCore

/// Gathers commands for one entry until it is full.
package struct BlockBuilder: Sendable {
    /// How many commands.
    package private(set) var count = 0
    /// How many operations they are.
    package private(set) var operations = 0
    private var raw: [UInt8] = []

    /// Begins an empty block.
    ///
    /// - Parameter expectedSize: Bytes of the commands that are likely to come in.
    package init(expectedSize: Int = 0) {
        raw.reserveCapacity(min(expectedSize, BlockLimits.blockSize))
    }

    /// Whether there is nothing in it.
    package var isEmpty: Bool { count == 0 }
    /// Raw bytes so far.
    package var size: Int { raw.count }

    /// Takes a command in, unless that would make the block too large; then the block is full, and
    /// the command belongs into the next one.
    ///
    /// An empty block takes any one command.
    package mutating func add(_ command: [UInt8], operations: Int = 1) -> Bool {
        precondition(command.count <= BlockLimits.commandSize, "a command beyond its limit")
        precondition(operations >= 1, "a command without an operation")
        if !isEmpty {
            guard raw.count + 4 + command.count <= BlockLimits.blockSize,
                self.operations + operations <= BlockLimits.blockOperations
            else { return false }
        }
        raw.append(littleEndian: UInt32(command.count))
        raw.append(contentsOf: command)
        self.operations += operations
        count += 1
        return true
    }

    /// Compresses what was gathered, and begins an empty block.
    package mutating func finish() -> Block {
        precondition(!isEmpty, "a block without a command")
        defer {
            raw.removeAll(keepingCapacity: raw.count <= BlockLimits.blockSize)
            count = 0
            operations = 0
        }
        return Block(raw: raw, itemCount: count)
    }
}

/// The content of an entry, ready to be stored: one section.
package struct Block: Hashable, Sendable {
    /// The section, header and stored bytes.
    let section: [UInt8]

    /// Compresses raw items: plain from ``BlockLimits/plainCompressionItems`` on, with the
    /// dictionary below, and not at all if that is not smaller.
    fileprivate init(raw: [UInt8], itemCount: Int) {
        let isPlain = itemCount >= BlockLimits.plainCompressionItems
        let dictionary = isPlain ? 0 : LZ4.currentDictionary
        let start = EntryFormat.sectionHeaderSize
        var section: [UInt8] = []
        let compressed = LZ4.compress(raw, dictionary: dictionary)
        let stored = compressed ?? raw
        let codec: Codec =
            compressed == nil ? .raw : isPlain ? .lz4 : .lz4WithDictionary
        section.reserveCapacity(start + stored.count)
        section.append(littleEndian: UInt64(0))
        section.append(codec.rawValue)
        section.append(0)
        section.append(littleEndian: codec == .lz4WithDictionary ? dictionary : 0)
        section.append(littleEndian: UInt32(0))
        section.append(littleEndian: UInt32(itemCount))
        section.append(littleEndian: UInt32(raw.count))
        section.append(littleEndian: UInt32(stored.count))
        section.append(contentsOf: stored)
        self.section = section
    }

    /// A configuration, stored raw.
    fileprivate init(_ configuration: Configuration) {
        let stored = ConfigurationFormat.encode(configuration)
        var section = [UInt8](repeating: 0, count: EntryFormat.sectionHeaderSize)
        section.store(UInt32(1), at: 16)
        section.store(UInt32(stored.count), at: 20)
        section.store(UInt32(stored.count), at: 24)
        self.section = section + stored
    }
}

extension Entry {
    /// Makes the entry of a leader.
    ///
    /// `items` are the commands of an entry of kind `commands`, within ``BlockLimits``; empty for
    /// any other kind, whose content is in the kind itself.
    package static func make(
        cluster: ClusterID,
        group: GroupID,
        position: LogPosition,
        kind: EntryKind,
        featureLevel: UInt32,
        now: UInt64,
        random: (UInt64, UInt64),
        previousHash: EntryHash,
        items: [[UInt8]] = []
    ) -> Entry {
        var block: Block?
        if !items.isEmpty {
            var builder = BlockBuilder()
            for item in items {
                let isTaken = builder.add(item)
                precondition(isTaken, "more commands than one block takes")
            }
            block = builder.finish()
        }
        return make(
            cluster: cluster,
            group: group,
            position: position,
            kind: kind,
            featureLevel: featureLevel,
            now: now,
            random: random,
            previousHash: previousHash,
            block: block
        )
    }

    /// Makes the entry of a leader from a block that is already compressed.
    package static func make(
        cluster: ClusterID,
        group: GroupID,
        position: LogPosition,
        kind: EntryKind,
        featureLevel: UInt32,
        now: UInt64,
        random: (UInt64, UInt64),
        previousHash: EntryHash,
        block: Block?,
        using hasher: SHA256 = SHA256()
    ) -> Entry {
        precondition(
            (1...Limits.maximumTerm).contains(position.index.value)
                && (1...Limits.maximumTerm).contains(position.term.value),
            "an entry at the impossible position \(position)"
        )
        let section: [UInt8]
        switch kind {
        case .commands:
            guard let block else { preconditionFailure("an entry of commands without one") }
            section = block.section
        case .noOp:
            precondition(block == nil, "a no-op with commands")
            section = []
        case .configuration(let configuration):
            precondition(block == nil, "a configuration with commands")
            section = Block(configuration).section
        }
        let size = EntryFormat.headerSize + section.count
        precondition(size <= Limits.maximumEntrySize, "an entry of \(size) bytes")
        var bytes: [UInt8] = []
        bytes.reserveCapacity(size)
        bytes.append(littleEndian: EntryFormat.version)
        bytes.append(EntryFormat.number(of: kind))
        bytes.append(section.isEmpty ? 0 : 1)
        bytes.append(littleEndian: featureLevel)
        bytes.append(littleEndian: cluster.high)
        bytes.append(littleEndian: cluster.low)
        bytes.append(littleEndian: group.value)
        bytes.append(littleEndian: UInt32(size))
        bytes.append(littleEndian: position.index.value)
        bytes.append(littleEndian: position.term.value)
        bytes.append(littleEndian: now)
        bytes.append(littleEndian: random.0)
        bytes.append(littleEndian: random.1)
        bytes.append(words: EntryHash.zero.words)
        bytes.append(contentsOf: section)
        let hash = unsafe Entry.hash(of: bytes.span.bytes, after: previousHash, using: hasher)
        bytes.store(hash.words.0, at: EntryFormat.hashOffset)
        bytes.store(hash.words.1, at: EntryFormat.hashOffset + 8)
        bytes.store(hash.words.2, at: EntryFormat.hashOffset + 16)
        bytes.store(hash.words.3, at: EntryFormat.hashOffset + 24)
        let header = EntryHeader(position: position, kind: kind, size: size, hash: hash)
        return Entry(bytes: bytes, header: header)
    }
}
