/// What a client is answered: the body of a frame of kind ``FrameKind/reply``.
///
/// Fixed layout before the content, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 1 | outcome: 1 done, 2 refused, 3 unknown |
/// | 1 | 1 | what follows: 0 nothing, 1 ``Reply``, 2 `QueryReply`, 3 `AdministrationReply` |
/// | 2 | 2 | refusal number; 0 where it was not refused |
/// | 4 | 4 | ms after which to retry; 0: no advice |
/// | 8 | 8 | index that the node has applied |
/// | 16 | 8 | node that leads, as far as is known; 0 = unknown |
/// | 24 | 2 | size of the leader's address |
/// | 26 | 2 | size of the detail |
/// | 28 | 4 | of a refused batch the place of the operation, from 1, for which it was refused; else 0 |
/// | 32 | | the leader's address: of the same kind of listener, `host:port` |
/// | | | the detail: UTF-8, for people; never another tenant's names |
/// | | | to the end: what byte 1 says; nothing unless done |
package struct ReplyMessage: Hashable, Sendable {
    /// Bytes before the leader's address.
    package static let fixedSize = 32

    /// What became of the request.
    package var outcome: ReplyOutcome
    /// The index that the node has applied; a later read with it sees at least this.
    package var appliedIndex: UInt64
    /// Of a refused batch the place of the operation, from 1, for which it was refused; else 0.
    package var operation: UInt32
    /// Whom to ask instead; given with ``Refusal/notLeader``, allowed always.
    package var leader: LeaderHint?
    /// A sentence for people; cut at ``ProtocolLimits/maximumDetailSize``.
    package var detail: String

    /// Composes a reply.
    package init(
        outcome: ReplyOutcome,
        appliedIndex: UInt64 = 0,
        operation: UInt32 = 0,
        leader: LeaderHint? = nil,
        detail: String = ""
    ) {
        self.outcome = outcome
        self.appliedIndex = appliedIndex
        self.operation = operation
        self.leader = leader
        self.detail = detail
    }

    /// Appends the body.
    package func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(outcome.kind)
        bytes.append(outcome.content?.kind.rawValue ?? 0)
        var refusal: UInt16 = 0
        var retryAfter: UInt32 = 0
        if case .refused(let reason, let milliseconds) = outcome {
            refusal = reason.rawValue
            retryAfter = milliseconds
        }
        bytes.append(littleEndian: refusal)
        bytes.append(littleEndian: retryAfter)
        bytes.append(littleEndian: appliedIndex)
        bytes.append(littleEndian: leader?.node ?? 0)
        let address = leader?.address.utf8.count ?? 0
        precondition(
            address <= ProtocolLimits.maximumAddressSize,
            "an address of \(address) bytes"
        )
        let detail = detail.utf8.prefix(ProtocolLimits.maximumDetailSize)
        bytes.append(littleEndian: UInt16(address))
        bytes.append(littleEndian: UInt16(detail.count))
        bytes.append(littleEndian: operation)
        precondition(bytes.count - start == Self.fixedSize, "the layout of a reply is 32 bytes")
        if let leader { bytes.append(contentsOf: leader.address.utf8) }
        bytes.append(contentsOf: detail)
        outcome.content?.append(to: &bytes)
    }

    /// The body.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Reads a body.
    ///
    /// A refusal that this version does not know becomes `notSupported`, with its number in the
    /// detail: that nothing happened is certain even so.
    ///
    /// - Throws: `malformed`, or what the content's decoder throws.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count >= Self.fixedSize else { throw .truncated("the reply") }
        let operation: UInt32 = bytes.littleEndian(at: 28)
        guard operation == 0 || bytes[0] == 2 else {
            throw .malformed("an operation in a reply that is not refused")
        }
        let addressEnd = Self.fixedSize + Int(bytes.littleEndian(at: 24, as: UInt16.self))
        let detailEnd = addressEnd + Int(bytes.littleEndian(at: 26, as: UInt16.self))
        guard addressEnd - Self.fixedSize <= ProtocolLimits.maximumAddressSize,
            detailEnd - addressEnd <= ProtocolLimits.maximumDetailSize
        else { throw .malformed("the texts of the reply are too large") }
        guard bytes.count >= detailEnd else { throw .truncated("the reply") }
        let address = bytes.copy(Self.fixedSize..<addressEnd)
        let node: UInt64 = bytes.littleEndian(at: 16)
        guard node != 0 || address.isEmpty else {
            throw .malformed("an address of no leader")
        }
        // Never mended: what stands for bytes that are no text is longer than they are.
        guard let leaderAddress = address.isEmpty ? "" : String(validating: address, as: UTF8.self)
        else {
            throw .malformed("the leader's address is no text")
        }
        var detail =
            addressEnd == detailEnd
            ? "" : String(decoding: bytes.copy(addressEnd..<detailEnd), as: UTF8.self)
        let refusal: UInt16 = bytes.littleEndian(at: 2)
        if refusal != 0, Refusal(rawValue: refusal) == nil {
            detail = "refusal \(refusal), which this version does not know. \(detail)"
        }
        self.init(
            outcome: try ReplyOutcome(
                kind: bytes[0],
                content: bytes[1],
                refusal: refusal,
                retryAfterMilliseconds: bytes.littleEndian(at: 4),
                bytes.extracting(detailEnd..<bytes.count)
            ),
            appliedIndex: bytes.littleEndian(at: 8),
            operation: operation,
            leader: node == 0
                ? nil
                : LeaderHint(node: node, address: leaderAddress),
            detail: detail
        )
    }

    /// Reads a body.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }
}

