import CadastreTLS
import NIOCore
import NIOEmbedded

/// Two handlers joined in memory, with a hand on every byte between them.
final class EmbeddedPair {
    final class Collector: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        var peer: TLSHandshakeCompleted?
        var received: [UInt8] = []
        var errors: [TLSError] = []
        /// Called once, within the first delivery.
        var onFirstRead: (() -> Void)?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            defer {
                if let call = onFirstRead {
                    onFirstRead = nil
                    call()
                }
            }
            received += unwrapInboundIn(data).readableBytesView
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            if let peer = event as? TLSHandshakeCompleted { self.peer = peer }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            if let error = error as? TLSError { errors.append(error) }
        }
    }

    let loop = EmbeddedEventLoop()
    let server: EmbeddedChannel
    let client: EmbeddedChannel
    let atServer = Collector()
    let atClient = Collector()

    init(server: TLSContext, client: TLSContext) throws {
        self.server = EmbeddedChannel(loop: loop)
        self.client = EmbeddedChannel(loop: loop)
        try self.server.pipeline.syncOperations.addHandlers(
            TLSHandler(server) { _ in nil },
            atServer
        )
        try self.client.pipeline.syncOperations.addHandlers(
            TLSHandler(client) { _ in nil },
            atClient
        )
    }

    deinit {
        // An open channel holds itself. What a test has left unread is of no interest.
        for channel in [client, server] { _ = try? channel.finish(acceptAlreadyClosed: true) }
    }

    func connect() throws {
        let address = try SocketAddress(unixDomainSocketPath: "/none")
        server.connect(to: address, promise: nil)
        client.connect(to: address, promise: nil)
    }

    /// Carries bytes both ways until none is left, in pieces of at most `size`; returns the pieces
    /// of ciphertext that the client sent.
    @discardableResult
    func pump(size: Int = .max) throws -> [ByteBuffer] {
        var sent: [ByteBuffer] = []
        var isQuiet = false
        while !isQuiet {
            isQuiet = true
            while let bytes = try client.readOutbound(as: ByteBuffer.self) {
                isQuiet = false
                sent.append(bytes)
                feed(bytes, to: server, size: size)
            }
            while let bytes = try server.readOutbound(as: ByteBuffer.self) {
                isQuiet = false
                feed(bytes, to: client, size: size)
            }
        }
        return sent
    }

    func feed(_ bytes: ByteBuffer, to channel: EmbeddedChannel, size: Int = .max) {
        var rest = bytes
        while let piece = rest.readSlice(length: min(size, rest.readableBytes)),
            piece.readableBytes > 0
        {
            channel.pipeline.syncOperations.fireChannelRead(NIOAny(piece))
            channel.pipeline.syncOperations.fireChannelReadComplete()
        }
    }
}
