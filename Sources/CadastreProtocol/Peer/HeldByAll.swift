internal import RaftCore

/// Own fields, 8 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 8 | every full voter holds the log through this index |
extension HeldByAll {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: through.value)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(8)
        self.init(through: LogIndex(try bytes.bounded(at: 40)))
    }
}
