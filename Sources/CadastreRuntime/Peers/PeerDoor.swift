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
    /// A connection that a peer has dialled.
    fileprivate struct Accepted {
        let channel: any Channel
        let since: UInt64
        let caller: Caller
        let handler: PeerAcceptHandler
        var standing: StandingPeer
    }

    private let network: PeerNetwork
    private let loop: any EventLoop
    private var links: [NodeID: PeerLink] = [:]
    /// For snapshots: what is large has connections of its own.
    private var bulkLinks: [NodeID: PeerLink] = [:]
    private var listener: (any Channel)?
    /// What peers have dialled, the newest of each peer and purpose.
    private var accepted: [Greeting.Purpose: [NodeID: Accepted]] = [:]
    private var strangers = Strangers(maximum: RuntimeLimits.peerStrangers)
    private var conduct: [NodeID: PeerConduct] = [:]
    private var sweeper: RepeatedTask?

    /// The doors of a node, closed.
    init(_ network: PeerNetwork, on loop: any EventLoop) {
        self.network = network
        self.loop = loop
        renewLinks()
    }

    /// The configuration or the leader has changed: whoever came in is dialled, whoever left is not
    /// spoken to any more.
    ///
    /// Before the messages of the turn that brought it: what is for a new disk must not reach the
    /// old one.
    func membersChanged(_ configuration: Configuration?, leader: NodeID) {
        network.roster.update(configuration, leader: leader)
        renewLinks()
        for (purpose, connections) in accepted {
            for (peer, connection) in connections
            where !isWelcome(connection) {
                accepted[purpose]?[peer] = nil
                connection.channel.close(promise: nil)
            }
        }
        record()
    }

    /// Whether a connection may stand under the present configuration and policy.
    private func isWelcome(_ connection: Accepted) -> Bool {
        let peer = connection.standing.peer
        if let site = peer.site,
            let refusal = network.refusalOfCountry(site, of: peer.identity)
        {
            network.refused(
                .tls(refusal.reason),
                "while the connection stood: \(refusal.detail)",
                peer: "\(connection.caller.node)"
            )
            return false
        }
        return network.isWelcome(connection.caller)
    }

    private func renewLinks() {
        let peers = network.roster.dialled
        renew(&links, to: peers, for: .consensus)
        renew(&bulkLinks, to: peers, for: .bulk)
    }

    private func renew(
        _ links: inout [NodeID: PeerLink],
        to peers: [Member],
        for purpose: Greeting.Purpose
    ) {
        for (id, link) in links where !peers.contains(where: { link.leads(to: $0) }) {
            link.stop()
            links[id] = nil
        }
        for peer in peers where links[peer.id] == nil {
            let link = PeerLink(to: peer, for: purpose, network, on: loop)
            links[peer.id] = link
            if listener != nil { link.start() }
        }
    }

    private var allLinks: [PeerLink] { Array(links.values) + Array(bulkLinks.values) }

    /// Listens, then dials every peer.
    func start(_ address: SocketName) -> EventLoopFuture<Int> {
        let door = NIOLoopBound(self, eventLoop: loop)
        var bootstrap = ServerBootstrap(group: loop)
            .serverChannelOption(ChannelOptions.backlog, value: 128)
            .serverChannelOption(ChannelOptions.socketOption(.so_reuseaddr), value: 1)
        for (option, value) in SocketOptions.peer {
            bootstrap = bootstrap.childChannelOption(option, value: value)
        }
        return
            bootstrap
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try door.value.initialize(channel) }
            }
            .bind(host: address.host, port: address.port)
            .assumeIsolated()
            .map { channel in
                self.listener = channel
                for link in self.allLinks { link.start() }
                self.startSweeping()
                return channel.localAddress?.port ?? 0
            }
            .nonisolated()
    }

    private func startSweeping() {
        let interval = RuntimeLimits.peerSweepInterval
        let door = NIOLoopBound(self, eventLoop: loop)
        sweeper = loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
            door.value.sweep(at: Clock.now())
        }
    }

    /// Closes everything.
    func stop() {
        sweeper?.cancel()
        listener?.close(promise: nil)
        listener = nil
        for link in allLinks { link.stop() }
        for connections in accepted.values {
            for connection in connections.values { connection.channel.close(promise: nil) }
        }
    }

    /// Sends a message to its peer, with the others of the same turn.
    ///
    /// Whom this node does not dial is answered on the connection that it has dialled: a stranger,
    /// of whom it is not known where it listens, and, by a node that is no member yet, everybody.
    func send(_ message: PeerFrame, on purpose: Greeting.Purpose = .consensus) {
        let link = purpose == .bulk ? bulkLinks[message.to] : links[message.to]
        if let link, link.isOpen {
            link.send(message)
        } else if let accepted = accepted[purpose]?[message.to],
            link == nil || accepted.caller.isStranger
        {
            accepted.handler.answer(message)
        } else {
            network.metrics.peerDropped.increment()
        }
    }

    /// Sends what waits.
    func flush() {
        for link in links.values { link.flush() }
    }

    /// Sends what is large: what is said about snapshots and damaged journals.
    func send(bulk messages: [PeerFrame]) {
        for message in messages { send(message, on: .bulk) }
        for link in bulkLinks.values { link.flush() }
    }

    /// Closes the connections of a peer that broke the protocol, and counts and logs why.
    func disconnect(_ peer: NodeID, _ reason: String) {
        network.faulted(peer, reason)
        let now = Clock.monotonic
        // Messages of a connection that is closed already may still come to be refused: they are
        // no further fault.
        var since: UInt64?
        for purpose in accepted.keys {
            guard let connection = accepted[purpose]?.removeValue(forKey: peer) else {
                continue
            }
            since = max(since ?? 0, connection.since)
            connection.channel.close(promise: nil)
        }
        record()
        guard let since else { return }
        if conduct[peer, default: PeerConduct()].faulted(at: now, standingSince: since) {
            let until = conduct[peer]?.quarantinedUntil ?? now
            links[peer]?.quarantine(until: until)
            bulkLinks[peer]?.quarantine(until: until)
            network.log.error(
                "a peer breaks the protocol again and again; it is left alone for a while",
                metadata: ["peer": "\(peer)", "reason": "\(reason)"]
            )
        } else {
            links[peer]?.disconnect()
            bulkLinks[peer]?.disconnect()
        }
    }

    /// Closes what does not get on, and what is no longer trusted.
    private func sweep(at moment: Moment) {
        for connections in accepted.values {
            for connection in connections.values { connection.handler.sweep(at: moment.monotonic) }
        }
        for link in allLinks { link.sweep(at: moment.monotonic) }
        judge(at: moment)
    }

    private func judge(at moment: Moment) {
        for link in allLinks { link.judge(at: moment) }
        let present = network.serverTLS.current
        for (purpose, connections) in accepted {
            for (peer, var connection) in connections
            where connection.standing.isDue(present, at: moment) {
                let refusal = connection.standing.refusal(by: present, at: moment)
                accepted[purpose]?[peer] = connection
                guard let refusal else { continue }
                network.refused(
                    .tls(refusal.reason),
                    "while the connection stood: \(refusal.detail)",
                    peer: "\(peer)"
                )
                connection.channel.close(promise: nil)
            }
        }
    }

    private func initialize(_ channel: any Channel) throws {
        if let oldest = strangers.add(channel) {
            network.refused(
                .tooMany,
                "too many connections that do not say whose they are; the oldest is closed",
                peer: oldest.remoteAddress.map { "\($0)" } ?? "unknown"
            )
            oldest.close(promise: nil)
        }
        let tls = network.serverTLS.current
        try channel.pipeline.syncOperations.addHandlers(
            TLSHandler(tls, accept: network.acceptance(of: nil)),
            GreetingHandler(network.greeting(.consensus), .speaksFirst),
            PeerAcceptHandler(self, network, tls)
        )
    }

    /// A peer has greeted: what it dialled before is of no more use.
    ///
    /// - Throws: `ProtocolError` if the peer is left alone just now.
    fileprivate func greeted(
        by caller: Caller,
        _ purpose: Greeting.Purpose,
        on channel: any Channel,
        _ handler: PeerAcceptHandler,
        _ standing: StandingPeer
    ) throws(ProtocolError) {
        let now = Clock.monotonic
        let peer = caller.node
        guard conduct[peer]?.isQuarantined(at: now) != true else {
            throw ProtocolError(
                .notPermitted,
                "node \(peer) has broken the protocol again and again, and is left alone for a while"
            )
        }
        strangers.remove(channel)
        network.metrics.accepted[.peer]?.increment()
        let connection = Accepted(
            channel: channel,
            since: now,
            caller: caller,
            handler: handler,
            standing: standing
        )
        accepted[purpose, default: [:]].updateValue(connection, forKey: peer)?
            .channel.close(promise: nil)
        record()
        links[peer]?.peerIsThere()
        bulkLinks[peer]?.peerIsThere()
    }

    /// A connection is gone.
    fileprivate func closed(_ peer: NodeID?, _ purpose: Greeting.Purpose?, _ channel: any Channel) {
        strangers.remove(channel)
        guard let peer, let purpose, accepted[purpose]?[peer]?.channel === channel else { return }
        accepted[purpose]?[peer] = nil
        conduct[peer]?.ended()
        record()
    }

    private func record() {
        let count = accepted.values.reduce(0) { $0 + $1.count }
        network.metrics.connections[.peer]?.record(count)
    }
}

