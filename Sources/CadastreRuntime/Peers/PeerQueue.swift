internal import CadastreProtocol
internal import DequeModule
internal import NIOCore

/// What waits to be sent to one peer: urgent messages first, pieces of large ones behind.
///
/// A value without I/O. Messages beyond its bound are dropped: Raft sends what matters again.
struct PeerQueue {
    /// The most bytes that wait.
    let maximumSize: Int
    private var urgent: Deque<ByteBuffer> = []
    private var pieces: Deque<ByteBuffer> = []
    /// Bytes that wait.
    private(set) var size = 0
    private var nextStream: UInt64 = 1

    /// An empty queue.
    init(maximumSize: Int) {
        self.maximumSize = maximumSize
    }

    /// Whether nothing waits.
    var isEmpty: Bool { urgent.isEmpty && pieces.isEmpty }

    /// Takes the body of a message.
    ///
    /// - Returns: False if there is no room: the message is dropped.
    mutating func add(_ body: [UInt8], group: UInt32, isUrgent: Bool) -> Bool {
        let total = Frame.encodedSize(ofBody: body.count)
        guard body.count <= ProtocolLimits.maximumFrameBody, total <= maximumSize - size else {
            return false
        }
        let stream = nextStream
        nextStream &+= 1
        size += total
        var start = 0
        var header: [UInt8] = []
        repeat {
            let count = min(ProtocolLimits.maximumPieceSize, body.count - start)
            header.removeAll(keepingCapacity: true)
            FrameHeader(
                kind: .peer,
                hasMorePieces: start + count < body.count,
                group: group,
                requestID: stream,
                bodySize: count
            ).append(to: &header)
            var frame = ByteBufferAllocator().buffer(capacity: header.count + count)
            frame.writeBytes(header)
            frame.writeBytes(body[start..<start + count])
            if isUrgent { urgent.append(frame) } else { pieces.append(frame) }
            start += count
        } while start < body.count
        return true
    }

    /// The next frame to send.
    mutating func next() -> ByteBuffer? {
        guard let frame = urgent.popFirst() ?? pieces.popFirst() else { return nil }
        size -= frame.readableBytes
        return frame
    }

    /// Forgets everything: the connection it was for is gone.
    mutating func removeAll() {
        urgent.removeAll()
        pieces.removeAll()
        size = 0
    }
}
