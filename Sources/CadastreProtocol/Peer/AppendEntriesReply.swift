internal import RaftCore

/// Own fields, 32 bytes.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 40 | 1 | outcome: 1 accepted, 2 rejected |
/// | 41 | 7 | reserved, 0 |
/// | 48 | 8 | accepted: the match index; rejected: the previous index that is not in the log |
/// | 56 | 8 | rejected: index of the hint; else 0 |
/// | 64 | 8 | rejected: term of the hint; else 0 |
extension AppendEntriesReply {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        switch outcome {
        case .accepted(let match):
            bytes.append(1)
            bytes.append(zeros: 7)
            bytes.append(littleEndian: match.value)
            bytes.append(zeros: 16)
        case .rejected(let previous, let hint):
            bytes.append(2)
            bytes.append(zeros: 7)
            bytes.append(littleEndian: previous.value)
            bytes.append(littleEndian: hint.index.value)
            bytes.append(littleEndian: hint.term.value)
        }
    }

    /// Reads the fields of a whole body.
    init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try bytes.checkSize(32)
        try bytes.checkReserved(41..<48, of: "AppendEntriesReply")
        let index = LogIndex(try bytes.bounded(at: 48))
        switch bytes[40] {
        case 1:
            try bytes.checkReserved(56..<72, of: "AppendEntriesReply")
            self.init(outcome: .accepted(match: index))
        case 2:
            let hint = LogPosition(
                index: LogIndex(try bytes.bounded(at: 56)),
                term: Term(try bytes.bounded(at: 64))
            )
            self.init(outcome: .rejected(previous: index, hint: hint))
        default: throw .malformed("the outcome of AppendEntriesReply is not known")
        }
    }
}
