internal import CadastreProtocol
internal import CadastreTLS
internal import NIOCore
internal import RaftCore

/// One connection to a node, after its greeting: many requests on their way, answers in any order.
///
/// Requests written within one turn of the event loop leave in one flush. Lives on the router's
/// event loop alone.
final class RequestConnection: ChannelInboundHandler, @unchecked Sendable {
    // Unchecked: every variable is read and written on the channel's event loop alone.

    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// The TLS handshake, then the node's greeting.
        case greeting
        case open
        /// The node is stopping: what is on its way may still be answered.
        case draining
        case closed
    }

    private let router: RequestRouter
    private let link: NodeLink
    private var phase = Phase.greeting
    private var context: ChannelHandlerContext?
    private var greetingBytes: [UInt8] = []
    private var assembler = FrameAssembler()
    private var inFlight: [UInt64: ActiveRequest] = [:]
    private var output: [UInt8] = []
    private var isFlushScheduled = false
    /// Within a batch of replies: what they give rise to is flushed at its end.
    private var isReading = false
    /// When the node last said something, or was first asked after a silence.
    private var lastSign = NIODeadline.now()
    private var failure: ConnectionFailure?

    init(router: RequestRouter, link: NodeLink) {
        self.router = router
        self.link = link
    }

    // MARK: - Sending

    /// Whether one more request may be sent.
    var hasRoom: Bool {
        if case .open = phase {
            inFlight.count < ClientLimits.maximumInFlightPerConnection
        } else {
            false
        }
    }

    /// Sends a request; the caller has seen that there is room.
    func send(_ request: ActiveRequest) {
        guard case .open = phase else {
            preconditionFailure("a request is sent on a connection that is not open")
        }
        let now = NIODeadline.now()
        if inFlight.isEmpty { lastSign = now }
        request.place = .sent(self)
        request.attemptCount += 1
        inFlight[request.id] = request
        request.append(to: &output, tenant: router.configuration.tenant, now: now)
        scheduleFlush()
    }

    /// The request's answer is of no interest any more.
    func forget(_ request: ActiveRequest) {
        inFlight[request.id] = nil
        closeIfDrained()
    }

    /// Whether requests have been waiting with no sign of the node for longer than that.
    func isStalled(at now: NIODeadline, _ patience: TimeAmount) -> Bool {
        !inFlight.isEmpty && now - lastSign > patience
    }

    /// Gives the connection up, for a reason that is told to those that wait on it.
    func giveUp(_ reason: String) {
        failure = failure ?? ConnectionFailure(isPermanent: false, detail: reason)
        // Not politely: a node that is stopped would not answer.
        context?.channel.close(mode: .all, promise: nil)
        ended()
    }

    /// Closes the connection.
    func close() -> EventLoopFuture<Void> {
        guard let context else { return router.loop.makeSucceededVoidFuture() }
        context.close(promise: nil)
        return context.channel.closeFuture
    }

    private func scheduleFlush() {
        guard !isFlushScheduled, !isReading, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        guard !output.isEmpty, let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: output.count)
        buffer.writeBytes(output)
        output.removeAll(keepingCapacity: output.count <= 256 * 1024)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
        self.context = nil
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is TLSHandshakeCompleted {
            let purpose: Greeting.Purpose =
                switch router.configuration.purpose {
                case .client: .client
                case .administration: .administration
                }
            let greeting = Greeting(cluster: nil, node: .none, incarnation: nil, purpose: purpose)
            var buffer = context.channel.allocator.buffer(capacity: Greeting.size)
            buffer.writeBytes(greeting.encode())
            context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        lastSign = .now()
        isReading = true
        if case .greeting = phase {
            let missing = Greeting.size - greetingBytes.count
            greetingBytes += bytes.readBytes(length: min(missing, bytes.readableBytes)) ?? []
            guard greetingBytes.count == Greeting.size else { return }
            guard greetingReceived() else { return }
        }
        receive(bytes)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        isReading = false
        flush()
        context.fireChannelReadComplete()
    }

    func channelInactive(context: ChannelHandlerContext) {
        ended()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        failure = failure ?? ConnectionFailure(error, endpoint: link.endpoint)
        context.close(promise: nil)
    }

    // MARK: - Receiving

    private func greetingReceived() -> Bool {
        do throws(ProtocolError) {
            let greeting = try Greeting(decoding: greetingBytes)
            let own = Greeting(cluster: nil, node: .none, incarnation: nil, purpose: .client)
            _ = try own.commonVersion(with: greeting)
        } catch {
            let detail = "\(link.endpoint) greeted wrongly: \(error.detail)"
            failure = ConnectionFailure(isPermanent: true, detail: detail)
            context?.close(promise: nil)
            return false
        }
        greetingBytes = []
        phase = .open
        router.opened(self, on: link)
        return true
    }

    private func receive(_ bytes: ByteBuffer) {
        do throws(ProtocolError) {
            try assembler.receive(bytes.readableBytesUInt8Span) {
                header,
                body throws(ProtocolError) in
                switch header.kind {
                case .reply:
                    // One whose request was given up is dropped.
                    guard let request = inFlight.removeValue(forKey: header.requestID) else {
                        return
                    }
                    receivedReply(body, for: request)
                case .goodbye:
                    drain()
                case .request, .peer:
                    throw ProtocolError(.malformed, "a node sent what only clients or peers send")
                }
            }
            closeIfDrained()
        } catch {
            let detail = "\(link.endpoint) sent what cannot be read: \(error.detail)"
            failure = failure ?? ConnectionFailure(isPermanent: false, detail: detail)
            context?.close(promise: nil)
        }
    }

    private func receivedReply(_ body: Span<UInt8>, for request: ActiveRequest) {
        do throws(ProtocolError) {
            router.received(try ReplyMessage(decoding: body), for: request, on: link)
        } catch {
            router.receivedUnreadable(error.detail, for: request)
        }
    }

    private func drain() {
        guard case .open = phase else { return }
        phase = .draining
        router.draining(self, on: link)
    }

    private func closeIfDrained() {
        if case .draining = phase, inFlight.isEmpty { context?.close(promise: nil) }
    }

    /// Tells the router, once, that the connection is gone or never came to be.
    private func ended() {
        let last = phase
        phase = .closed
        let reason =
            failure
            ?? ConnectionFailure(
                isPermanent: false,
                detail: "\(link.endpoint) closed the connection"
            )
        let unanswered = Array(inFlight.values)
        inFlight = [:]
        switch last {
        case .greeting: router.failedToOpen(link, reason)
        case .open, .draining: router.lost(self, on: link, reason, unanswered: unanswered)
        case .closed: break
        }
    }
}
