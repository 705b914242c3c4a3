import CadastreProtocol
import CadastreTLS
import NIOCore
import NIOPosix

/// A request as a fake node saw it.
struct SeenRequest: Sendable {
    let node: Int
    /// Which connection of this node brought it, from 0.
    let connection: Int
    let id: UInt64
    let message: RequestMessage
    /// When it came, for tests that look at order alone.
    let order: Int
}

/// What a fake node does with a request.
enum FakeAction: Sendable {
    case reply(ReplyMessage)
    /// Says nothing.
    case ignore
    /// Closes the connection without a word.
    case close
    /// Answers after so many milliseconds.
    case later(Int64, ReplyMessage)
    /// Answers once something has happened.
    case after(Happening, ReplyMessage)
    /// Says goodbye, and then answers, or with nothing to answer falls silent.
    case goodbye(ReplyMessage?)
    /// Keeps it; replies to all that were kept, newest first, once there are so many.
    case holdUntil(count: Int, ReplyMessage)
    /// Bytes that are no frame.
    case garbage
}

/// A listener on loopback that speaks TLS and the protocol, and does what a script says.
final class FakeNode: @unchecked Sendable {
    // Unchecked: variables are used on the one event loop of all fake nodes.

    let address: String
    let number: Int
    private let channel: any Channel
    private let loop: any EventLoop

    typealias Script = @Sendable (SeenRequest) -> FakeAction

    static let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()

    init(
        _ number: Int,
        credentials: Credentials = FakePKI.node,
        greets: Bool = true,
        script: @escaping Script
    ) async throws {
        self.number = number
        loop = Self.loop
        let context = try TLSContext(credentials, for: .server)
        let connections = Counter()
        let orders = Counter()
        channel = try await ServerBootstrap(group: loop)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let tls = try TLSHandler(
                        context,
                        accept: TLSRefusal.unlessMember(of: FakePKI.cluster)
                    )
                    let handler = FakeHandler(
                        number,
                        connection: connections.next(),
                        orders: orders,
                        greets: greets,
                        script: script
                    )
                    try channel.pipeline.syncOperations.addHandlers(tls, handler)
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        address = "127.0.0.1:\(channel.localAddress?.port ?? 0)"
    }

    func stop() async {
        try? await channel.close()
    }
}

/// Counts on the fake nodes' event loop.
final class Counter: @unchecked Sendable {
    private var value = -1
    func next() -> Int {
        value += 1
        return value
    }
}

private final class FakeHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let node: Int
    private let connection: Int
    private let orders: Counter
    private let greets: Bool
    private let script: FakeNode.Script
    private var greeting: [UInt8] = []
    private var assembler = FrameAssembler()
    private var held: [(UInt64, ReplyMessage)] = []

    init(
        _ node: Int,
        connection: Int,
        orders: Counter,
        greets: Bool,
        script: @escaping FakeNode.Script
    ) {
        self.node = node
        self.connection = connection
        self.orders = orders
        self.greets = greets
        self.script = script
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is TLSHandshakeCompleted, greets else { return }
        // Node and incarnation 1 of cluster 1.
        var bytes = Array("CADASTRE".utf8) + [1, 0, 1, 0, 1, 0, 0, 0]
        bytes += [1] + [UInt8](repeating: 0, count: 15)
        bytes += [UInt8(node)] + [UInt8](repeating: 0, count: 7)
        bytes += [1] + [UInt8](repeating: 0, count: 15)
        bytes += [3] + [UInt8](repeating: 0, count: 39)
        write(context, bytes)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        let missing = Greeting.size - greeting.count
        greeting += buffer.readBytes(length: min(missing, buffer.readableBytes)) ?? []
        let bytes = Array(buffer.readableBytesView)
        guard let messages = try? assembler.receive(bytes) else {
            context.close(promise: nil)
            return
        }
        for received in messages {
            guard let message = try? RequestMessage(decoding: received.body) else {
                context.close(promise: nil)
                return
            }
            let request = SeenRequest(
                node: node,
                connection: connection,
                id: received.header.requestID,
                message: message,
                order: orders.next()
            )
            perform(script(request), request.id, context)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func perform(_ action: FakeAction, _ id: UInt64, _ context: ChannelHandlerContext) {
        switch action {
        case .ignore: break
        case .close: context.close(promise: nil)
        case .reply(let reply): send(context, id, reply)
        case .later(let milliseconds, let reply):
            let parts = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            context.eventLoop.scheduleTask(in: .milliseconds(milliseconds)) {
                let (handler, context) = parts.value
                handler.send(context, id, reply)
            }
        case .after(let event, let reply):
            let parts = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            let loop = context.eventLoop
            Task {
                await event.wait()
                loop.execute {
                    let (handler, context) = parts.value
                    handler.send(context, id, reply)
                }
            }
        case .goodbye(let reply):
            var bytes: [UInt8] = []
            Frame.append(.goodbye, group: 0, requestID: 0, body: [], to: &bytes)
            write(context, bytes)
            if let reply { send(context, id, reply) }
        case .garbage: write(context, Array(repeating: 0xFF, count: 64))
        case .holdUntil(let count, let reply):
            held.append((id, reply))
            guard held.count >= count else { return }
            for (id, reply) in held.reversed() { send(context, id, reply) }
            held = []
        }
    }

    private func send(_ context: ChannelHandlerContext, _ id: UInt64, _ reply: ReplyMessage) {
        var bytes: [UInt8] = []
        Frame.append(.reply, group: 0, requestID: id, to: &bytes) { reply.append(to: &$0) }
        write(context, bytes)
    }

    private func write(_ context: ChannelHandlerContext, _ bytes: [UInt8]) {
        var buffer = context.channel.allocator.buffer(capacity: bytes.count)
        buffer.writeBytes(bytes)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }
}
