internal import RaftCore

/// Own fields, 8 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 8 | the number of the question |
extension ReadIndex {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: round)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(8)
        self.init(round: try bytes.bounded(at: 40))
    }
}

/// Own fields, 16 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 8 | the number of the question |
/// | 48 | 8 | through which index the state must be applied |
extension ReadIndexReply {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(littleEndian: round)
        bytes.append(littleEndian: index.value)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(16)
        self.init(
            round: try bytes.bounded(at: 40),
            index: LogIndex(try bytes.bounded(at: 48))
        )
    }
}
