/// By what a retry is recognised.
///
/// Fixed layout, little-endian; which of the three it is stands beside it, and how long it is
/// follows from that.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | | | *slot, 24 bytes* |
/// | 0 | 8 | session |
/// | 8 | 4 | slot |
/// | 12 | 4 | reserved, 0 |
/// | 16 | 8 | sequence |
/// | | | *token, 48 bytes* |
/// | 0 | 8 | token, first half |
/// | 8 | 8 | token, second half |
/// | 16 | 32 | SHA-256 of the request's parameters |
package enum RequestIdentity: Hashable, Sendable {
    /// Not recognised: only for what is harmless to apply twice (OpenSession, Tick).
    case none
    /// As in NFSv4.1: the slot keeps the reply to its newest sequence.
    case slot(session: UInt64, slot: UInt32, sequence: UInt64)
    /// A client's own token and the SHA-256 of its parameters, 32 bytes.
    case token(UInt64, UInt64, hash: [UInt8])

    /// Bytes of the hash.
    package static let hashSize = 32

    /// Its number in fixed layouts.
    var kind: UInt8 {
        switch self {
        case .none: 0
        case .slot: 1
        case .token: 2
        }
    }

    /// Bytes of the identity of a kind; nil where there is no such kind.
    static func size(ofKind kind: UInt8) -> Int? {
        switch kind {
        case 0: 0
        case 1: 24
        case 2: 48
        default: nil
        }
    }

    /// Appends 0, 24 or 48 bytes.
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .none: break
        case .slot(let session, let slot, let sequence):
            bytes.append(littleEndian: session)
            bytes.append(littleEndian: slot)
            bytes.append(littleEndian: UInt32(0))
            bytes.append(littleEndian: sequence)
        case .token(let first, let second, let hash):
            precondition(hash.count == Self.hashSize, "the hash of a request has 32 bytes")
            bytes.append(littleEndian: first)
            bytes.append(littleEndian: second)
            bytes.append(contentsOf: hash)
        }
    }

    /// Reads the identity of a known kind at `offset`; the caller has checked that it lies within.
    init(kind: UInt8, at offset: Int, in bytes: Span<UInt8>) throws(ProtocolError) {
        switch kind {
        case 0: self = .none
        case 1:
            try bytes.checkReserved(offset + 12..<offset + 16, of: "the request's identity")
            self = .slot(
                session: bytes.littleEndian(at: offset),
                slot: bytes.littleEndian(at: offset + 8),
                sequence: bytes.littleEndian(at: offset + 16)
            )
        case 2:
            self = .token(
                bytes.littleEndian(at: offset),
                bytes.littleEndian(at: offset + 8),
                hash: bytes.copy(offset + 16..<offset + 48)
            )
        default: throw .malformed("the kind of the request's identity is not known")
        }
    }
}
