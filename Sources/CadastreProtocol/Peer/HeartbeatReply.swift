internal import RaftCore

/// Own fields, 8 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 8 | the round that is confirmed |
extension HeartbeatReply {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: readRound)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(8)
        self.init(readRound: try bytes.bounded(at: 40))
    }
}
