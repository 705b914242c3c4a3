import CadastreProtocol
import CadastreTLS
import NIOCore
import NIOPosix
import RaftCore
import Synchronization

@testable import CadastreRuntime

/// A client of one connection for tests: sends requests, waits for their replies.
final class TestClient: Sendable {
    private let channel: any Channel
    private let handler: NIOLoopBound<Handler>
    private let next = Atomic<UInt64>(1)

    private init(_ channel: any Channel, _ handler: NIOLoopBound<Handler>) {
        self.channel = channel
        self.handler = handler
    }

    /// Connects with the certificate of this name and waits for the node's greeting.
    static func connect(
        _ name: String,
        port: Int,
        purpose: Greeting.Purpose
    ) async throws -> TestClient {
        try await connect(TestFolder.shared.credentials(name), port: port, purpose: purpose)
    }

    /// Connects with these files and waits for the node's greeting.
    static func connect(
        _ credentials: Credentials,
        port: Int,
        purpose: Greeting.Purpose
    ) async throws -> TestClient {
        let tls = try TLSContext(credentials, for: .client)
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let greeted = loop.makePromise(of: Void.self)
        let handler = try await loop.submit {
            NIOLoopBound(Handler(purpose, greeted), eventLoop: loop)
        }.get()
        let connected = ClientBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(TLSHandler(tls) { _ in nil })
                    try sync.addHandler(handler.value)
                }
            }
            .connect(host: "127.0.0.1", port: port)
        connected.whenFailure { greeted.fail($0) }
        let channel = try await connected.get()
        try await greeted.futureResult.get()
        return TestClient(channel, handler)
    }

    /// Sends a request and waits for the reply to it.
    func send(_ request: RequestMessage) async throws -> ReplyMessage {
        let id = next.wrappingAdd(1, ordering: .relaxed).oldValue
        let handler = handler
        let channel = channel
        return try await channel.eventLoop.flatSubmit {
            // After the end of the connection nobody would answer.
            guard channel.isActive else { return channel.eventLoop.makeFailedFuture(Closed()) }
            let promise = channel.eventLoop.makePromise(of: ReplyMessage.self)
            handler.value.waiting[id] = promise
            channel.writeAndFlush(ByteBuffer(bytes: DoorBench.frame(request, id: id)), promise: nil)
            return promise.futureResult
        }.get()
    }

    /// Waits until the node has closed the connection.
    func closed() async throws {
        let promise = channel.eventLoop.makePromise(of: Void.self)
        channel.closeFuture.cascade(to: promise)
        // A connection that is not closed is a failure, and not a test without an end.
        let limit = channel.eventLoop.scheduleTask(in: .seconds(30)) { promise.fail(StillOpen()) }
        try await promise.futureResult.get()
        limit.cancel()
    }

    struct StillOpen: Error {}

    func close() async throws {
        try await channel.close()
    }

    struct Closed: Error {}

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        var waiting: [UInt64: EventLoopPromise<ReplyMessage>] = [:]
        private let purpose: Greeting.Purpose
        private let greeted: EventLoopPromise<Void>
        private var reader = GreetingReader()
        private var isGreeted = false
        private var assembler = FrameAssembler()

        init(_ purpose: Greeting.Purpose, _ greeted: EventLoopPromise<Void>) {
            self.purpose = purpose
            self.greeted = greeted
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event is TLSHandshakeCompleted else { return }
            let greeting = Greeting(
                cluster: nil,
                node: .none,
                incarnation: nil,
                purpose: purpose
            )
            context.writeAndFlush(
                wrapOutboundOut(ByteBuffer(bytes: greeting.encode())),
                promise: nil
            )
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            var buffer = unwrapInboundIn(data)
            do {
                if !isGreeted {
                    guard try reader.read(&buffer) != nil else { return }
                    isGreeted = true
                    greeted.succeed()
                }
                for message in try assembler.receive(Array(buffer.readableBytesView)) {
                    guard message.header.kind == .reply else { continue }
                    let reply = try ReplyMessage(decoding: message.body)
                    waiting.removeValue(forKey: message.header.requestID)?.succeed(reply)
                }
            } catch {
                context.close(promise: nil)
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            greeted.fail(error)
            context.close(promise: nil)
        }

        func channelInactive(context: ChannelHandlerContext) {
            greeted.fail(Closed())
            for promise in waiting.values { promise.fail(Closed()) }
            waiting = [:]
        }
    }
}
