internal import RaftCore

/// Own fields, 8 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 1 | purpose that was asked |
/// | 41 | 1 | granted, 0 or 1 |
/// | 42 | 6 | reserved, 0 |
extension RequestVoteReply {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(purpose.rawValue)
        bytes.append(isGranted ? 1 : 0)
        bytes.append(zeros: 6)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(8)
        try bytes.checkReserved(42..<48, of: "RequestVoteReply")
        self.init(
            purpose: try RequestVote.Purpose(decoding: bytes[40]),
            isGranted: try bytes.boolean(at: 41)
        )
    }
}
