/// The header before every message on a connection: fixed layout, 24 bytes, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 4 | size of the whole frame with this header, 24 … 24 + ``ProtocolLimits/maximumFrameBody`` |
/// | 4 | 1 | ``FrameKind`` |
/// | 5 | 1 | flags: bit 0 = more pieces of this message follow; the others 0 |
/// | 6 | 2 | reserved, 0 |
/// | 8 | 4 | group |
/// | 12 | 4 | reserved, 0 |
/// | 16 | 8 | request id: chosen by the client and echoed; of a peer message its stream number |
///
/// A message of more than ``ProtocolLimits/maximumPieceSize`` is sent as several frames of the
/// same kind, group and request id, with bit 0 on all but the last; its body is theirs, one after
/// the other. Pieces of different messages may alternate.
package struct FrameHeader: Hashable, Sendable {
    /// Bytes of the header.
    package static let size = 24

    /// What the message is.
    package var kind: FrameKind
    /// Further pieces of this message follow.
    package var hasMorePieces: Bool
    /// Which Raft group is meant.
    package var group: UInt32
    /// Which request is meant; with kind and group it names the stream of a message's pieces.
    package var requestID: UInt64
    /// Bytes after the header.
    package var bodySize: Int

    /// Composes a header.
    package init(
        kind: FrameKind,
        hasMorePieces: Bool = false,
        group: UInt32,
        requestID: UInt64,
        bodySize: Int
    ) {
        self.kind = kind
        self.hasMorePieces = hasMorePieces
        self.group = group
        self.requestID = requestID
        self.bodySize = bodySize
    }

    /// Appends the 24 bytes.
    package func append(to bytes: inout [UInt8]) {
        precondition(
            (0...ProtocolLimits.maximumFrameBody).contains(bodySize),
            "a frame's body of \(bodySize) bytes"
        )
        bytes.append(littleEndian: UInt32(FrameHeader.size + bodySize))
        bytes.append(kind.rawValue)
        bytes.append(hasMorePieces ? 1 : 0)
        bytes.append(littleEndian: UInt16(0))
        bytes.append(littleEndian: group)
        bytes.append(littleEndian: UInt32(0))
        bytes.append(littleEndian: requestID)
    }

    /// Reads the first 24 bytes; the body need not have come.
    ///
    /// - Throws: `tooLarge`, `malformed` or, for a kind that this version does not know,
    ///   `notSupported`.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count >= FrameHeader.size else { throw .truncated("the frame's header") }
        let size = Int(bytes.littleEndian(at: 0, as: UInt32.self))
        guard size >= FrameHeader.size else {
            throw .malformed("the frame is smaller than its header")
        }
        guard size <= FrameHeader.size + ProtocolLimits.maximumFrameBody else {
            throw ProtocolError(
                .tooLarge,
                "the frame has \(size) bytes; "
                    + "at most \(FrameHeader.size + ProtocolLimits.maximumFrameBody) are allowed"
            )
        }
        guard let kind = FrameKind(rawValue: bytes[4]) else {
            throw ProtocolError(.notSupported, "the frame's kind is not known to this version")
        }
        guard bytes[5] <= 1 else { throw .malformed("the frame's flags are not known") }
        try bytes.checkReserved(6..<8, of: "the frame's header")
        try bytes.checkReserved(12..<16, of: "the frame's header")
        self.init(
            kind: kind,
            hasMorePieces: bytes[5] == 1,
            group: bytes.littleEndian(at: 8),
            requestID: bytes.littleEndian(at: 16),
            bodySize: size - FrameHeader.size
        )
    }
}

/// What a message is.
package enum FrameKind: UInt8, Hashable, Sendable, CaseIterable {
    /// A ``RequestMessage``.
    case request = 1
    /// A ``ReplyMessage``.
    case reply = 2
    /// The node is going away: nothing new is taken on this connection. No body.
    case goodbye = 3
    /// A ``PeerMessage``.
    case peer = 16
    /// A ``SnapshotMessage``.
    case snapshot = 17
    /// A ``RepairMessage``.
    case repair = 18
}

/// Writes messages as frames.
package enum Frame {
    /// Appends a message: `write` appends its body right behind the header, without a copy of its
    /// own.
    ///
    /// What is larger than a piece is then cut in place.
    ///
    /// The body must not be larger than ``ProtocolLimits/maximumFrameBody``.
    package static func append(
        _ kind: FrameKind,
        group: UInt32,
        requestID: UInt64,
        to output: inout [UInt8],
        _ write: (inout [UInt8]) -> Void
    ) {
        let start = output.count
        var header = FrameHeader(kind: kind, group: group, requestID: requestID, bodySize: 0)
        header.append(to: &output)
        let body = output.count
        write(&output)
        let size = output.count - body
        guard size > ProtocolLimits.maximumPieceSize else {
            output.replace(at: start, littleEndian: UInt32(FrameHeader.size + size))
            return
        }
        precondition(
            size <= ProtocolLimits.maximumFrameBody,
            "a message of \(size) bytes is larger than any frame"
        )
        // From behind, each piece moves up by the headers that come before it.
        let pieces = pieces(ofBody: size)
        output.append(zeros: FrameHeader.size * (pieces.count - 1))
        for (number, piece) in pieces.enumerated().reversed() {
            let place = body + piece.lowerBound + FrameHeader.size * number
            output.move(body + piece.lowerBound..<body + piece.upperBound, to: place)
            header.hasMorePieces = piece.upperBound < size
            header.bodySize = piece.count
            var bytes: [UInt8] = []
            header.append(to: &bytes)
            output.replaceSubrange(place - FrameHeader.size..<place, with: bytes)
        }
    }

    /// Appends a message whose body exists already.
    package static func append(
        _ kind: FrameKind,
        group: UInt32,
        requestID: UInt64,
        body: [UInt8],
        to output: inout [UInt8]
    ) {
        append(kind, group: group, requestID: requestID, to: &output) {
            $0.append(contentsOf: body)
        }
    }

    /// Bytes of all frames of a message.
    package static func encodedSize(ofBody size: Int) -> Int {
        let piece = ProtocolLimits.maximumPieceSize
        return size + FrameHeader.size * max(1, (size + piece - 1) / piece)
    }

    /// Where the frames begin and end in bytes that ``append(_:group:requestID:to:_:)`` wrote, so
    /// that a sender may let urgent messages go in between.
    package static func boundaries(in output: Span<UInt8>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while start < output.count {
            let size = Int(output.littleEndian(at: start, as: UInt32.self))
            precondition(size >= FrameHeader.size, "these bytes are no frames")
            ranges.append(start..<start + size)
            start += size
        }
        return ranges
    }

    private static func pieces(ofBody size: Int) -> [Range<Int>] {
        stride(from: 0, to: size, by: ProtocolLimits.maximumPieceSize).map {
            $0..<min($0 + ProtocolLimits.maximumPieceSize, size)
        }
    }
}
