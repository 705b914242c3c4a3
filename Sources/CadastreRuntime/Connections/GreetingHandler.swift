internal import CadastreProtocol
internal import CadastreTLS
internal import NIOCore

/// Fired up the pipeline when both ends are known: by certificate and by greeting.
struct Greeted: Sendable {
    /// What the certificate said.
    let peer: TLSHandshakeCompleted
    /// What the other end said first; whether it fits is for the receiver to judge.
    let greeting: Greeting
}

/// Fired up the pipeline when the first byte is no greeting's, where that is allowed: the bytes that
/// follow are another protocol's.
struct SpokeOtherwise: Sendable {
    /// What the certificate said.
    let peer: TLSHandshakeCompleted
}

/// The first words on a connection: sends our greeting, waits for the other end's, then stands aside.
///
/// What is wrong, or late, is fired as an error; nothing comes after it.
final class GreetingHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// When our own greeting is sent.
    enum Manner {
        /// As soon as TLS is done.
        case speaksFirst
        /// At the other end's first byte, if that is a greeting's.
        ///
        /// An operator's tool may speak HTTP, and must not be greeted then.
        case listensFirst
    }

    private enum State {
        case handshaking
        case waiting(TLSHandshakeCompleted, GreetingReader)
        case done
        case failed
    }

    private let own: Greeting
    private let manner: Manner
    private var state = State.handshaking
    private var deadline: Scheduled<Void>?

    /// Greets so.
    init(_ own: Greeting, _ manner: Manner) {
        self.own = own
        self.manner = manner
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let peer = event as? TLSHandshakeCompleted { begin(context, peer) }
        context.fireUserInboundEventTriggered(event)
    }

    private func begin(_ context: ChannelHandlerContext, _ peer: TLSHandshakeCompleted) {
        state = .waiting(peer, GreetingReader())
        let timeout = RuntimeLimits.greetingTimeout
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
            self.fail(context, ProtocolError(.deadlinePassed, "no greeting came in time"))
        }
        if case .speaksFirst = manner { send(context) }
    }

    private func send(_ context: ChannelHandlerContext) {
        let bytes = ByteBuffer(copying: own.encode(), context.channel.allocator)
        context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch state {
        case .done: context.fireChannelRead(data)
        case .failed, .handshaking: break
        case .waiting(let peer, var reader):
            var bytes = unwrapInboundIn(data)
            guard bytes.readableBytes > 0 else { return }
            if case .listensFirst = manner, !reader.hasBegun {
                guard bytes.getInteger(at: bytes.readerIndex) == GreetingReader.firstByte else {
                    finish()
                    context.fireUserInboundEventTriggered(SpokeOtherwise(peer: peer))
                    context.fireChannelRead(data)
                    return
                }
                send(context)
            }
            do throws(ProtocolError) {
                let greeting = try reader.read(&bytes)
                state = .waiting(peer, reader)
                guard let greeting else { return }
                finish()
                context.fireUserInboundEventTriggered(Greeted(peer: peer, greeting: greeting))
                if bytes.readableBytes > 0 { context.fireChannelRead(wrapInboundOut(bytes)) }
            } catch {
                fail(context, error)
            }
        }
    }

    private func finish() {
        state = .done
        deadline?.cancel()
        deadline = nil
    }

    private func fail(_ context: ChannelHandlerContext, _ error: ProtocolError) {
        deadline?.cancel()
        state = .failed
        context.fireErrorCaught(error)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
    }
}
