internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import NIOCore
internal import RaftCore

/// One connection of a client or an operator, from its greeting to its end.
///
/// Lives on its desk's loop.
///
/// A client that breaks the protocol is closed; one that asks what cannot be is refused. What it
/// asks is in `Session+Requests.swift`, what it is told in `Session+Replies.swift`, what it may not
/// do for ever in `Session+Sweep.swift`.
final class Session: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How far a connection has come.
    enum Phase {
        /// TLS is not done, or the greeting has not come whole.
        case greeting
        /// Requests are taken.
        case open(Principal)
        /// The bytes are HTTP's: later handlers take them.
        case http
        /// Nothing more is said.
        case closed
    }

    /// Who was let in.
    struct Entrant {
        /// As whom.
        let caller: Principal
        /// Whose share it is what the client does for nobody in particular; fixed, so that what was
        /// charged is given back to the same one.
        let share: Share
        /// Its certificate.
        var standing: StandingPeer
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
    var phase = Phase.greeting
    /// The connection, until it ends.
    var channel: (any Channel)?
    /// The connection's number.
    var number: UInt64 = 0
    /// Who is at the other end, once it is let in.
    var entrant: Entrant?
    /// What waits for a reply.
    var requests = OpenRequests()
    /// Frames that gather until the next flush.
    var output: [UInt8] = []
    /// Bytes that the socket has not taken, those in `output` among them.
    var unsent = UnsentReplies()
    /// Since when the socket has taken none of them.
    var stalledSince: UInt64?
    /// The client does not read: nothing more is read from it.
    var isReadingPaused = false
    /// The client will send no more.
    var isInputClosed = false
    /// The message that has not come whole.
    var unfinished = UnfinishedMessage()
    /// When something last came.
    var lastHeard = Clock.monotonic
    /// What the connection was let in by.
    private let tls: TLSContext
    private var assembler = FrameAssembler()
    /// Bytes of unfinished messages that are charged.
    private var unfinishedCharge = 0

    /// A connection through a door, before its handshake.
    private init(_ listener: Listener, at desk: Desk, _ tls: TLSContext) {
        self.listener = listener
        self.desk = desk
        self.tls = tls
        writer = ReplyWriter(roster: desk.context.roster, listener: listener)
    }

    /// What stands behind TLS on a connection through a door.
    static func handlers(
        _ listener: Listener,
        at desk: Desk,
        _ tls: TLSContext
    ) -> [any ChannelHandler] {
        let manner: GreetingHandler.Manner =
            switch listener {
            case .administration: .listensFirst
            case .client, .peer: .speaksFirst
            }
        return [
            GreetingHandler(desk.context.greeting(listener), manner),
            Session(listener, at: desk, tls),
        ]
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
        case let greeted as Greeted:
            greet(greeted)
        case let other as SpokeOtherwise:
            becomeHTTP(context, other.peer)
        case ChannelEvent.inputClosed:
            if case .http = phase { return }
            isInputClosed = true
            closeIfFinished()
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func greet(_ greeted: Greeted) {
        do throws(ProtocolError) {
            try context.check(greeted.greeting, on: listener)
        } catch {
            refuse(.greeting, error.detail)
            return
        }
        guard let caller = enter(greeted.peer) else { return }
        phase = .open(caller)
        context.metrics.accepted[listener]?.increment()
        if desk.isStopping { sayGoodbye() }
    }

    private func becomeHTTP(_ handler: ChannelHandlerContext, _ peer: TLSHandshakeCompleted) {
        guard enter(peer) != nil else { return }
        phase = .http
        desk.remove(number)
        do {
            try HTTPDoor.install(on: handler.channel, context)
        } catch {
            handler.close(promise: nil)
        }
    }

    /// The other end is known: it is a stranger no more.
    ///
    /// - Returns: Who it is; nil if there are too many, and then the connection ends.
    private func enter(_ peer: TLSHandshakeCompleted) -> Principal? {
        let caller = Principal(peer.identity)
        if let reason = context.connections.admit(caller, to: listener) {
            refuse(.tooMany, reason)
            return nil
        }
        entrant = Entrant(
            caller: caller,
            share: Share(.none, caller, desk.access),
            standing: StandingPeer(peer, letInBy: tls, at: Clock.now())
        )
        if let channel { desk.becameKnown(channel, on: listener) }
        return caller
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        ended()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        switch phase {
        case .greeting:
            refuse(ConnectionRefusal(error), "\(error)")
        case .open:
            switch error {
            case TLSError.broken, TLSError.refusedByPeer, TLSError.library:
                self.context.faulted("\(error)", on: listener, address: channel?.remoteAddress)
            default:
                // A client that goes without a word is no news, but is counted.
                self.context.cut("\(error)", on: listener, address: channel?.remoteAddress)
            }
            close()
        case .http, .closed:
            context.close(promise: nil)
        }
    }

    private func ended() {
        if case .closed = phase { return }
        phase = .closed
        if !requests.isEmpty { desk.add(.forget(connection: number)) }
        for (key, request) in requests.removeAll() {
            desk.abandon(RequestKey(connection: number, request: key), request)
        }
        for part in unsent.sent(unsent.size) { desk.admission.free(part.share, size: part.size) }
        output = []
        if let entrant {
            chargeUnfinished(0)
            context.connections.release(entrant.caller, from: listener)
        }
        if let channel { desk.becameKnown(channel, on: listener) }
        desk.remove(number)
        channel = nil
    }

    /// Ends the connection.
    func close() {
        channel?.close(promise: nil)
    }

    /// Ends the connection for what the client did, and says so to those who watch the node.
    func closeFaulty(_ detail: String) {
        context.faulted(detail, on: listener, address: channel?.remoteAddress)
        close()
    }

    /// Does not let the connection stand.
    func refuse(_ reason: ConnectionRefusal, _ detail: String) {
        context.refused(reason, detail, on: listener, address: channel?.remoteAddress)
        close()
    }

    // MARK: What comes in

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch phase {
        case .http: context.fireChannelRead(data)
        case .greeting, .closed: break
        case .open(let caller): receive(unwrapInboundIn(data), from: caller)
        }
    }

    private func receive(_ bytes: ByteBuffer, from caller: Principal) {
        let received = Clock.monotonic
        lastHeard = received
        do throws(ProtocolError) {
            try assembler.receive(bytes.readableBytesUInt8Span) {
                header,
                body throws(ProtocolError) in
                try take(header, body, by: caller, at: received)
            }
            unfinished.note(assembler, at: received)
            let charge = max(0, assembler.heldBytes - RuntimeLimits.freeUnfinishedSize)
            guard chargeUnfinished(charge) else {
                throw ProtocolError(.overloaded, "too many bytes of unfinished messages")
            }
        } catch {
            flush()
            closeFaulty("\(error)")
        }
    }

    /// Charges what is held of unfinished messages; says whether there is room for it.
    @discardableResult
    private func chargeUnfinished(_ size: Int) -> Bool {
        let more = size - unfinishedCharge
        guard more != 0 else { return true }
        if more < 0 {
            desk.admission.free(ownShare, size: -more)
        } else {
            guard desk.admission.take(ownShare, size: more) else { return false }
        }
        unfinishedCharge = size
        return true
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        flush()
        context.fireChannelReadComplete()
    }
}
