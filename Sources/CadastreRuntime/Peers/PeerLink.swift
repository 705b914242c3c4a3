internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import Glibc
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import RaftCore

/// This node's way to one peer: a connection that it dials and sends on, and dials again whenever
/// it breaks.
///
/// What the peer sends comes on the connection that the peer dials.
///
/// Two one-way connections cost a socket more than one for both ways, and need no rule for who
/// dials and no decision which of two connections is the right one.
///
/// Lives on the consensus loop.
final class PeerLink {
    private enum State {
        /// Waits before the next attempt.
        case waiting(Scheduled<Void>)
        /// Being dialled, or shaking hands.
        case connecting
        /// The peer has greeted: messages go out.
        case open(any Channel)
        case stopped
    }

    private let network: PeerNetwork
    private let peer: Member
    private let loop: any EventLoop
    private var state = State.connecting
    private var queue: PeerQueue
    private var backoff = Backoff()
    private var generator = SystemRandomNumberGenerator()
    /// The last connection broke just now: a refused attempt says that the process is gone.
    private var hasJustBroken = false
    private var mustFlush = false

    /// A way to a peer, not dialled yet.
    init(to peer: Member, _ network: PeerNetwork, on loop: any EventLoop) {
        self.network = network
        self.peer = peer
        self.loop = loop
        queue = PeerQueue(maximumSize: network.queueSize)
    }

    /// Begins to dial.
    func start() {
        connect()
    }

    /// Closes the connection and dials no more.
    func stop() {
        switch state {
        case .waiting(let timer): timer.cancel()
        case .open(let channel): channel.close(promise: nil)
        case .connecting, .stopped: break
        }
        state = .stopped
        queue.removeAll()
    }

    /// Closes the connection; it is dialled again.
    func disconnect() {
        if case .open(let channel) = state { channel.close(promise: nil) }
    }

    /// The peer has dialled us, so it is there: no need to wait.
    func peerIsThere() {
        guard case .waiting(let timer) = state else { return }
        timer.cancel()
        backoff.reset()
        connect()
    }

    /// Sends a message, or drops it while the peer is away or too slow.
    func send(_ message: PeerFrame) {
        guard case .open = state,
            queue.add(message.bytes, group: message.group.value, isUrgent: message.isUrgent)
        else {
            network.metrics.peerDropped.increment()
            return
        }
        network.metrics.peerMessages.increment()
        network.metrics.peerBytes.increment(by: message.bytes.count)
        mustFlush = true
    }

    /// Sends what waits, as far as the socket takes it.
    ///
    /// After the messages of one turn.
    func flush() {
        guard mustFlush, case .open(let channel) = state else { return }
        var unflushed = 0
        while channel.isWritable, let frame = queue.next() {
            unflushed += frame.readableBytes
            channel.write(frame, promise: nil)
            // The socket learns of the bytes at a flush only, and then says whether it is full.
            guard unflushed >= ProtocolLimits.maximumPieceSize else { continue }
            channel.flush()
            unflushed = 0
        }
        if unflushed > 0 { channel.flush() }
        mustFlush = !queue.isEmpty
    }

    // MARK: Dialling

