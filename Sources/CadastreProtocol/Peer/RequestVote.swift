internal import RaftCore

/// Own fields, 24 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 1 | purpose: 1 pre-vote, 2 election, 3 transfer |
/// | 41 | 1 | the leader is gone, 0 or 1 |
/// | 42 | 6 | reserved, 0 |
/// | 48 | 8 | index of the candidate's last entry |
/// | 56 | 8 | its term |
extension RequestVote {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(purpose.rawValue)
        bytes.append(leaderIsGone ? 1 : 0)
        bytes.append(zeros: 6)
        bytes.append(littleEndian: last.index.value)
        bytes.append(littleEndian: last.term.value)
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(24)
        try bytes.checkReserved(42..<48, of: "RequestVote")
        self.init(
            purpose: try Purpose(decoding: bytes[40]),
            last: LogPosition(
                index: LogIndex(try bytes.bounded(at: 48)),
                term: Term(try bytes.bounded(at: 56))
            ),
            leaderIsGone: try bytes.boolean(at: 41)
        )
    }
}

extension RequestVote.Purpose {
    /// Reads the number.
    init(decoding byte: UInt8) throws(ProtocolError) {
        guard let purpose = Self(rawValue: byte) else {
            throw .malformed("the purpose of a vote is not known")
        }
        self = purpose
    }
}
