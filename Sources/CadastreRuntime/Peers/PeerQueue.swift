internal import CadastreNode
internal import CadastreProtocol
internal import DequeModule
internal import NIOCore
internal import RaftCore

/// What waits to be sent to one peer: urgent messages first, pieces of large ones behind.
///
/// A value without I/O. Messages beyond their bound are dropped: Raft sends what matters again.
/// Urgent ones have a bound of their own, so that a peer that is slow to take entries still hears
/// heartbeats and votes.
struct PeerQueue {
    /// The most bytes that wait, urgent messages aside.
    let maximumSize: Int
    /// Frames that wait.
    private struct Lane {
        var frames: Deque<ByteBuffer> = []
        var size = 0

        mutating func append(_ frame: ByteBuffer) {
            frames.append(frame)
            size += frame.readableBytes
        }

        mutating func popFirst() -> ByteBuffer? {
            guard let frame = frames.popFirst() else { return nil }
            size -= frame.readableBytes
            return frame
        }
    }

    private var urgent = Lane()
    private var pieces = Lane()
    private var nextStream: UInt64 = 1

    /// An empty queue.
    init(maximumSize: Int) { self.maximumSize = maximumSize }

    /// Whether nothing waits.
    var isEmpty: Bool { urgent.frames.isEmpty && pieces.frames.isEmpty }

    /// Bytes that wait.
    var size: Int { urgent.size + pieces.size }

    /// Takes a message.
    ///
    /// - Returns: False if there is no room: the message is dropped.
    mutating func add(_ message: PeerFrame) -> Bool {
        add(
            message.bytes,
            group: message.group.value,
            kind: message.kind,
            isUrgent: message.isUrgent
        )
    }

    /// Takes the body of a message.
    ///
    /// - Returns: False if there is no room: the message is dropped.
    mutating func add(
        _ body: [UInt8],
        group: UInt32,
        kind: FrameKind = .peer,
        isUrgent: Bool
    ) -> Bool {
        let room =
            isUrgent ? RuntimeLimits.maximumUrgentSize - urgent.size : maximumSize - pieces.size
        guard body.count <= ProtocolLimits.maximumFrameBody,
            Frame.encodedSize(ofBody: body.count) <= room
        else { return false }
        let stream = nextStream
        nextStream &+= 1
        var start = 0
        var header: [UInt8] = []
        repeat {
            let count = min(ProtocolLimits.maximumPieceSize, body.count - start)
            header.removeAll(keepingCapacity: true)
            FrameHeader(
                kind: kind,
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
    mutating func next() -> ByteBuffer? { urgent.popFirst() ?? pieces.popFirst() }

    /// Forgets everything: the connection it was for is gone.
    mutating func removeAll() {
        urgent = Lane()
        pieces = Lane()
    }
}