    private func connect() {
        guard let address = SocketName(peer.peerAddress) else {
            preconditionFailure("\(peer.peerAddress) was checked to be an address")
        }
        state = .connecting
        let link = NIOLoopBound(self, eventLoop: loop)
        let network = network
        let peer = peer
        ClientBootstrap(group: loop)
            .connectTimeout(.seconds(1))
            .channelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(PeerLink.userTimeout, value: PeerLink.userTimeoutMilliseconds)
            .channelOption(ChannelOptions.writeBufferWaterMark, value: PeerLink.waterMark)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let sync = channel.pipeline.syncOperations
                    try sync.addHandler(
                        TLSHandler(
                            network.clientTLS.current,
                            accept: TLSRefusal.unlessNode(of: network.cluster, id: peer.id.value)
                        )
                    )
                    try sync.addHandler(PeerDialHandler(link.value, network))
                }
            }
            .connect(host: address.host, port: address.port)
            .assumeIsolated()
            .whenFailure { error in self.failed(error) }
    }

    private func failed(_ error: any Error) {
        guard case .connecting = state else { return }
        if hasJustBroken, PeerLink.isRefused(error) {
            network.inbox.post(.peerDisconnected(peer.id, isRefused: true))
        }
        hasJustBroken = false
        wait()
    }

    private func wait() {
        let milliseconds = backoff.wait(using: &generator)
        let timer = loop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) {
            self.connect()
        }
        state = .waiting(timer)
    }

    /// Whether nobody listens there any more, on any of the host's addresses.
    private static func isRefused(_ error: any Error) -> Bool {
        switch error {
        case let error as IOError: error.errnoCode == ECONNREFUSED
        case let error as NIOConnectionError:
            !error.connectionErrors.isEmpty
                && error.connectionErrors.allSatisfy { isRefused($0.error) }
        default: false
        }
    }

    /// Bytes that the peer's kernel has not acknowledged for so long mean that the way is cut: TCP
    /// alone would wait for minutes, and after a long cut notice its end late.
    private static let userTimeoutMilliseconds: Int = 3_000
    private static let userTimeout = ChannelOptions.Types.SocketOption(
        level: .tcp,
        name: NIOBSDSocket.Option(rawValue: CInt(TCP_USER_TIMEOUT))
    )
    /// Small, so that urgent messages wait behind little.
    private static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(
        low: 128 << 10,
        high: 256 << 10
    )

    // MARK: What the connection tells

    /// The peer has greeted.
    func opened(_ channel: any Channel) {
        guard case .connecting = state else {
            channel.close(promise: nil)
            return
        }
        state = .open(channel)
        backoff.reset()
        network.log.info("peer connected", metadata: ["peer": "\(peer.id)"])
        network.inbox.post(.peerConnected(peer.id))
    }

    /// The socket takes more again.
    func becameWritable() {
        flush()
    }

    /// The connection, which may never have been open, is gone.
    func closed() {
        queue.removeAll()
        switch state {
        case .open:
            network.log.info("peer disconnected", metadata: ["peer": "\(peer.id)"])
            network.inbox.post(.peerDisconnected(peer.id, isRefused: false))
            hasJustBroken = true
            connect()
        case .connecting:
            hasJustBroken = false
            wait()
        case .waiting, .stopped: break
        }
    }
}

/// The end of the pipeline of a connection to a peer.
private final class PeerDialHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let link: PeerLink
    private let network: PeerNetwork
    private var identity: Identity?
    private var reader = GreetingReader()
    private var deadline: Scheduled<Void>?
    private var isOpen = false
    private var hasFailed = false

    /// From the end of the TLS handshake to the whole greeting.
    private static let greetingTimeout = TimeAmount.seconds(5)

    init(_ link: PeerLink, _ network: PeerNetwork) {
        self.link = link
        self.network = network
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let done = event as? TLSHandshakeCompleted else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        identity = done.identity
        let greeting = network.greeting(.consensus).encode()
        let buffer = ByteBuffer(copying: greeting, context.channel.allocator)
        context.writeAndFlush(wrapOutboundOut(buffer), promise: nil)
        deadline = context.eventLoop.assumeIsolated().scheduleTask(in: Self.greetingTimeout) {
            let error = ProtocolError(.deadlinePassed, "no greeting came")
            self.errorCaught(context: context, error: error)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        guard !hasFailed, !isOpen, let identity else { return }
        do throws(ProtocolError) {
            guard let greeting = try reader.read(&buffer) else { return }
            _ = try network.check(greeting, from: identity, purposes: [.consensus])
            isOpen = true
            deadline?.cancel()
            link.opened(context.channel)
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, isOpen { link.becameWritable() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !hasFailed, !isOpen {
            hasFailed = true
            let peer = context.remoteAddress.map { "\($0)" } ?? "unknown"
            network.refused(ConnectionRefusal(error), "\(error)", peer: peer)
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        deadline?.cancel()
        link.closed()
    }
}
