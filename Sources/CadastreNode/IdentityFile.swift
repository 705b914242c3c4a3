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
/// Little-endian.
enum IdentityFile {
    static let name = "identity"
    private static let magic = Array("CADNODE1".utf8)
    /// A version that knows no witnesses takes the file for a damaged one, and starts no full node.
    private static let witnessMagic = Array("CADWITN1".utf8)
    private static let size = 52

    /// The bytes of the file.
    static func encode(_ identity: NodeIdentity) -> [UInt8] {
        var bytes = identity.isWitness ? witnessMagic : magic
        let words = [
            identity.cluster.high, identity.cluster.low, identity.node.value,
            identity.incarnation.high, identity.incarnation.low,
        ]
        for word in words { append(word, width: 8, to: &bytes) }
        append(UInt64(Checksum.crc32c(bytes)), width: 4, to: &bytes)
        return bytes
    }

    /// Reads the bytes; nil where they are not such a file, whole.
    static func decode(_ bytes: [UInt8]) -> NodeIdentity? {
        guard bytes.count == size else { return nil }
        let first = Array(bytes[0..<8])
        guard first == magic || first == witnessMagic else { return nil }
        let sum = word(bytes, at: 48, width: 4)
        guard sum == UInt64(Checksum.crc32c(Array(bytes[0..<48]))) else { return nil }
        return NodeIdentity(
            cluster: ClusterID(high: word(bytes, at: 8), low: word(bytes, at: 16)),
            node: NodeID(word(bytes, at: 24)),
            incarnation: Incarnation(high: word(bytes, at: 32), low: word(bytes, at: 40)),
            isWitness: first == witnessMagic
        )
    }

    private static func append(_ value: UInt64, width: Int, to bytes: inout [UInt8]) {
        for place in 0..<width { bytes.append(UInt8(truncatingIfNeeded: value >> (8 * place))) }
    }

    private static func word(_ bytes: [UInt8], at offset: Int, width: Int = 8) -> UInt64 {
        (0..<width).reduce(0) { $0 | UInt64(bytes[offset + $1]) << (8 * $1) }
    }
}