/// The end of the pipeline of a connection that a peer dialled.
fileprivate final class PeerAcceptHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let door: PeerDoor
    private let network: PeerNetwork
    private let tls: TLSContext
    private var input: PeerInput
    private var caller: Caller?
    private var purpose: Greeting.Purpose?
    private var isBroken = false
    private var channel: (any Channel)?

    init(_ door: PeerDoor, _ network: PeerNetwork, _ tls: TLSContext) {
        self.door = door
        self.network = network
        self.tls = tls
        input = PeerInput(network)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let greeted = event as? Greeted else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        guard !isBroken else { return }
        do throws(ProtocolError) {
            let caller = try network.checkCaller(
                greeted.greeting,
                from: greeted.peer.identity,
                purposes: [.consensus, .bulk]
            )
            try door.greeted(
                by: caller,
                greeted.greeting.purpose,
                on: context.channel,
                self,
                StandingPeer(greeted.peer, letInBy: tls, at: Clock.now())
            )
            self.caller = caller
            purpose = greeted.greeting.purpose
            channel = context.channel
        } catch {
            fail(context.channel, error)
        }
    }

    /// Answers a stranger, or drops the answer while its socket takes none.
    func answer(_ message: PeerFrame) {
        var queue = PeerQueue(maximumSize: network.queueSize)
        guard let channel, channel.isWritable, queue.add(message) else {
            network.metrics.peerDropped.increment()
            return
        }
        network.metrics.peerMessages.increment()
        network.metrics.peerBytes.increment(by: message.bytes.count)
        while let frame = queue.next() { channel.write(frame, promise: nil) }
        channel.flush()
    }

    /// Gives up a message that does not come whole.
    func sweep(at now: UInt64) {
        guard input.isLate(at: now), let channel else { return }
        fail(channel, ProtocolError(.deadlinePassed, "a message did not come whole in time"))
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isBroken, let caller, let purpose else { return }
        let bytes = unwrapInboundIn(data)
        do throws(ProtocolError) {
            try input.receive(
                bytes.readableBytesUInt8Span,
                from: caller.node,
                on: purpose,
                isStranger: network.isStranger(caller)
            )
        } catch {
            fail(context.channel, error)
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        input.post()
        context.fireChannelReadComplete()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        fail(context.channel, error)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        channel = nil
        door.closed(caller?.node, purpose, context.channel)
    }

    private func fail(_ channel: any Channel, _ error: any Error) {
        guard !isBroken else { return }
        isBroken = true
        let address = channel.remoteAddress.map { "\($0)" } ?? "unknown"
        if let caller, error is ProtocolError {
            door.disconnect(caller.node, "\(error) (from \(address))")
        } else if caller == nil {
            network.refused(ConnectionRefusal(error), "\(error)", peer: address)
        } else {
            network.cut(error, peer: address)
        }
        channel.close(promise: nil)
    }
}
