internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import NIOCore
internal import RaftCore

/// One connection of a client or an operator, from the TLS handshake to its end.
///
/// Lives on its desk's loop.
///
/// A client that breaks the protocol is closed; one that asks what cannot be is refused.
final class Session: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How far a connection has come.
    enum Phase {
        /// TLS is not done.
        case handshaking
        /// The greeting has not come whole.
        case greeting(Principal, GreetingReader)
        /// Requests are taken.
        case open(Principal)
        /// The bytes are HTTP's: later handlers take them.
        case http
        /// Nothing more is said.
        case closed
    }

    /// Which door the client came through.
    let listener: Listener
    /// Waits for its round of replies.
    var isTouched = false
    /// Serves the connection's loop.
    let desk: Desk
    /// Makes frames of replies.
    let writer: ReplyWriter
    /// How far the connection has come.
    var phase = Phase.handshaking
    /// The connection, until it ends.
    var channel: (any Channel)?
    /// The connection's number.
    var number: UInt64 = 0
    private var deadline: Scheduled<Void>?
    private var assembler = FrameAssembler()
    /// What waits for a reply.
    var requests = OpenRequests()
    /// Frames that gather until the next flush.
    var output: [UInt8] = []
    private var isReadingPaused = false
    private var isInputClosed = false
    private var unwritableSince: UInt64?
    /// When the client's certificate ends, in seconds since 1970.
    private var expires = Int64.max

    /// From the end of the TLS handshake to the whole greeting.
    private static let greetingTimeout = TimeAmount.seconds(5)
    /// How long a client may leave its replies unread, in nanoseconds.
    private static let slowReaderTimeout: UInt64 = 30_000_000_000

    /// A connection through a door, before its handshake.
    init(_ listener: Listener, at desk: Desk) {
        self.listener = listener
        self.desk = desk
        writer = ReplyWriter(members: desk.context.members, listener: listener)
    }

    /// What every connection knows.
    var context: DoorContext { desk.context }

    // MARK: The connection's life

    func handlerAdded(context: ChannelHandlerContext) {
        channel = context.channel
        number = desk.register(self)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let done as TLSHandshakeCompleted:
            handshaken(context, done)
        case ChannelEvent.inputClosed:
            if case .http = phase { return }
            isInputClosed = true
            closeIfFinished()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func handshaken(_ context: ChannelHandlerContext, _ done: TLSHandshakeCompleted) {
        phase = .greeting(Principal(done.identity), GreetingReader())
        expires = done.notAfter
        // An operator's tool may speak HTTP, and must not be greeted then: its first byte tells.
        if listener != .administration { sendGreeting() }
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Self.greetingTimeout) {
            self.refuse(.greeting, "no greeting came in time")
        }
    }

    private func sendGreeting() {
        output += context.greeting(listener).encode()
        flush()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch phase {
        case .handshaking:
            refuse(ConnectionRefusal(error), "\(error)")
        case .greeting, .open:
            // A client that goes without a word is no news.
            close()
        case .http, .closed:
            context.close(promise: nil)
        }
    }

    private func ended() {
        if case .closed = phase { return }
        let wasOpen = if case .open = phase { true } else { false }
        phase = .closed
        deadline?.cancel()
        for request in requests.removeAll() { release(request) }
        desk.remove(number)
        if wasOpen { desk.count(listener, by: -1) }
        channel = nil
    }

    /// Ends the connection.
    func close() {
        channel?.close(promise: nil)
    }

    private func refuse(_ reason: ConnectionRefusal, _ detail: String) {
        context.refused(reason, detail, on: listener, address: channel?.remoteAddress)
        close()
    }

    /// Tells the client that nothing new is taken.
    func sayGoodbye() {
        guard case .open = phase else { return }
        Frame.append(.goodbye, group: 0, requestID: 0, body: [], to: &output)
        flush()
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if case .http = phase {
            context.fireChannelRead(data)
            return
        }
        var buffer = unwrapInboundIn(data)
        do throws(ProtocolError) {
            try greet(context, &buffer)
            guard case .open(let principal) = phase, buffer.readableBytes > 0 else { return }
            let received = Clock.monotonic
            try assembler.receive(buffer.readableBytesUInt8Span) {
                header,
                body throws(ProtocolError) in
                try take(header, body, by: principal, at: received)
            }
        } catch {
            fail(error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }

    private func fail(_ error: ProtocolError) {
        switch phase {
        case .greeting: refuse(.greeting, error.detail)
        case .open:
            context.faulted("\(error)", on: listener, address: channel?.remoteAddress)
            flush()
            close()
        case .handshaking, .http, .closed: break
        }
    }

    /// Reads the greeting, if it has not come yet.
    private func greet(
        _ handler: ChannelHandlerContext,
        _ buffer: inout ByteBuffer
    ) throws(ProtocolError) {
        guard case .greeting(let principal, var reader) = phase else { return }
        if listener == .administration, !reader.hasBegun,
            let first = buffer.getInteger(at: buffer.readerIndex, as: UInt8.self)
        {
            guard first == GreetingReader.firstByte else {
                becomeHTTP(handler, buffer)
                buffer.clear()
                return
            }
            sendGreeting()
        }
        let greeting = try reader.read(&buffer)
        phase = .greeting(principal, reader)
        guard let greeting else { return }
        try context.check(greeting, on: listener)
        deadline?.cancel()
        phase = .open(principal)
        context.metrics.accepted[listener]?.increment()
        desk.count(listener, by: 1)
        if desk.isStopping { sayGoodbye() }
    }

    private func becomeHTTP(_ handler: ChannelHandlerContext, _ buffer: ByteBuffer) {
        deadline?.cancel()
        phase = .http
        desk.remove(number)
        do {
            try HTTPDoor.install(on: handler.channel, context)
            handler.fireChannelRead(wrapInboundOut(buffer))
        } catch {
            handler.close(promise: nil)
        }
    }

    /// Writes what has gathered, in one go.
    func flush() {
        guard let channel, !output.isEmpty else {
            closeIfFinished()
            return
        }
        channel.writeAndFlush(ByteBuffer(copying: output, channel.allocator), promise: nil)
        output.removeAll(keepingCapacity: output.count <= 64 << 10)
        if !channel.isWritable { slowReader(channel) }
        closeIfFinished()
    }

    private func closeIfFinished() {
        if isInputClosed, requests.isEmpty, output.isEmpty { close() }
    }

    // MARK: Limits

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable {
            unwritableSince = nil
            setReading(context.channel, isPaused: false)
        } else {
            slowReader(context.channel)
        }
        context.fireChannelWritabilityChanged()
    }

    /// The client does not read its replies: nothing more is read from it, and past a bound it is
    /// closed.
    private func slowReader(_ channel: any Channel) {
        if unwritableSince == nil { unwritableSince = Clock.monotonic }
        setReading(channel, isPaused: true)
        let waiting: Int
        do {
            waiting = try channel.syncOptions?.getOption(.bufferedWritableBytes) ?? 0
        } catch {
            // A channel without the option keeps no bytes.
            waiting = 0
        }
        guard waiting > context.bounds.replySize else { return }
        context.faulted("replies were not read", on: listener, address: channel.remoteAddress)
        channel.close(promise: nil)
    }

    private func setReading(_ channel: any Channel, isPaused: Bool) {
        guard isPaused != isReadingPaused else { return }
        isReadingPaused = isPaused
        do {
            try channel.syncOptions?.setOption(.autoRead, value: !isPaused)
        } catch {
            // Only a closed channel refuses: there is nothing left to pause.
            channel.close(promise: nil)
        }
    }

    /// Gives up requests past their deadline, and clients that do not read.
    func sweep(at moment: Moment) {
        let now = moment.monotonic
        if case .open = phase, Int64(clamping: moment.wall / 1_000) > expires {
            refuse(.tls(.expired), "the certificate ended while the connection stood")
            return
        }
        for request in requests.removeLate(at: now) {
            release(request)
            switch request.kind {
            case .command:
                // It may be in a block: only the log knows.
                record(request, .unknown)
                writer.append(ReplyMessage(outcome: .unknown), to: request.clientID, &output)
            case .query, .administration:
                refuse(request.clientID, .deadlinePassed, "no answer came in time")
            }
            desk.touch(self)
        }
        if let since = unwritableSince, now - since > Self.slowReaderTimeout {
            context.faulted("replies were not read", on: listener, address: channel?.remoteAddress)
            close()
        }
    }
}
