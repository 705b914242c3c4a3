internal import CadastreNode
internal import CoreMetrics
internal import NIOCore
internal import NIOHTTP1
internal import RaftCore

/// `GET /metrics` and `GET /health` on the administration listener, for operators' tools: one
/// request on each connection, and nothing else.
final class HTTPDoor: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let context: DoorContext
    private var deadline: Scheduled<Void>?
    private var isAnswered = false

    private init(_ context: DoorContext) {
        self.context = context
    }

    /// Makes a connection speak HTTP/1.1 behind what is already in its pipeline.
    static func install(on channel: any Channel, _ context: DoorContext) throws {
        let sync = channel.pipeline.syncOperations
        try sync.addHandlers([
            HTTPResponseEncoder(),
            ByteToMessageHandler(
                HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes),
                maximumBufferSize: RuntimeLimits.maximumHTTPRequestSize
            ),
            HTTPDoor(context),
        ])
    }

    func handlerAdded(context: ChannelHandlerContext) {
        let timeout = RuntimeLimits.httpTimeout
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            context.close(promise: nil)
        }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.context.faulted("\(error)", on: .administration, address: context.remoteAddress)
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard case .head(let head) = unwrapInboundIn(data), !isAnswered else { return }
        isAnswered = true
        self.context.metrics.requests[.http].increment()
        let path = head.uri.split(separator: "?", maxSplits: 1).first.map(String.init) ?? ""
        switch (head.method, path) {
        case (.GET, "/metrics"): metrics(context)
        case (.GET, "/health"): health(context)
        case (_, "/metrics"), (_, "/health"):
            answer(context, .methodNotAllowed, "text/plain", "GET only\n")
        case (_, _):
            answer(context, .notFound, "text/plain", "/metrics and /health are all there is\n")
        }
    }

    private func metrics(_ handler: ChannelHandlerContext) {
        let door = context
        door.status().hop(to: handler.eventLoop).assumeIsolated().whenComplete { result in
            if case .success(let status) = result {
                var numbers = door.view.now.numbers
                numbers.consensusQueue = door.consensus.count
                numbers.applyQueue = door.apply.count
                numbers.journalQueue = door.journal.count
                door.metrics.sample(status, numbers)
            }
            door.sample()
            self.answer(
                handler,
                .ok,
                PrometheusFactory.contentType,
                door.metrics.factory.page()
            )
        }
    }

    private func health(_ handler: ChannelHandlerContext) {
        let health = Health(context.view.now)
        answer(
            handler,
            health.isServing ? .ok : .serviceUnavailable,
            "application/json",
            health.json
        )
    }

    private func answer(
        _ handler: ChannelHandlerContext,
        _ status: HTTPResponseStatus,
        _ type: String,
        _ text: String
    ) {
        let body = ByteBuffer(copying: Array(text.utf8), handler.channel.allocator)
        let head = HTTPResponseHead(
            version: .http1_1,
            status: status,
            headers: [
                "content-type": type, "content-length": "\(body.readableBytes)",
                "connection": "close", "cache-control": "no-store",
            ]
        )
        handler.write(wrapOutboundOut(.head(head)), promise: nil)
        handler.write(wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
        let done = handler.eventLoop.makePromise(of: Void.self)
        done.futureResult.assumeIsolated().whenComplete { _ in handler.close(promise: nil) }
        handler.writeAndFlush(wrapOutboundOut(.end(nil)), promise: done)
    }
}

/// Whether a node serves: it knows a leader of its term, or leads, and is not shutting down.
struct Health {
    /// It serves.
    let isServing: Bool
    /// The answer's body.
    let json: String

    /// Judges a node by what it shows.
    init(_ view: NodeView.Content) {
        isServing = view.leader != .none && !view.isStopping
        let word = isServing ? "serving" : view.isStopping ? "shutting_down" : "no_leader"
        json = "{\"status\":\"\(word)\",\"role\":\"\(view.role)\",\"leader\":\(view.leader)}\n"
    }
}
