internal import CadastreDisk
internal import RaftCore

// A snapshot's manifest, byte by byte, on disk and on the wire; little-endian.
//
//  offset width
//       0     8  "CADASTRS"
//       8     2  format version: 1
//      10     2  reserved: 0
//      12     4  CRC32C of bytes 0..<12 and of all from 16 on
//      16    16  cluster: upper half, lower half
//      32     4  group
//      36     4  size of the configuration: 1 or more
//      40     8  index of the last entry in the snapshot: 1 to 2^62
//      48     8  its term: 1 to 2^62
//      56    32  its chain hash
//      88    16  digest of the state: upper half, lower half
//     104     8  cluster time, ms since 1970
//     112     8  size of the file: 1 byte to 2^48
//     120     4  size of a chunk: 4096 to 4 MiB
//     124     4  number of chunks: the size of the file by that of a chunk, rounded up
//     128    32  SHA-256 of the file
//     160        configuration, as in ConfigurationFormat.swift
//                chunks, in order:
//                  4  raw size: that of a chunk; of the last one what is left
//                  4  stored size: 1 to the raw size. Equal to it: the bytes as they are; less: LZ4
//                 32  SHA-256 of the raw bytes
//
// Nothing follows. All of it is 16 MiB at most, which is 400 GiB in chunks of 1 MiB.
enum SnapshotManifestFormat {
    static let magic: [UInt8] = Array("CADASTRS".utf8)
    static let version: UInt16 = 1
    static let headerSize = 160
    static let chunkRecordSize = 40
    static let maximumSize = 16 << 20
    static let chunkSizes = 4_096...4 << 20
    static let fileSizes: ClosedRange<UInt64> = 1...1 << 48

    /// The sum of all bytes but the four that hold it.
    static func sum(_ bytes: [UInt8]) -> UInt32 {
        bytes.sum(16..<bytes.count, seed: bytes.sum(0..<12, seed: 0))
    }
}

extension SnapshotManifest {
    /// Bytes of an encoded manifest, at most.
    package static var maximumEncodedSize: Int { SnapshotManifestFormat.maximumSize }
    /// The size of a chunk that is used: pieces of a stream that are resumed as a whole.
    package static var usualChunkSize: Int { 1 << 20 }
    /// Bytes that a chunk may have.
    package static var largestChunkSize: Int { SnapshotManifestFormat.chunkSizes.upperBound }