/// Who leads, as far as the answering node knows.
package struct LeaderHint: Hashable, Sendable {
    /// The node's number, 1 or more.
    package var node: UInt64
    /// Where it listens for what was asked, `host:port`; empty where that is not known.
    package var address: String

    /// Composes a hint.
    package init(node: UInt64, address: String = "") {
        self.node = node
        self.address = address
    }
}

/// What became of a request: one of three.
package enum ReplyOutcome: Hashable, Sendable {
    /// It was done, and this came of it.
    case done(ReplyContent)
    /// Nothing happened, and nothing will. 0 ms: no advice when to retry.
    case refused(Refusal, retryAfterMilliseconds: UInt32 = 0)
    /// Nobody knows whether it happened: ask again with the same identity.
    case unknown

    /// Its number on the wire.
    var kind: UInt8 {
        switch self {
        case .done: 1
        case .refused: 2
        case .unknown: 3
        }
    }

    /// What came of it.
    var content: ReplyContent? {
        switch self {
        case .done(let content): content
        case .refused, .unknown: nil
        }
    }

    /// Puts together what the wire holds.
    init(
        kind: UInt8,
        content: UInt8,
        refusal: UInt16,
        retryAfterMilliseconds: UInt32,
        _ bytes: Span<UInt8>
    ) throws(ProtocolError) {
        guard kind == 1 || (content == 0 && bytes.count == 0) else {
            throw .malformed("a content in a reply that is not done")
        }
        guard kind == 2 || (refusal == 0 && retryAfterMilliseconds == 0) else {
            throw .malformed("a refusal in a reply that is not refused")
        }
        switch kind {
        case 1:
            guard let content = RequestKind(rawValue: content) else {
                throw .malformed("the content of the reply is not known")
            }
            self = .done(try ReplyContent(content, decoding: bytes))
        case 2:
            guard refusal != 0 else { throw .malformed("a refusal without a number") }
            self = .refused(
                Refusal(rawValue: refusal) ?? .notSupported,
                retryAfterMilliseconds: retryAfterMilliseconds
            )
        case 3: self = .unknown
        default: throw .malformed("the outcome of the reply is not known")
        }
    }
}

/// What came of a request that was done.
package enum ReplyContent: Hashable, Sendable {
    /// Of a command. Its `refusal` is nil: a refused command is answered with a refusal.
    case command(Reply)
    /// Of a query.
    case query(Answer)
    /// Of an administration request.
    case administration(AdministrationAnswer)

    /// Which of the three.
    package var kind: RequestKind {
        switch self {
        case .command: .command
        case .query: .query
        case .administration: .administration
        }
    }

    /// Appends the content.
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .command(let reply): reply.append(to: &bytes)
        case .query(let answer): answer.append(to: &bytes)
        case .administration(let answer): bytes.append(contentsOf: answer.encode())
        }
    }

    /// Reads the content.
    init(_ kind: RequestKind, decoding bytes: Span<UInt8>) throws(ProtocolError) {
        switch kind {
        case .command:
            let reply = try Reply(decoding: bytes)
            guard reply.refusal == nil else {
                throw .malformed("a refused command in a reply that is done")
            }
            self = .command(reply)
        case .query: self = .query(try Answer(decoding: bytes))
        case .administration: self = .administration(try AdministrationAnswer(decoding: bytes))
        }
    }
}
