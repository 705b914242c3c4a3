package import CadastreDisk
package import RaftCore

/// What a snapshot is: of which state, and every piece of its bytes by its hash.
///
/// SnapshotManifestFormat.swift has the bytes.
package struct SnapshotManifest: Hashable, Sendable {
    /// One piece of the file.
    package struct Chunk: Hashable, Sendable {
        /// Bytes of the file that it holds: those of every chunk but the last are equal.
        package var rawSize: Int
        /// Bytes that are kept and sent: LZ4 if they are fewer, as they are if they are not.
        package var storedSize: Int
        /// SHA-256 of the raw bytes.
        package var hash: SHA256.Digest

        /// Describes a chunk.
        package init(rawSize: Int, storedSize: Int, hash: SHA256.Digest) {
            self.rawSize = rawSize
            self.storedSize = storedSize
            self.hash = hash
        }
    }

    /// Whose state it is.
    package var cluster: ClusterID
    /// Of which group.
    package var group: GroupID
    /// The last entry in it, and what a log that begins behind it must know.
    package var start: LogStart
    /// The digest of the state, upper half.
    package var digestHigh: UInt64
    /// The digest of the state, lower half.
    package var digestLow: UInt64
    /// Cluster time in it, in ms since 1970.
    package var clusterTime: UInt64
    /// Bytes of the file.
    package var size: Int
    /// Bytes of every chunk but the last.
    package var chunkSize: Int
    /// SHA-256 of the file.
    package var hash: SHA256.Digest
    /// The pieces, in order.
    package var chunks: [Chunk]

    /// Composes a manifest.
    package init(
        cluster: ClusterID,
        group: GroupID,
        start: LogStart,
        digestHigh: UInt64,
        digestLow: UInt64,
        clusterTime: UInt64,
        size: Int,
        chunkSize: Int,
        hash: SHA256.Digest,
        chunks: [Chunk]
    ) {
        self.cluster = cluster
        self.group = group
        self.start = start
        self.digestHigh = digestHigh
        self.digestLow = digestLow
        self.clusterTime = clusterTime
        self.size = size
        self.chunkSize = chunkSize
        self.hash = hash
        self.chunks = chunks
    }

    /// Its name: the hash of its bytes, which fixes every byte of the snapshot.
    package var id: SnapshotID { SnapshotID(SHA256.hash(encode())) }

    /// Bytes that all chunks take as they are kept and sent.
    package var storedSize: Int { chunks.reduce(0) { $0 + $1.storedSize } }
}

/// The name of a snapshot: equal names, equal bytes.
package struct SnapshotID: Hashable, Sendable, CustomStringConvertible {
    /// SHA-256 of the manifest's bytes.
    package let hash: SHA256.Digest

    /// Takes the hash.
    package init(_ hash: SHA256.Digest) { self.hash = hash }

    /// 64 hexadecimal digits.
    package var description: String {
        hash.bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// What a snapshot is made of, beside the bytes of its file.
package struct SnapshotSource: Hashable, Sendable {
    /// The file.
    package var path: String
    /// Bytes of it.
    package var size: Int
    /// Of which group.
    package var group: GroupID
    /// The last entry in it.
    package var start: LogStart
    /// The digest of the state, upper half.
    package var digestHigh: UInt64
    /// The digest of the state, lower half.
    package var digestLow: UInt64
    /// Cluster time in it.
    package var clusterTime: UInt64

    /// Describes a source.
    package init(
        path: String,
        size: Int,
        group: GroupID,
        start: LogStart,
        digestHigh: UInt64,
        digestLow: UInt64,
        clusterTime: UInt64
    ) {
        self.path = path
        self.size = size
        self.group = group
        self.start = start
        self.digestHigh = digestHigh
        self.digestLow = digestLow
        self.clusterTime = clusterTime
    }
}
