import CadastreProtocol
import CadastreTLS
import NIOCore
import NIOPosix
import Synchronization

@testable import CadastreRuntime

/// A node that stands where it may not, and keeps every byte that it is sent, for tests.
final class Outsider: Sendable {
    /// What one connection brought.
    struct Catch: Sendable {
        /// What its TLS session received: what members mean for it.
        var plaintext: [UInt8] = []
        /// Bytes on the wire until its own side of the handshake was done; nil if it never was.
        var handshakeSize: Int?
        /// Bytes on the wire.
        var size = 0
    }

    private let content = Mutex<[Catch]>([])

    /// The connections, in the order in which they came.
    var catches: [Catch] { content.withLock { $0 } }

    /// Dials a member, shakes hands, says all this and listens until the member closes.
    ///
    /// With `untilHeard` the first word is enough; half a minute is in any case.
    func dial(
        _ port: Int,
        with credentials: Credentials,
        saying words: [[UInt8]],
        untilHeard: Bool = false
    ) async throws -> Catch {
        let tls = try TLSContext(credentials, for: .client)
        let place = begin()
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.listen(on: channel, tls, place, saying: words, untilHeard)
                }
            }
            .connect(host: "127.0.0.1", port: port).get()
        let limit = channel.eventLoop.scheduleTask(in: .seconds(30)) { channel.close(promise: nil) }
        try await channel.closeFuture.get()
        limit.cancel()
        return catches[place]
    }

    /// Waits to be dialled.
    ///
    /// - Returns: Where; to be closed in the end.
    func await(with credentials: Credentials) async throws -> any Channel {
        let tls = try TLSContext(credentials, for: .server)
        return try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try self.listen(on: channel, tls, self.begin(), saying: [], false)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private func begin() -> Int {
        content.withLock { catches in
            catches.append(Catch())
            return catches.count - 1
        }
    }

    private func listen(
        on channel: any Channel,
        _ tls: TLSContext,
        _ place: Int,
        saying words: [[UInt8]],
        _ untilHeard: Bool
    ) throws {
        try channel.pipeline.syncOperations.addHandlers(
            Count { size in self.note(place) { $0.size += size } },
            TLSHandler(tls) { _ in nil },
            Listener(words) { bytes in
                self.note(place) { $0.plaintext += bytes }
                if untilHeard { channel.close(promise: nil) }
            } shookHands: {
                self.note(place) { $0.handshakeSize = $0.size }
            }
        )
    }

    private func note(_ place: Int, _ change: (inout Catch) -> Void) {
        content.withLock { change(&$0[place]) }
    }

    /// Below TLS: how much comes over the wire.
    private final class Count: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private let counted: (Int) -> Void

        init(_ counted: @escaping (Int) -> Void) { self.counted = counted }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            counted(unwrapInboundIn(data).readableBytes)
            context.fireChannelRead(data)
        }
    }

    /// Above TLS: what it means.
    private final class Listener: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let words: [[UInt8]]
        private let heard: (ByteBufferView) -> Void
        private let shookHands: () -> Void

        init(
            _ words: [[UInt8]],
            heard: @escaping (ByteBufferView) -> Void,
            shookHands: @escaping () -> Void
        ) {
            self.words = words
            self.heard = heard
            self.shookHands = shookHands
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event is TLSHandshakeCompleted else { return }
            shookHands()
            for bytes in words {
                context.write(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            }
            context.flush()
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            heard(unwrapInboundIn(data).readableBytesView)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            // A refusal: what counts is what came before it.
            context.close(promise: nil)
        }
    }
}
