/// Makes messages of the bytes of one connection, however they are split.
///
/// Pure and bounded: what is kept is at most one unfinished frame and
/// ``ProtocolLimits/maximumUnfinishedMessages`` messages of which some pieces have come, together
/// at most ``maximumHeldBytes``. A frame that lies whole within the bytes received is handed out
/// as it lies there, without a copy.
///
/// After an error the connection is of no more use; every further call throws the same error.
package struct FrameAssembler: Sendable {
    /// What one connection can make us hold: one frame being received and one large message
    /// being put together, with room for small ones beside it.
    package static let maximumHeldBytes =
        2 * ProtocolLimits.maximumFrameBody + ProtocolLimits.maximumPieceSize

    private struct Stream: Hashable {
        let kind: FrameKind
        let group: UInt32
        let requestID: UInt64
    }

    private var rest: [UInt8] = []
    /// The number of the frame in `rest`.
    private var restNumber: UInt64 = 0
    // At most four: an array in order of arrival is faster than a dictionary, and in order.
    private var unfinished: [(stream: Stream, number: UInt64, body: [UInt8])] = []
    /// Frames and messages that were begun and did not come whole at once.
    private var begun: UInt64 = 0
    private var failure: ProtocolError?

    /// Begins a connection, after its greeting.
    package init() {}

    /// Bytes that are kept until more come.
    package var heldBytes: Int {
        unfinished.reduce(rest.count) { $0 + $1.body.count }
    }

    /// Which of what was begun has waited longest for its end; nil while nothing is unfinished.
    ///
    /// As long as the number stays the same, the same message is unfinished: by this the owner of
    /// the connection, who has a clock, sees one that never ends.
    package var oldestUnfinished: UInt64? {
        let oldest = unfinished.first?.number
        return rest.isEmpty ? oldest : min(oldest ?? restNumber, restNumber)
    }

    /// Takes bytes, and hands out each message that is complete with them, in order.
    ///
    /// The span is good only within the call. The header's `bodySize` is that of the whole
    /// message, and `hasMorePieces` is false. An error that `each` throws ends the connection.
    ///
    /// - Throws: what was wrong with the bytes, or what `each` threw.
    package mutating func receive(
        _ bytes: Span<UInt8>,
        each: (FrameHeader, Span<UInt8>) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        if let failure { throw failure }
        do throws(ProtocolError) {
            var position = 0
            while !rest.isEmpty, position < bytes.count {
                try completeRest(bytes, &position, each)
            }
            while position < bytes.count {
                let left = bytes.extracting(position..<bytes.count)
                let size = try frameSize(left) ?? Int.max
                guard size <= left.count else {
                    begun &+= 1
                    restNumber = begun
                    rest.append(copying: left)
                    return
                }
                try take(left.extracting(0..<size), each)
                position += size
            }
        } catch {
            failure = error
            rest = []
            unfinished = []
            throw error
        }
    }

    /// Takes bytes, and returns each message that is complete with them, as copies.
    ///
    /// - Throws: what was wrong with the bytes.
    package mutating func receive(
        _ bytes: [UInt8]
    ) throws(ProtocolError) -> [AssembledMessage] {
        var messages: [AssembledMessage] = []
        try receive(bytes.span) { header, body throws(ProtocolError) in
            messages.append(AssembledMessage(header: header, body: body.copy(0..<body.count)))
        }
        return messages
    }

    // MARK: Private

    /// The size of the frame that begins here, or nil while its header has not come.
    private func frameSize(_ bytes: Span<UInt8>) throws(ProtocolError) -> Int? {
        guard bytes.count >= FrameHeader.size else { return nil }
        return FrameHeader.size + (try FrameHeader(decoding: bytes)).bodySize
    }

    /// Moves bytes to the unfinished frame until its header, then until it is whole; not more,
    /// so that what follows needs no copy.
    private mutating func completeRest(
        _ bytes: Span<UInt8>,
        _ position: inout Int,
        _ each: (FrameHeader, Span<UInt8>) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        let wanted = try frameSize(rest.span) ?? FrameHeader.size
        let count = min(wanted - rest.count, bytes.count - position)
        rest.append(copying: bytes.extracting(position..<position + count))
        position += count
        guard let size = try frameSize(rest.span), rest.count == size else { return }
        var frame: [UInt8] = []
        swap(&frame, &rest)
        try take(frame.span, each)
        // Its memory is for the next one, as far as it is not much.
        frame.removeAll(
            keepingCapacity: size <= FrameHeader.size + ProtocolLimits.maximumPieceSize
        )
        swap(&frame, &rest)
    }

    /// Takes one whole frame.
    private mutating func take(
        _ frame: Span<UInt8>,
        _ each: (FrameHeader, Span<UInt8>) throws(ProtocolError) -> Void
    ) throws(ProtocolError) {
        var header = try FrameHeader(decoding: frame)
        let body = frame.extracting(FrameHeader.size..<frame.count)
        let stream = Stream(kind: header.kind, group: header.group, requestID: header.requestID)
        let place = unfinished.firstIndex { $0.stream == stream }
        guard header.hasMorePieces || place != nil else {
            try each(header, body)
            return
        }
        let known = place.map { unfinished[$0].body.count } ?? 0
        guard body.count <= ProtocolLimits.maximumFrameBody - known else {
            throw ProtocolError(.tooLarge, "the pieces make more than a message may have")
        }
        guard heldBytes + body.count <= Self.maximumHeldBytes else {
            throw ProtocolError(.tooLarge, "too much of unfinished messages")
        }
        guard let place else {
            guard unfinished.count < ProtocolLimits.maximumUnfinishedMessages else {
                throw ProtocolError(.tooLarge, "too many unfinished messages")
            }
            guard body.count > 0 else { throw .malformed("a piece is empty") }
            begun &+= 1
            // Room for the second piece, too, which most often is the last.
            var pieces: [UInt8] = []
            let isPiece = body.count <= ProtocolLimits.maximumPieceSize
            pieces.reserveCapacity(isPiece ? 2 * body.count : body.count)
            pieces.append(copying: body)
            unfinished.append((stream, begun, pieces))
            return
        }
        guard body.count > 0 else { throw .malformed("a piece is empty") }
        unfinished[place].body.append(copying: body)
        guard !header.hasMorePieces else { return }
        let whole = unfinished.remove(at: place).body
        header.bodySize = whole.count
        try each(header, whole.span)
    }
}

/// A whole message as the connection brought it.
package struct AssembledMessage: Hashable, Sendable {
    /// What it is; `bodySize` is that of the whole message.
    package var header: FrameHeader
    /// What it says.
    package var body: [UInt8]

    /// Composes a message.
    package init(header: FrameHeader, body: [UInt8]) {
        self.header = header
        self.body = body
    }
}
