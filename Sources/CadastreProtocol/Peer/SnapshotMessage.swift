package import RaftCore

/// What nodes say to each other to bring a snapshot from one disk to another: the body of a frame of
/// kind ``FrameKind/snapshot``, whose header names the group.
///
/// The receiver pulls: it alone decides what it asks for next, from whom, and where it goes on after
/// a break. Who holds a snapshot answers questions, whatever its role is by then.
///
/// ```
/// leader   ── offer ──► follower
/// anybody  ◄─ fetchManifest ─ , ◄─ fetchChunk n ─   ── manifest ─► , ── chunk n ─► , ── gone ─►
/// leader   ◄─ taken | declined ─ follower
/// ```
///
/// Fixed layout, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 1 | kind: 1 offer, 2 fetchManifest, 3 manifest, 4 fetchChunk, 5 chunk, 6 gone, 7 taken, 8 declined |
/// | 1 | 1 | layout version, 1 |
/// | 2 | 2 | reserved, 0 |
/// | 4 | 4 | number of the chunk, from 0; else 0 |
/// | 8 | 32 | which snapshot |
/// | 40 | 8 | offer: index of its last entry; else 0 |
/// | 48 | 8 | offer: that entry's term; else 0 |
/// | 56 | | manifest, chunk: the bytes; else nothing |
package struct SnapshotMessage: Hashable, Sendable {
    /// Bytes before the manifest's or chunk's.
    package static let fixedSize = 56
    /// The version that is written.
    package static let layoutVersion: UInt8 = 1

    /// What is said of it.
    package enum Body: Hashable, Sendable {
        /// The sender holds it, and the receiver lacks entries that only it stands for.
        case offer(LogPosition)
        /// Send its manifest.
        case fetchManifest
        /// What it consists of.
        case manifest([UInt8])
        /// Send one of its chunks.
        case fetchChunk(UInt32)
        /// A chunk as it is stored.
        case chunk(UInt32, [UInt8])
        /// The sender does not hold it any more.
        case gone
        /// It is whole, verified and will stand for the log.
        case taken
        /// It is of no use to the receiver, who may be offered another.
        case declined
    }

    /// Which snapshot: the SHA-256 of its manifest.
    package var snapshot: SnapshotName
    /// What is said of it.
    package var body: Body

    /// Composes a message.
    package init(_ snapshot: SnapshotName, _ body: Body) {
        self.snapshot = snapshot
        self.body = body
    }

    /// The body.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.fixedSize + payload.count)
        bytes.append(kind)
        bytes.append(Self.layoutVersion)
        bytes.append(zeros: 2)
        bytes.append(littleEndian: number)
        for word in [snapshot.words.0, snapshot.words.1, snapshot.words.2, snapshot.words.3] {
            bytes.append(littleEndian: word)
        }
        bytes.append(littleEndian: offered.index.value)
        bytes.append(littleEndian: offered.term.value)
        bytes.append(contentsOf: payload)
        return bytes
    }

    /// Reads a body.
    ///
    /// - Throws: `malformed`, or `notSupported` for kinds and layouts of newer versions.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        let bytes = bytes.span
        guard bytes.count >= Self.fixedSize else { throw .truncated("a message about a snapshot") }
        guard bytes[1] == Self.layoutVersion else {
            throw ProtocolError(.notSupported, "the layout of the message is not known")
        }
        try bytes.checkReserved(2..<4, of: "a message about a snapshot")
        let number: UInt32 = bytes.littleEndian(at: 4)
        let position = LogPosition(
            index: LogIndex(try bytes.bounded(at: 40)),
            term: Term(try bytes.bounded(at: 48))
        )
        let payload = bytes.copy(Self.fixedSize..<bytes.count)
        let body: Body
        switch bytes[0] {
        case 1: body = .offer(position)
        case 2: body = .fetchManifest
        case 3: body = .manifest(payload)
        case 4: body = .fetchChunk(number)
        case 5: body = .chunk(number, payload)
        case 6: body = .gone
        case 7: body = .taken
        case 8: body = .declined
        default: throw ProtocolError(.notSupported, "the kind of the message is not known")
        }
        self.init(
            SnapshotName(
                bytes.littleEndian(at: 8),
                bytes.littleEndian(at: 16),
                bytes.littleEndian(at: 24),
                bytes.littleEndian(at: 32)
            ),
            body
        )
        // What a kind does not use is zero and empty: one meaning, one encoding.
        guard number == self.number, position == offered, payload.count == self.payload.count else {
            throw .malformed("a message about a snapshot says more than its kind has to say")
        }
    }

    private var kind: UInt8 {
        switch body {
        case .offer: 1
        case .fetchManifest: 2
        case .manifest: 3
        case .fetchChunk: 4
        case .chunk: 5
        case .gone: 6
        case .taken: 7
        case .declined: 8
        }
    }

    private var number: UInt32 {
        switch body {
        case .fetchChunk(let number), .chunk(let number, _): number
        default: 0
        }
    }

    private var payload: [UInt8] {
        switch body {
        case .manifest(let bytes), .chunk(_, let bytes): bytes
        default: []
        }
    }

    private var offered: LogPosition {
        if case .offer(let position) = body { position } else { .zero }
    }
}

/// Which snapshot: the SHA-256 of its manifest, each word read little-endian.
package struct SnapshotName: Hashable, Sendable {
    /// The four words, the first bytes first.
    package let words: (UInt64, UInt64, UInt64, UInt64)

    /// Takes the four words.
    package init(_ first: UInt64, _ second: UInt64, _ third: UInt64, _ fourth: UInt64) {
        words = (first, second, third, fourth)
    }

    package static func == (left: Self, right: Self) -> Bool { left.words == right.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
    }
}