    /// The bytes.
    ///
    /// Traps on a manifest that no builder makes.
    package func encode() -> [UInt8] {
        guard let configuration = start.configuration else {
            preconditionFailure("a snapshot at \(start.position) without a configuration")
        }
        let configurationBytes = ConfigurationFormat.encode(configuration)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(
            SnapshotManifestFormat.headerSize + configurationBytes.count
                + chunks.count * SnapshotManifestFormat.chunkRecordSize
        )
        bytes += SnapshotManifestFormat.magic
        bytes.append(littleEndian: SnapshotManifestFormat.version)
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: cluster.high)
        bytes.append(littleEndian: cluster.low)
        bytes.append(littleEndian: group.value)
        bytes.append(littleEndian: UInt32(configurationBytes.count))
        bytes.append(littleEndian: start.position.index.value)
        bytes.append(littleEndian: start.position.term.value)
        bytes.append(words: start.hash.words)
        bytes.append(littleEndian: digestHigh)
        bytes.append(littleEndian: digestLow)
        bytes.append(littleEndian: clusterTime)
        bytes.append(littleEndian: UInt64(size))
        bytes.append(littleEndian: UInt32(chunkSize))
        bytes.append(littleEndian: UInt32(chunks.count))
        bytes.append(words: hash.words)
        bytes += configurationBytes
        for chunk in chunks {
            bytes.append(littleEndian: UInt32(chunk.rawSize))
            bytes.append(littleEndian: UInt32(chunk.storedSize))
            bytes.append(words: chunk.hash.words)
        }
        precondition(bytes.count <= Self.maximumEncodedSize, "a snapshot of \(size) bytes")
        bytes.store(SnapshotManifestFormat.sum(bytes), at: 12)
        return bytes
    }

    /// The manifest that these bytes are, and no others.
    ///
    /// - Throws: `malformedSnapshot` for anything that `encode` would not have made.
    package init(decoding bytes: [UInt8]) throws(StorageError) {
        typealias Format = SnapshotManifestFormat
        guard bytes.count >= Format.headerSize, bytes.count <= Format.maximumSize,
            bytes.starts(with: Format.magic)
        else { throw .malformedSnapshot(reason: "\(bytes.count) bytes are no manifest") }
        let version = bytes.load(UInt16.self, at: 8)
        guard version == Format.version, bytes.load(UInt16.self, at: 10) == 0 else {
            throw .malformedSnapshot(reason: "version \(version) is not known")
        }
        guard bytes.load(UInt32.self, at: 12) == Format.sum(bytes) else {
            throw .malformedSnapshot(reason: "the checksum is wrong")
        }
        let configurationSize = Int(bytes.load(UInt32.self, at: 36))
        let index = LogIndex(bytes.load(UInt64.self, at: 40))
        let fileSize = bytes.load(UInt64.self, at: 112)
        let chunkSize = Int(bytes.load(UInt32.self, at: 120))
        let count = Int(bytes.load(UInt32.self, at: 124))
        let rest = bytes.count - Format.headerSize
        let term = Term(bytes.load(UInt64.self, at: 48))
        guard (1...Limits.maximumTerm).contains(index.value),
            (1...Limits.maximumTerm).contains(term.value)
        else { throw .malformedSnapshot(reason: "the impossible position \(index)@\(term)") }
        guard Format.fileSizes.contains(fileSize),
            Format.chunkSizes.contains(chunkSize),
            count == (Int(fileSize) + chunkSize - 1) / chunkSize,
            configurationSize <= rest,
            count == (rest - configurationSize) / Format.chunkRecordSize,
            (rest - configurationSize).isMultiple(of: Format.chunkRecordSize)
        else { throw .malformedSnapshot(reason: "its sizes do not fit each other") }
        let records = Format.headerSize + configurationSize
        let configuration: Configuration
        do throws(StorageError) {
            configuration = try ConfigurationFormat.decode(bytes[Format.headerSize..<records])
        } catch {
            throw .malformedSnapshot(reason: "\(error)")
        }
        let chainHash = bytes.loadWords(at: 56)
        var chunks: [Chunk] = []
        chunks.reserveCapacity(count)
        for number in 0..<count {
            let offset = records + number * Format.chunkRecordSize
            let chunk = Chunk(
                rawSize: Int(bytes.load(UInt32.self, at: offset)),
                storedSize: Int(bytes.load(UInt32.self, at: offset + 4)),
                hash: SHA256.Digest(words: bytes.loadWords(at: offset + 8))
            )
            let rawSize = min(chunkSize, Int(fileSize) - number * chunkSize)
            guard chunk.rawSize == rawSize, (1...rawSize).contains(chunk.storedSize) else {
                throw .malformedSnapshot(reason: "chunk \(number) has a wrong size")
            }
            chunks.append(chunk)
        }
        self.init(
            cluster: ClusterID(
                high: bytes.load(UInt64.self, at: 16),
                low: bytes.load(UInt64.self, at: 24)
            ),
            group: GroupID(bytes.load(UInt32.self, at: 32)),
            start: LogStart(
                position: LogPosition(index: index, term: term),
                hash: EntryHash(chainHash.0, chainHash.1, chainHash.2, chainHash.3),
                configuration: configuration
            ),
            digestHigh: bytes.load(UInt64.self, at: 88),
            digestLow: bytes.load(UInt64.self, at: 96),
            clusterTime: bytes.load(UInt64.self, at: 104),
            size: Int(fileSize),
            chunkSize: chunkSize,
            hash: SHA256.Digest(words: bytes.loadWords(at: 128)),
            chunks: chunks
        )
    }
}
