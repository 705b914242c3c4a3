import CadastreTLS
import NIOCore
import NIOPosix

/// What one end of a connection saw, in the end.
struct Outcome: Sendable {
    var peer: TLSHandshakeCompleted?
    var received: [UInt8] = []
    var errors: [TLSError] = []
    var sawInputClosed = false

    var refusal: TLSRefusal.Reason? {
        for case .refused(let refusal) in errors { return refusal.reason }
        return nil
    }
}

/// Keeps what a connection brings, and answers as told; its promise ends with the channel.
final class Witness: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    enum Conduct: Sendable {
        /// Sends bytes once the peer is known, then reads on.
        case send([UInt8])
        /// Sends the bytes in pieces of these sizes, flushing after each piece that is odd.
        case sendPieces([UInt8], sizes: [Int])
        /// Sends bytes, closes its output, reads to the end.
        case sendAndCloseOutput([UInt8])
        /// Sends everything back; when the peer has closed its output, closes too.
        case echo
        /// Asks for each read by itself, on a channel that does not read on its own.
        case readByHand
        /// Closes after as many bytes have come.
        case closeAfter(Int)
    }

    private let conduct: Conduct
    private let done: EventLoopPromise<Outcome>
    private var outcome = Outcome()
    private let closeAfter: Int?

    init(_ conduct: Conduct, closeAfter: Int? = nil, done: EventLoopPromise<Outcome>) {
        self.conduct = conduct
        self.done = done
        if case .closeAfter(let count) = conduct {
            self.closeAfter = count
        } else {
            self.closeAfter = closeAfter
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let peer as TLSHandshakeCompleted:
            outcome.peer = peer
            begin(context)
        case ChannelEvent.inputClosed:
            outcome.sawInputClosed = true
            context.flush()
            context.close(mode: .output, promise: nil)
        default: break
        }
    }

    private func begin(_ context: ChannelHandlerContext) {
        switch conduct {
        case .send(let bytes):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
        case .sendPieces(let bytes, let sizes):
            var rest = ByteBuffer(bytes: bytes)
            var turn = 0
            while rest.readableBytes > 0 {
                let size = min(sizes[turn % sizes.count], rest.readableBytes)
                if let piece = rest.readSlice(length: size) {
                    context.write(wrapOutboundOut(piece), promise: nil)
                }
                if size % 2 == 1 { context.flush() }
                turn += 1
            }
            context.flush()
        case .sendAndCloseOutput(let bytes):
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
            context.close(mode: .output, promise: nil)
        case .readByHand: context.read()
        case .echo, .closeAfter: break
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        outcome.received += bytes.readableBytesView
        if case .echo = conduct { context.write(wrapOutboundOut(bytes), promise: nil) }
        if case .readByHand = conduct { context.read() }
        if let closeAfter, outcome.received.count >= closeAfter { context.close(promise: nil) }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if case .echo = conduct { context.flush() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if let error = error as? TLSError { outcome.errors.append(error) }
        // As every careful handler does; the TLS handler still lets the peer read the alert.
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        done.succeed(outcome)
    }
}

/// One connection over a real socket of the loopback, from its beginning to its end.
enum Loopback {
    typealias Accept = @Sendable (NamedIdentity) -> TLSRefusal?

    static func run(
        server: TLSContext,
        _ serverConduct: Witness.Conduct = .echo,
        serverAccepts: @escaping Accept = { _ in nil },
        client: TLSContext,
        _ clientConduct: Witness.Conduct,
        clientClosesAfter: Int? = nil,
        clientAccepts: @escaping Accept = { _ in nil }
    ) async throws -> (server: Outcome, client: Outcome) {
        let group = MultiThreadedEventLoopGroup.singleton
        let serverDone = group.next().makePromise(of: Outcome.self)
        let clientDone = group.next().makePromise(of: Outcome.self)
        let reads = if case .readByHand = clientConduct { false } else { true }
        let listener = try await listen(server, serverConduct, serverAccepts, serverDone)
        guard let address = listener.localAddress else { throw TestFailure(what: "no address") }
        _ = try await ClientBootstrap(group: group)
            .channelOption(.allowRemoteHalfClosure, value: true)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try TLSHandler(client, accept: clientAccepts)
                    try channel.pipeline.syncOperations.addHandlers(
                        tls,
                        Witness(clientConduct, closeAfter: clientClosesAfter, done: clientDone)
                    )
                }
            }
            .connect(to: address).get()
        let outcomes = try await (serverDone.futureResult.get(), clientDone.futureResult.get())
        try await listener.close()
        return outcomes
    }

    /// Sends raw bytes to a listener; returns what it saw and the bytes it answered.
    static func run(
        server: TLSContext,
        raw bytes: [UInt8]
    ) async throws -> (server: Outcome, answer: [UInt8]) {
        let group = MultiThreadedEventLoopGroup.singleton
        let serverDone = group.next().makePromise(of: Outcome.self)
        let clientDone = group.next().makePromise(of: Outcome.self)
        let listener = try await listen(server, .echo, { _ in nil }, serverDone)
        guard let address = listener.localAddress else { throw TestFailure(what: "no address") }
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        Witness(.closeAfter(.max), done: clientDone)
                    )
                }
            }
            .connect(to: address).get()
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes))
        let outcome = try await serverDone.futureResult.get()
        let answer = try await clientDone.futureResult.get().received
        try await listener.close()
        return (outcome, answer)
    }

    private static func listen(
        _ context: TLSContext,
        _ conduct: Witness.Conduct,
        _ accept: @escaping Accept,
        _ done: EventLoopPromise<Outcome>
    ) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try TLSHandler(context, accept: accept)
                    try channel.pipeline.syncOperations.addHandlers(
                        tls,
                        Witness(conduct, done: done)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }
}
