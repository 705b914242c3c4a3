internal import CadastreDisk
internal import RaftCore

/// The file `identity` of a node's folder: whose folder it is.
///
/// Written last when a folder is founded, so that its presence says that founding was finished.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 8 | `CADNODE1`, of a witness `CADWITN1` |
/// | 8 | 8 | cluster, upper half |
/// | 16 | 8 | cluster, lower half |
/// | 24 | 8 | node |
/// | 32 | 8 | incarnation, upper half |
/// | 40 | 8 | incarnation, lower half |
/// | 48 | 4 | CRC32C of bytes 0 to 47 |
///
/// A node that was given a new incarnation and kept its files has `CADNODE2`, and before the sum:
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 48 | 16 | incarnation in its files, upper half first |
/// | 64 | 16 | incarnation that the configuration named before, likewise |
///
/// Little-endian.
enum IdentityFile {
    static let name = "identity"
    private static let magic = Array("CADNODE1".utf8)
    private static let renewedMagic = Array("CADNODE2".utf8)
    /// A version that knows no witnesses takes the file for a damaged one, and starts no full node.
    private static let witnessMagic = Array("CADWITN1".utf8)
    private static let size = 52
    private static let renewedSize = 84

    /// The bytes of the file.
    static func encode(_ identity: NodeIdentity) -> [UInt8] {
        let lives = [identity.filesIncarnation, identity.previousIncarnation]
        let isRenewed = lives.contains { $0 != identity.incarnation }
        precondition(!isRenewed || !identity.isWitness, "a witness has no files to renew")
        var bytes = isRenewed ? renewedMagic : identity.isWitness ? witnessMagic : magic
        var words = [
            identity.cluster.high, identity.cluster.low, identity.node.value,
            identity.incarnation.high, identity.incarnation.low,
        ]
        if isRenewed { words += lives.flatMap { [$0.high, $0.low] } }
        for word in words { append(word, width: 8, to: &bytes) }
        append(UInt64(Checksum.crc32c(bytes)), width: 4, to: &bytes)
        return bytes
    }

    /// Reads the bytes; nil where they are not such a file, whole.
    static func decode(_ bytes: [UInt8]) -> NodeIdentity? {
        guard bytes.count == size || bytes.count == renewedSize else { return nil }
        let isRenewed = bytes.count == renewedSize
        let first = Array(bytes[0..<8])
        guard isRenewed ? first == renewedMagic : first == magic || first == witnessMagic,
            word(bytes, at: bytes.count - 4, width: 4)
                == UInt64(Checksum.crc32c(Array(bytes.dropLast(4))))
        else { return nil }
        func life(at offset: Int) -> Incarnation {
            Incarnation(high: word(bytes, at: offset), low: word(bytes, at: offset + 8))
        }
        var identity = NodeIdentity(
            cluster: ClusterID(high: word(bytes, at: 8), low: word(bytes, at: 16)),
            node: NodeID(word(bytes, at: 24)),
            incarnation: life(at: 32),
            isWitness: first == witnessMagic
        )
        if isRenewed {
            identity.filesIncarnation = life(at: 48)
            identity.previousIncarnation = life(at: 64)
        }
        return identity
    }

    private static func append(_ value: UInt64, width: Int, to bytes: inout [UInt8]) {
        for place in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
    }

    private static func word(_ bytes: [UInt8], at offset: Int, width: Int = 8) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
    }
}
