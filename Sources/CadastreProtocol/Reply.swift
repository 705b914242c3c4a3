/// The outcome of an applied command, as it is stored for retries and digested: fixed layout,
/// 24 bytes, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 2 | layout version, 1 |
/// | 2 | 2 | refusal number, 0 = done |
/// | 4 | 4 | reserved, 0 |
/// | 8 | 8 | `number`: the id that was given (tenant, bucket, session), or how much was removed; of a refused batch the place of the operation, from 1, for which it was |
/// | 16 | 8 | `sequence`: the change's place in the cluster's order, 0 where nothing changed |
package struct Reply: Hashable, Sendable {
    /// Bytes of the layout.
    package static let size = 24
    /// The version that is written.
    package static let layoutVersion: UInt16 = 1

    /// Why nothing happened; nil when it was done.
    package var refusal: Refusal?
    /// The id that was given, or how many things were removed, or the place of the operation for which
    /// a batch was refused, or 0.
    package var number: UInt64
    /// The change's place in the cluster's order; 0 where nothing changed.
    package var sequence: UInt64

    /// Composes an outcome.
    package init(refusal: Refusal?, number: UInt64, sequence: UInt64) {
        self.refusal = refusal
        self.number = number
        self.sequence = sequence
    }

    /// It was done.
    package static func done(number: UInt64 = 0, sequence: UInt64 = 0) -> Reply {
        Reply(refusal: nil, number: number, sequence: sequence)
    }

    /// Nothing happened.
    ///
    /// - Parameters:
    ///   - refusal: Why.
    ///   - operation: Of a batch the place of the operation that could not be made, from 1.
    /// - Returns: The outcome.
    package static func refused(_ refusal: Refusal, operation: Int = 0) -> Reply {
        Reply(refusal: refusal, number: UInt64(operation), sequence: 0)
    }

    /// The 24 bytes.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Reply.size)
        append(to: &bytes)
        return bytes
    }

    /// Appends the 24 bytes.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: Reply.layoutVersion)
        bytes.append(littleEndian: refusal?.rawValue ?? 0)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: number)
        bytes.append(littleEndian: sequence)
    }

    /// Reads exactly 24 bytes.
    ///
    /// - Throws: `malformed`, or `notSupported` where a newer version wrote them.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count == Reply.size else { throw .malformed("a reply has 24 bytes") }
        guard bytes.littleEndian(at: 0, as: UInt16.self) == Reply.layoutVersion else {
            throw ProtocolError(.notSupported, "the layout of the reply is not known")
        }
        let refusalNumber = bytes.littleEndian(at: 2, as: UInt16.self)
        let refusal = Refusal(rawValue: refusalNumber)
        guard refusalNumber == 0 || refusal != nil else {
            throw ProtocolError(.notSupported, "refusal \(refusalNumber) is not known")
        }
        try bytes.checkReserved(4..<8, of: "a reply")
        self.init(
            refusal: refusal,
            number: bytes.littleEndian(at: 8),
            sequence: bytes.littleEndian(at: 16)
        )
    }

    /// Reads exactly 24 bytes.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }
}
