package import RaftCore

/// What one node says to another: the body of a frame of kind ``FrameKind/peer``, whose header
/// names the group.
///
/// Fixed layout, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 1 | kind: 1 RequestVote, 2 its reply, 3 AppendEntries, 4 its reply, 5 Heartbeat, 6 its reply, 7 TimeoutNow, 8 ReadIndex, 9 its reply, 10 HeldByAll |
/// | 1 | 1 | layout version, 1 |
/// | 2 | 1 | the sender's state is behind what it knows to be committed, 0 or 1 |
/// | 3 | 5 | reserved, 0 |
/// | 8 | 8 | from |
/// | 16 | 8 | to |
/// | 24 | 8 | term, at most `RaftCore.Limits.maximumTerm`, as every term and index |
/// | 32 | 8 | the sender's wall clock in ms, a sample for cluster time |
/// | 40 | | the kind's own fields: its file in this folder |
package struct PeerMessage: Hashable, Sendable {
    /// Bytes before the kind's own fields.
    package static let fixedSize = 40
    /// The version that is written.
    package static let layoutVersion: UInt8 = 1

    /// What is said.
    ///
    /// Of a decoded ``AppendEntries`` the headers are missing: the node fills them in when it has
    /// verified ``entries``.
    package var message: Message
    /// What the sender's wall clock said, in ms since 1970.
    package var wallMilliseconds: UInt64
    /// The sender has yet to apply so much that it could not serve in a moment.
    package var isStateBehind: Bool
    /// The encoded entries of an ``AppendEntries``, in order; else none.
    package var entries: [[UInt8]]

    /// Composes a message.
    package init(
        message: Message,
        wallMilliseconds: UInt64,
        isStateBehind: Bool = false,
        entries: [[UInt8]] = []
    ) {
        self.message = message
        self.wallMilliseconds = wallMilliseconds
        self.isStateBehind = isStateBehind
        self.entries = entries
    }

    /// Appends the body.
    ///
    /// The entries' headers in the message are not looked at.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(message.body.kind)
        bytes.append(Self.layoutVersion)
        bytes.append(isStateBehind ? 1 : 0)
        bytes.append(zeros: 5)
        bytes.append(littleEndian: message.from.value)
        bytes.append(littleEndian: message.to.value)
        bytes.append(littleEndian: message.term.value)
        bytes.append(littleEndian: wallMilliseconds)
        switch message.body {
        case .requestVote(let body): body.append(to: &bytes)
        case .requestVoteReply(let body): body.append(to: &bytes)
        case .appendEntries(let body): body.append(entries, to: &bytes)
        case .appendEntriesReply(let body): body.append(to: &bytes)
        case .heartbeat(let body): body.append(to: &bytes)
        case .heartbeatReply(let body): body.append(to: &bytes)
        case .timeoutNow: break
        case .readIndex(let body): body.append(to: &bytes)
        case .readIndexReply(let body): body.append(to: &bytes)
        case .heldByAll(let body): body.append(to: &bytes)
        }
    }

    /// The body.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends the whole frame, or frames.
    package func appendFrame(stream: UInt64, to output: inout [UInt8]) {
        Frame.append(.peer, group: message.group.value, requestID: stream, to: &output) {
            append(to: &$0)
        }
    }

    /// Whether a body is what only a leader says: an append, a heartbeat or a read index.
    ///
    /// Looks at the kind alone.
    package static func isOfLeader(_ bytes: Span<UInt8>) -> Bool {
        bytes.count > 0 && (bytes[0] == 3 || bytes[0] == 5 || bytes[0] == 9)
    }

    /// Reads a body.
    ///
    /// - Parameters:
    ///   - bytes: The whole body.
    ///   - group: What the frame's header says.
    /// - Throws: `malformed`, or `notSupported` for kinds and layouts of newer versions.
    package init(decoding bytes: Span<UInt8>, group: GroupID) throws(ProtocolError) {
        guard bytes.count >= Self.fixedSize else { throw .truncated("the message of a peer") }
        guard bytes[1] == Self.layoutVersion else {
            throw ProtocolError(.notSupported, "the layout of the message is not known")
        }
        try bytes.checkReserved(3..<8, of: "the message of a peer")
        let from = NodeID(bytes.littleEndian(at: 8))
        let to = NodeID(bytes.littleEndian(at: 16))
        guard from != .none, to != .none else { throw .malformed("a message of or to no node") }
        let term = Term(try bytes.bounded(at: 24))
        var entries: [[UInt8]] = []
        let body: MessageBody
        switch bytes[0] {
        case 1: body = .requestVote(try RequestVote(decoding: bytes))
        case 2: body = .requestVoteReply(try RequestVoteReply(decoding: bytes))
        case 3: body = .appendEntries(try AppendEntries(decoding: bytes, entries: &entries))
        case 4: body = .appendEntriesReply(try AppendEntriesReply(decoding: bytes))
        case 5: body = .heartbeat(try Heartbeat(decoding: bytes))
        case 6: body = .heartbeatReply(try HeartbeatReply(decoding: bytes))
        case 7:
            try bytes.checkSize(0)
            body = .timeoutNow(TimeoutNow())
        case 8: body = .readIndex(try ReadIndex(decoding: bytes))
        case 9: body = .readIndexReply(try ReadIndexReply(decoding: bytes))
        case 10: body = .heldByAll(try HeldByAll(decoding: bytes))
        default:
            throw ProtocolError(.notSupported, "the kind of the message is not known")
        }
        self.init(
            message: Message(group: group, from: from, to: to, term: term, body: body),
            wallMilliseconds: try bytes.bounded(at: 32),
            isStateBehind: try bytes.boolean(at: 2),
            entries: entries
        )
    }

    /// Reads a body.
    ///
    /// - Parameters:
    ///   - bytes: The whole body.
    ///   - group: What the frame's header says.
    /// - Throws: as ``init(decoding:group:)-(Span<UInt8>,_)``.
    package init(decoding bytes: [UInt8], group: GroupID) throws(ProtocolError) {
        try self.init(decoding: bytes.span, group: group)
    }
}

extension MessageBody {
    /// The number of the kind on the wire.
    fileprivate var kind: UInt8 {
        switch self {
        case .requestVote: 1
        case .requestVoteReply: 2
        case .appendEntries: 3
        case .appendEntriesReply: 4
        case .heartbeat: 5
        case .heartbeatReply: 6
        case .timeoutNow: 7
        case .readIndex: 8
        case .readIndexReply: 9
        case .heldByAll: 10
        }
    }
}

/// What the layouts of the kinds have in common.
extension Span<UInt8> {
    /// A term, an index or a round, bounded so that sums cannot overflow.
    func bounded(at offset: Int) throws(ProtocolError) -> UInt64 {
        let value: UInt64 = littleEndian(at: offset)
        guard value <= Limits.maximumTerm else {
            throw .malformed("a term, index or clock in the message of a peer is above 2^62")
        }
        return value
    }

    /// A truth, 0 or 1.
    func boolean(at offset: Int) throws(ProtocolError) -> Bool {
        guard self[offset] <= 1 else { throw .malformed("a truth that is neither 0 nor 1") }
        return self[offset] == 1
    }

    /// Refuses a message whose own fields are not of this size.
    func checkSize(_ size: Int) throws(ProtocolError) {
        guard count == PeerMessage.fixedSize + size else {
            throw .malformed("the message of a peer is not of its size")
        }
    }
}
