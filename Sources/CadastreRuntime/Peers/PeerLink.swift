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
/// What the peer sends comes on the connection that the peer dials; only one that does not know yet
/// where this node listens answers on this one (``PeerDoor/send(_:)``).
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
        case open(any Channel, StandingPeer, PeerDialHandler)
        case stopped
    }

    private let network: PeerNetwork
    private let peer: Member
    private let purpose: Greeting.Purpose
    private let loop: any EventLoop
    private var state = State.connecting
    private var queue: PeerQueue
    private var redial: Redial
    private var mustFlush = false

    /// A way to a peer, not dialled yet.
    init(
        to peer: Member,
        for purpose: Greeting.Purpose,
        _ network: PeerNetwork,
        on loop: any EventLoop
    ) {
        self.network = network
        self.peer = peer
        self.purpose = purpose
        self.loop = loop
        queue = PeerQueue(maximumSize: network.queueSize)
        redial = Redial(goodConnection: network.goodConnection)
    }

    /// Begins to dial.
    func start() {
        connect()
    }

    /// Closes the connection and dials no more.
    func stop() {
        switch state {
        case .waiting(let timer): timer.cancel()
        case .open(let channel, _, _):
            channel.close(promise: nil)
            tell(.peerDisconnected(peer.id, isRefused: false))
        case .connecting, .stopped: break
        }
        state = .stopped
        queue.removeAll()
    }

    /// Whether messages go out.
    var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    /// Whether this is the way to a member as it stands in the configuration, whatever its role.
    func leads(to member: Member) -> Bool {
        member.id == peer.id && member.incarnation == peer.incarnation
            && member.site == peer.site && member.peerAddress == peer.peerAddress
    }

    /// Gives up an answer that does not come whole.
    func sweep(at now: UInt64) {
        if case .open(_, _, let handler) = state { handler.sweep(at: now) }
    }

    /// Closes the connection; it is dialled again.
    func disconnect() {
        if case .open(let channel, _, _) = state { channel.close(promise: nil) }
    }

    /// Closes the connection; it is dialled again after a moment.
    func quarantine(until moment: UInt64) {
        redial.quarantine(until: moment)
        disconnect()
    }

    /// The peer has dialled us, so it is there: no need to wait.
    func peerIsThere() {
        guard case .waiting(let timer) = state, redial.mayDial(at: Clock.monotonic) else { return }
        timer.cancel()
        connect()
    }

    /// Closes the connection if the peer's certificate is no longer one that would be let in.
    func judge(at moment: Moment) {
        guard case .open(let channel, var standing, let handler) = state else { return }
        let present = network.clientTLS.current
        guard standing.isDue(present, at: moment) else { return }
        let refusal = standing.refusal(by: present, at: moment)
        state = .open(channel, standing, handler)
        guard let refusal else { return }
        network.refused(
            .tls(refusal.reason),
            "while the connection stood: \(refusal.detail)",
            peer: "\(peer.id)"
        )
        channel.close(promise: nil)
    }

    /// Sends a message, or drops it while the peer is away or too slow.
    func send(_ message: PeerFrame) {
        guard case .open = state,
            queue.add(message)
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
        guard mustFlush, case .open(let channel, _, _) = state else { return }
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
        let (peer, purpose) = (peer, purpose)
        let tls = network.clientTLS.current
        var bootstrap = ClientBootstrap(group: loop)
            .connectTimeout(.seconds(1))
            .channelOption(ChannelOptions.writeBufferWaterMark, value: RuntimeLimits.peerWaterMark)
        if let source = network.source { bootstrap = bootstrap.bind(to: source) }
        for (option, value) in SocketOptions.peer {
            bootstrap = bootstrap.channelOption(option, value: value)
        }
        bootstrap
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        TLSHandler(tls, accept: network.acceptance(of: peer.id)),
                        GreetingHandler(network.greeting(purpose), .speaksFirst),
                        PeerDialHandler(link.value, purpose, network, tls)
                    )
                }
            }
            .connect(to: address)
            .assumeIsolated()
            .whenFailure { error in self.failed(error) }
    }

    private func failed(_ error: any Error) {
        guard case .connecting = state else { return }
        if PeerLink.isRefused(error), redial.refused(at: Clock.monotonic) {
            tell(.peerDisconnected(peer.id, isRefused: true))
        }
        dialAgain()
    }

    private func dialAgain() {
        let milliseconds = redial.ended(at: Clock.monotonic)
        guard milliseconds > 0 else {
            connect()
            return
        }
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

    // MARK: What the connection tells

    /// The peer has greeted.
    fileprivate func opened(
        _ channel: any Channel,
        _ standing: StandingPeer,
        _ handler: PeerDialHandler
    ) {
        guard case .connecting = state else {
            channel.close(promise: nil)
            return
        }
        state = .open(channel, standing, handler)
        redial.opened(at: Clock.monotonic)
        network.log.info(
            "peer connected",
            metadata: ["peer": "\(peer.id)", "purpose": "\(purpose)"]
        )
        tell(.peerConnected(peer.id))
    }

    /// Consensus hears of its own connections: those for snapshots come and go, and prove nothing.
    private func tell(_ event: ConsensusEvent) {
        if purpose == .consensus { network.inbox.post(event) }
    }

    /// The socket takes more again.
    fileprivate func becameWritable() {
        flush()
    }

    /// The connection, which may never have been open, is gone.
    fileprivate func closed() {
        queue.removeAll()
        switch state {
        case .open:
            network.log.info(
                "peer disconnected",
                metadata: ["peer": "\(peer.id)", "purpose": "\(purpose)"]
            )
            tell(.peerDisconnected(peer.id, isRefused: false))
            dialAgain()
        case .connecting: dialAgain()
        case .waiting, .stopped: break
        }
    }
}

