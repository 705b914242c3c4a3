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
    private let openBy: NIODeadline
    private var openTimer: Scheduled<Void>?
    private var phase = Phase.greeting
    private var context: ChannelHandlerContext?
    private var greetingBytes: [UInt8] = []
    private var assembler = FrameAssembler()
    private var inFlight: [UInt64: ActiveRequest] = [:]
    /// Those of them that a node answers within a moment.
    private var promptCount = 0
    /// Since when a sign of the node is due; nil if none is.
    ///
    /// From the first prompt request on, and from every sign while more of them wait. A request
    /// that is forgotten does not change it, or callers of little patience would never find out
    /// that a node is gone.
    private var dueSince: NIODeadline?
    /// When the node last said something.
    private(set) var lastHeard = NIODeadline.now()
    private var output: [UInt8] = []
    private var isFlushScheduled = false
    /// Within a batch of replies: what they give rise to is flushed at its end.
    private var isReading = false
    private var failure: ConnectionFailure?

    /// Makes the handler of a connection.
    ///
    /// It is given up unless TLS is done and the node has greeted by `openBy`.
    init(router: RequestRouter, link: NodeLink, openBy: NIODeadline) {
        self.router = router
        self.link = link
        self.openBy = openBy
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

    /// Requests on their way.
    var inFlightCount: Int { inFlight.count }

    /// Whether what is to be flushed is worth a flush of its own.
    var isFlushFull: Bool { output.count >= ProtocolLimits.maximumPieceSize }

    /// Sends a request; the caller has seen that there is room.
    func send(_ request: ActiveRequest) {
        guard case .open = phase else {
            preconditionFailure("a request is sent on a connection that is not open")
        }
        let now = NIODeadline.now()
        request.place = .sent(self)
        request.attemptCount += 1
        inFlight[request.id] = request
        if request.submission.isPrompt {
            promptCount += 1
            dueSince = dueSince ?? now
        }
        request.append(to: &output, tenant: router.configuration.tenant, now: now)
        scheduleFlush()
    }

    /// The request's answer is of no interest any more.
    func forget(_ request: ActiveRequest) {
        _ = remove(request.id)
        closeIfDrained()
    }

    private func remove(_ id: UInt64) -> ActiveRequest? {
        guard let request = inFlight.removeValue(forKey: id) else { return nil }
        if request.submission.isPrompt { promptCount -= 1 }
        return request
    }

    /// Whether a sign of the node has been due for longer than that.
    func isStalled(at now: NIODeadline, _ patience: TimeAmount) -> Bool {
        guard let dueSince else { return false }
        return now - dueSince > patience
    }

    // MARK: - Ending

    /// Gives the connection up without telling the router, who asked for it.
    ///
    /// Returns the requests that were on their way.
    func abandon() -> [ActiveRequest] {
        let unanswered = becomeClosed()
        // Not politely: a node that is stopped would not answer.
        context?.channel.close(mode: .all, promise: nil)
        return unanswered
    }

    /// Closes the connection.
    func close() -> EventLoopFuture<Void> {
        guard let context else { return router.loop.makeSucceededVoidFuture() }
        context.close(promise: nil)
        return context.channel.closeFuture
    }

    /// The connection is of no use any more: what waits on it is not kept until the socket is shut.
    private func fail(_ failure: ConnectionFailure) {
        self.failure = self.failure ?? failure
        context?.close(promise: nil)
        ended()
    }

    /// Tells the router, once, that the connection is gone or never came to be.
    private func ended() {
        let last = phase
        let unanswered = becomeClosed()
        let reason =
            failure
            ?? ConnectionFailure(
                isPermanent: false,
                detail: "\(link.endpoint) closed the connection"
            )
        switch last {
        case .greeting: router.failedToOpen(link, reason)
        case .open, .draining: router.lost([self], on: link, reason, unanswered: unanswered)
        case .closed: break
        }
    }

    private func becomeClosed() -> [ActiveRequest] {
        phase = .closed
        openTimer?.cancel()
        openTimer = nil
        defer {
            inFlight = [:]
            promptCount = 0
            dueSince = nil
        }
        return Array(inFlight.values)
    }

    // MARK: - Flushing

    private func scheduleFlush() {
        guard !isFlushScheduled, !isReading, let context else { return }
        isFlushScheduled = true
        context.eventLoop.assumeIsolated().execute { self.flush() }
    }

    private func flush() {
        isFlushScheduled = false
        link.flushes(self)
        guard !output.isEmpty, let context else { return }
        var buffer = context.channel.allocator.buffer(capacity: output.count)
        buffer.writeBytes(output)
        output.removeAll(keepingCapacity: output.count <= 256 * 1024)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
    }

    // MARK: - Channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        openTimer = context.eventLoop.assumeIsolated().scheduleTask(deadline: openBy) {
            let detail = "\(self.link.endpoint) took the connection and did not greet in time"
            self.fail(ConnectionFailure(isPermanent: false, detail: detail))
        }
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
        if case .closed = phase { return }
        var bytes = unwrapInboundIn(data)
        lastHeard = .now()
        isReading = true
        defer { dueSince = promptCount > 0 ? lastHeard : nil }
        if case .greeting = phase {
            let missing = Greeting.size - greetingBytes.count
            greetingBytes += bytes.readBytes(length: min(missing, bytes.readableBytes)) ?? []
            guard greetingBytes.count == Greeting.size else { return }
            guard greetingReceived() else { return }
        }
        if case .open = phase { link.reads(self) }
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
        fail(ConnectionFailure(error, endpoint: link.endpoint))
    }

    // MARK: - Receiving

    private func greetingReceived() -> Bool {
        let greeting: Greeting
        do throws(ProtocolError) {
            greeting = try Greeting(decoding: greetingBytes)
            let own = Greeting(cluster: nil, node: .none, incarnation: nil, purpose: .client)
            _ = try own.commonVersion(with: greeting)
        } catch {
            let detail = "\(link.endpoint) greeted wrongly: \(error.detail)"
            fail(ConnectionFailure(isPermanent: true, detail: detail))
            return false
        }
        greetingBytes = []
        phase = .open
        openTimer?.cancel()
        openTimer = nil
        router.opened(self, on: link, node: greeting.node.value)
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
                    guard let request = remove(header.requestID) else {
                        router.hasRoom(on: link)
                        return
                    }
                    receivedReply(body, for: request)
                case .goodbye:
                    drain()
                case .request, .peer, .snapshot, .repair:
                    throw ProtocolError(.malformed, "a node sent what only clients or peers send")
                }
            }
            closeIfDrained()
        } catch {
            let detail = "\(link.endpoint) sent what cannot be read: \(error.detail)"
            fail(ConnectionFailure(isPermanent: false, detail: detail))
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
}
