internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import RaftCore

/// All connections between this node and its peers.
///
/// Lives on the consensus loop.
final class PeerDoor {
    private let network: PeerNetwork
    private let loop: any EventLoop
    private var links: [NodeID: PeerLink] = [:]
    private var listener: (any Channel)?
    /// What peers have dialled, the newest of each peer and purpose.
    private var accepted: [Greeting.Purpose: [NodeID: any Channel]] = [:]
    /// Accepted connections of which the peer is not known yet.
    private var strangers = 0

    /// The most connections of strangers at a time: each costs memory before it is authenticated.
    private static let maximumStrangers = 64

    /// The doors of a node, closed.
    init(_ network: PeerNetwork, on loop: any EventLoop) {
        self.network = network
        self.loop = loop
        for member in network.members where member.id != network.identity.node {
            links[member.id] = PeerLink(to: member, network, on: loop)
        }
    }

    /// Listens, then dials every peer.
    func start(_ address: SocketName) -> EventLoopFuture<Int> {
        let door = NIOLoopBound(self, eventLoop: loop)
        return ServerBootstrap(group: loop)
            .serverChannelOption(ChannelOptions.backlog, value: 128)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(ChannelOptions.tcpOption(.tcp_nodelay), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try door.value.initialize(channel) }
            }
            .bind(host: address.host, port: address.port)
            .assumeIsolated()
            .map { channel in
                self.listener = channel
                for link in self.links.values { link.start() }
                return channel.localAddress?.port ?? 0
            }
            .nonisolated()
    }

    /// Closes everything.
    func stop() {
        listener?.close(promise: nil)
        listener = nil
        for link in links.values { link.stop() }
        for channels in accepted.values {
            for channel in channels.values { channel.close(promise: nil) }
        }
    }

    /// Sends a message to its peer, with the others of the same turn.
    func send(_ message: PeerFrame) {
        links[message.to]?.send(message)
    }

    /// Sends what waits.
    func flush() {
        for link in links.values { link.flush() }
    }

    /// Closes the connections of a peer that broke the protocol.
    func disconnect(_ fault: PeerFault) {
        links[fault.peer]?.disconnect()
        for channels in accepted.values { channels[fault.peer]?.close(promise: nil) }
    }

    private func initialize(_ channel: any Channel) throws {
        guard strangers < Self.maximumStrangers else {
            network.refused(.tooMany, "too many connections of strangers", peer: "unknown")
            throw ProtocolError(.overloaded, "too many connections of strangers")
        }
        let sync = channel.pipeline.syncOperations
        try sync.addHandler(
            TLSHandler(
                network.serverTLS.current,
                accept: TLSRefusal.unlessNode(of: network.cluster)
            )
        )
        try sync.addHandler(PeerAcceptHandler(self, network))
        strangers += 1
    }

    /// A peer has greeted: what it dialled before is of no more use.
    fileprivate func greeted(by peer: NodeID, _ purpose: Greeting.Purpose, on channel: any Channel)
    {
        strangers -= 1
        network.metrics.accepted[.peer]?.increment()
        accepted[purpose, default: [:]].updateValue(channel, forKey: peer)?.close(promise: nil)
        record()
        links[peer]?.peerIsThere()
    }

    /// A connection is gone.
    fileprivate func closed(_ peer: NodeID?, _ purpose: Greeting.Purpose?, _ channel: any Channel) {
        guard let peer, let purpose else {
            strangers -= 1
            return
        }
        if accepted[purpose]?[peer] === channel { accepted[purpose]?[peer] = nil }
        record()
    }

    private func record() {
        let count = accepted.values.reduce(0) { $0 + $1.count }
        network.metrics.connections[.peer]?.record(count)
    }
}

/// The end of the pipeline of a connection that a peer dialled.
private final class PeerAcceptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let door: PeerDoor
    private let network: PeerNetwork
    private var identity: Identity?
    private var reader = GreetingReader()
    private var assembler = FrameAssembler()
    private var peer: NodeID?
    private var purpose: Greeting.Purpose?
    private var deadline: Scheduled<Void>?
    private var events: [ConsensusEvent] = []
    private var isBroken = false

    /// From the end of the TLS handshake to the whole greeting.
    private static let greetingTimeout = TimeAmount.seconds(5)

    init(_ door: PeerDoor, _ network: PeerNetwork) {
        self.door = door
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
            self.fail(context, ProtocolError(.deadlinePassed, "no greeting came"))
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = unwrapInboundIn(data)
        guard !isBroken, let identity else { return }
        do throws(ProtocolError) {
            if peer == nil {
                guard let greeting = try reader.read(&buffer) else { return }
                let member = try network.check(
                    greeting,
                    from: identity,
                    purposes: [.consensus, .bulk]
                )
                deadline?.cancel()
                peer = member.id
                purpose = greeting.purpose
                door.greeted(by: member.id, greeting.purpose, on: context.channel)
            }
            guard let peer, buffer.readableBytes > 0 else { return }
            try assembler.receive(buffer.readableBytesUInt8Span) {
                header,
                body throws(ProtocolError) in
                guard header.kind == .peer else {
                    throw ProtocolError(.malformed, "a peer sends peer messages only")
                }
                events.append(
                    .received(from: peer, group: GroupID(header.group), bytes: body.copied())
                )
            }
        } catch {
            fail(context, error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !events.isEmpty {
            network.metrics.peerReceived.increment(by: events.count)
            network.inbox.post(all: &events)
        }
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(context, error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        deadline?.cancel()
        door.closed(peer, purpose, context.channel)
    }

    private func fail(_ context: ChannelHandlerContext, _ error: any Error) {
        guard !isBroken else { return }
        isBroken = true
        let address = context.remoteAddress.map { "\($0)" } ?? "unknown"
        if let peer, error is ProtocolError {
            network.metrics.faults[.peer]?.increment()
            network.log.warning(
                "a peer broke the protocol; its connection is closed",
                metadata: ["peer": "\(peer)", "reason": "\(error)", "address": "\(address)"]
            )
        } else if peer == nil {
            network.refused(ConnectionRefusal(error), "\(error)", peer: address)
        }
        context.close(promise: nil)
    }
}