/// The end of the pipeline of a connection to a peer.
fileprivate final class PeerDialHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let link: PeerLink
    private let purpose: Greeting.Purpose
    private let network: PeerNetwork
    private let tls: TLSContext
    private var isOpen = false
    private var hasFailed = false
    private var peer: NodeID?
    private var channel: (any Channel)?
    private var input: PeerInput

    init(
        _ link: PeerLink,
        _ purpose: Greeting.Purpose,
        _ network: PeerNetwork,
        _ tls: TLSContext
    ) {
        self.link = link
        self.purpose = purpose
        self.network = network
        self.tls = tls
        input = PeerInput(network)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let greeted = event as? Greeted else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        guard !hasFailed else { return }
        do throws(ProtocolError) {
            peer = try network.check(
                greeted.greeting,
                from: greeted.peer.identity,
                purposes: [.consensus]
            ).id
            isOpen = true
            link.opened(
                context.channel,
                StandingPeer(greeted.peer, letInBy: tls, at: Clock.now()),
                self
            )
            channel = context.channel
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard isOpen, !hasFailed, let peer else { return }
        let bytes = unwrapInboundIn(data)
        do throws(ProtocolError) {
            try input.receive(bytes.readableBytesUInt8Span, from: peer, on: purpose)
        } catch {
            errorCaught(context: context, error: error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        input.post()
        context.fireChannelReadComplete()
    }

    /// Gives up a message that does not come whole.
    func sweep(at now: UInt64) {
        guard !hasFailed, input.isLate(at: now), let channel else { return }
        hasFailed = true
        network.cut(
            ProtocolError(.deadlinePassed, "a message did not come whole in time"),
            peer: channel.remoteAddress.map { "\($0)" } ?? "unknown"
        )
        channel.close(promise: nil)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        channel = nil
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable, isOpen { link.becameWritable() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if !hasFailed {
            hasFailed = true
            let peer = context.remoteAddress.map { "\($0)" } ?? "unknown"
            if isOpen {
                network.cut(error, peer: peer)
            } else {
                network.refused(ConnectionRefusal(error), "\(error)", peer: peer)
            }
        }
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        link.closed()
    }
}

extension ClientBootstrap {
    /// Connects to an address, or to the first address of a name that answers.
    ///
    /// NIO asks for all names of an event loop one after the other, numbers among them: a name server
    /// that is silent about one peer would keep the numbers of the others waiting.
    fileprivate func connect(to name: SocketName) -> EventLoopFuture<any Channel> {
        guard let address = try? SocketAddress(ipAddress: name.host, port: name.port) else {
            return connect(host: name.host, port: name.port)
        }
        return connect(to: address)
    }
}
