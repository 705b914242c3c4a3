package import RaftCore

/// What a node whose journal is damaged and its peers say to each other: the body of a frame of kind
/// ``FrameKind/repair``, whose header names the group.
///
/// Who is damaged knows the hash of the newest entry that it lacks, and asks any peer for that entry
/// and as many before it as fit. Who has that very entry answers, whatever its role; each answer proves
/// itself, since it leads from the hash before its first entry to the one that was asked for.
///
/// Fixed layout, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 1 | kind: 1 fetch, 2 entries, 3 unavailable |
/// | 1 | 1 | layout version, 1 |
/// | 2 | 2 | reserved, 0 |
/// | 4 | 4 | entries: their number, at least 1, at most ``maximumEntries``; else 0 |
/// | 8 | 8 | index of the newest entry asked for, 1 or more |
/// | 16 | 32 | its hash |
/// | 48 | 32 | entries: the hash of what is before the first of them; else 0 |
/// | 80 | | entries: each its size in 4 bytes, then its bytes; ascending. Nothing follows |
package struct RepairMessage: Hashable, Sendable {
    /// Bytes before the entries.
    package static let fixedSize = 80
    /// The version that is written.
    package static let layoutVersion: UInt8 = 1
    /// Bytes of entries in one answer, beyond its first: a fraction of a second on any line.
    package static let maximumSize = 1_048_576
    /// Entries in one answer: none is smaller than its header, so as many fit.
    package static let maximumEntries = maximumSize / 104 + 1

    /// What is said.
    package enum Body: Hashable, Sendable {
        /// Send the entry and those before it.
        case fetch
        /// The entries, the one asked for last, and the hash before the first of them.
        case entries([[UInt8]], previousHash: EntryHash)
        /// The sender's log does not hold that entry: it is compacted, or another log.
        case unavailable
    }

    /// The place of the newest entry that is asked for.
    package var index: LogIndex
    /// Its hash.
    package var hash: EntryHash
    /// What is said.
    package var body: Body

    /// Composes a message.
    package init(_ index: LogIndex, _ hash: EntryHash, _ body: Body) {
        self.index = index
        self.hash = hash
        self.body = body
    }

    /// The body.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        var entries: [[UInt8]] = []
        var previousHash = EntryHash.zero
        let kind: UInt8
        switch body {
        case .fetch: kind = 1
        case .entries(let list, let hash):
            kind = 2
            entries = list
            previousHash = hash
        case .unavailable: kind = 3
        }
        bytes.reserveCapacity(entries.reduce(Self.fixedSize) { $0 + 4 + $1.count })
        bytes.append(kind)
        bytes.append(Self.layoutVersion)
        bytes.append(zeros: 2)
        bytes.append(littleEndian: UInt32(entries.count))
        bytes.append(littleEndian: index.value)
        for hash in [hash, previousHash] {
            let words = hash.words
            for word in [words.0, words.1, words.2, words.3] { bytes.append(littleEndian: word) }
        }
        for entry in entries {
            bytes.append(littleEndian: UInt32(entry.count))
            bytes.append(contentsOf: entry)
        }
        return bytes
    }

    /// Reads a body.
    ///
    /// The entries are not looked into.
    /// - Throws: `malformed`, or `notSupported` for kinds and layouts of newer versions.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        let bytes = bytes.span
        guard bytes.count >= Self.fixedSize else { throw .truncated("a message about a repair") }
        guard bytes[1] == Self.layoutVersion else {
            throw ProtocolError(.notSupported, "the layout of the message is not known")
        }
        try bytes.checkReserved(2..<4, of: "a message about a repair")
        let count = Int(bytes.littleEndian(at: 4, as: UInt32.self))
        index = LogIndex(try bytes.bounded(at: 8))
        guard index > .zero else { throw .malformed("a repair of what is before every log") }
        hash = bytes.hash(at: 16)
        let previousHash = bytes.hash(at: 48)
        switch bytes[0] {
        case 1: body = .fetch
        case 2:
            body = .entries(try bytes.entries(count), previousHash: previousHash)
            return
        case 3: body = .unavailable
        default: throw ProtocolError(.notSupported, "the kind of the message is not known")
        }
        // What a kind does not use is zero and empty: one meaning, one encoding.
        guard count == 0, previousHash == .zero, bytes.count == Self.fixedSize else {
            throw .malformed("a message about a repair says more than its kind has to say")
        }
    }
}

extension Span<UInt8> {
    fileprivate func hash(at offset: Int) -> EntryHash {
        EntryHash(
            littleEndian(at: offset),
            littleEndian(at: offset + 8),
            littleEndian(at: offset + 16),
            littleEndian(at: offset + 24)
        )
    }

    /// The entries, which fill the rest.
    fileprivate func entries(_ number: Int) throws(ProtocolError) -> [[UInt8]] {
        guard (1...RepairMessage.maximumEntries).contains(number) else {
            throw .malformed("an answer of \(number) entries")
        }
        var entries: [[UInt8]] = []
        var place = RepairMessage.fixedSize
        for _ in 0..<number {
            guard count - place >= 4 else { throw .truncated("an answer's entry") }
            let size = Int(littleEndian(at: place, as: UInt32.self))
            place += 4
            guard size <= count - place else { throw .truncated("an answer's entry") }
            entries.append(copy(place..<place + size))
            place += size
        }
        guard place == count else { throw .malformed("bytes follow the last entry") }
        return entries
    }
}
