import NIOCore
import NIOPosix
import Synchronization

/// A relay on loopback that keeps every byte that goes through it, for tests.
final class Relay: Sendable {
    /// What went through one connection.
    struct Capture: Sendable {
        /// From whoever was dialled.
        var fromTarget: [UInt8] = []
        /// From whoever dialled.
        var fromCaller: [UInt8] = []
        /// One end has closed it.
        var isClosed = false
    }

    private let content = Mutex<[Capture]>([])
    private let listener = Mutex<(any Channel)?>(nil)

    /// Where it listens.
    var port: Int { listener.withLock { $0?.localAddress?.port ?? 0 } }
    /// The connections, in the order in which they came.
    var captures: [Capture] { content.withLock { $0 } }

    /// Listens, and leads whoever connects to a port.
    static func leading(to target: Int) async throws -> Relay {
        let relay = Relay()
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            // Nothing comes before the other side stands.
            .childChannelOption(ChannelOptions.autoRead, value: false)
            .childChannelInitializer { relay.join($0, to: target) }
            .bind(host: "127.0.0.1", port: 0).get()
        relay.listener.withLock { $0 = channel }
        return relay
    }

    /// Listens no more.
    func close() async throws { try await listener.withLock { $0 }?.close() }

    private func join(_ caller: any Channel, to target: Int) -> EventLoopFuture<Void> {
        let place = content.withLock { captures in
            captures.append(Capture())
            return captures.count - 1
        }
        return ClientBootstrap(group: caller.eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Pipe(to: caller) { bytes in
                            self.note(place) { $0.fromTarget += bytes }
                        } ended: {
                            self.note(place) { $0.isClosed = true }
                        }
                    )
                }
            }
            .connect(host: "127.0.0.1", port: target)
            .flatMapThrowing { channel in
                try caller.pipeline.syncOperations.addHandler(
                    Pipe(to: channel) { bytes in
                        self.note(place) { $0.fromCaller += bytes }
                    } ended: {
                        self.note(place) { $0.isClosed = true }
                    }
                )
            }
            .flatMap { caller.setOption(ChannelOptions.autoRead, value: true) }
    }

    private func note(_ place: Int, _ change: (inout Capture) -> Void) {
        content.withLock { change(&$0[place]) }
    }

    /// One direction of a connection.
    private final class Pipe: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let other: any Channel
        private let passed: (ByteBufferView) -> Void
        private let ended: () -> Void

        init(
            to other: any Channel,
            passed: @escaping (ByteBufferView) -> Void,
            ended: @escaping () -> Void
        ) {
            self.other = other
            self.passed = passed
            self.ended = ended
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            passed(bytes.readableBytesView)
            other.writeAndFlush(bytes, promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            ended()
            other.close(promise: nil)
        }
    }
}
