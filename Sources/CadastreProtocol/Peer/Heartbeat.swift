internal import RaftCore

/// Own fields, 16 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 8 | commit index, at most what the receiver is known to match |
/// | 48 | 8 | newest round of waiting reads |
extension Heartbeat {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: commitIndex.value)
        bytes.append(littleEndian: readRound)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(16)
        self.init(
            commitIndex: LogIndex(try bytes.bounded(at: 40)),
            readRound: try bytes.bounded(at: 48)
        )
    }
}
