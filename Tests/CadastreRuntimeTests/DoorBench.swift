@testable import CadastreNode
import CadastreProtocol
@testable import CadastreStateMachine
import CadastreTLS
import Logging
import NIOCore
import NIOEmbedded
import RaftCore

@testable import CadastreRuntime
@testable import CadastreTLS

/// A door without sockets: sessions on embedded channels, and inboxes in place of the stages.
final class DoorBench {
    let loop = EmbeddedEventLoop()
    let consensus = Inbox<ConsensusEvent> {}
    let apply = Inbox<ApplyEvent> {}
    let view: NodeView
    let metrics = NodeMetrics()
    let context: DoorContext
    let desk: Desk

    static let cluster = ClusterID(high: 1, low: 2)
    static let members = [1, 2].map { id in
        Member(
            id: NodeID(id),
            incarnation: Incarnation(high: 7, low: id),
            role: .voter,
            site: "fr/paris/p/o",
            peerAddress: "h\(id):1",
            clientAddress: "h\(id):2",
            administrationAddress: "h\(id):3"
        )
    }

    static let identity = NodeIdentity(
        cluster: cluster,
        node: NodeID(1),
        incarnation: Incarnation(high: 7, low: 1)
    )
    static var roster: Roster {
        Roster(Configuration(members: members, featureLevel: 1), of: identity)
    }

    init(
        connectionRequests: Int = 8,
        tenantRequests: Int = 64,
        queueSize: Int = 64 << 20,
        featureLevel: UInt32 = 1,
        isWitness: Bool = false
    ) throws {
        var identity = Self.identity
        identity.isWitness = isWitness
        view = NodeView(featureLevel: featureLevel)
        let status = ConsensusStatus.sample
        let loop = loop
        context = DoorContext(
            identity: identity,
            cluster: "atlas",
            roster: Self.roster,
            listeners: Settings.Listeners(
                peer: SocketName(host: "h1", port: 1),
                client: SocketName(host: "h1", port: 2),
                administration: SocketName(host: "h1", port: 3)
            ),
            bounds: Settings.Bounds(
                connections: 4,
                administrationConnections: 2,
                connectionsPerIdentity: 3,
                requestsPerConnection: connectionRequests,
                requestsPerTenant: tenantRequests,
                queueSize: queueSize,
                peerQueueSize: 8 << 20,
                replySize: 2 << 20
            ),
            tls: try TestFolder.shared.serverTLS(),
            consensus: consensus,
            apply: apply,
            journal: Inbox<JournalEvent> {},
            view: view,
            status: { loop.makeSucceededFuture(status) },
            metrics: metrics,
            log: Logger(label: "test") {
                StructuredLog(label: $0, level: .critical, sink: { _ in })
            }
        )
        desk = Desk(context, place: 0, of: 1, on: loop, access: AuthorizationTests.access)
        var state = StageNumbers.State()
        // One ahead of what the consensus stage has heard of.
        state.index = LogIndex(9)
        state.digest = [1, 2, 3]
        view.applied(state, StateMachineStatistics())
        view.update { content in
            content.role = .leader
            content.leader = NodeID(1)
            content.isSettledLeader = true
        }
    }

    /// A connection whose TLS handshake is done.
    func connect(
        _ listener: Listener,
        _ identity: Identity,
        notAfter: Int64 = .max,
        behind first: [any ChannelHandler] = []
    ) throws -> EmbeddedChannel {
        let handlers = Session.handlers(listener, at: desk, context.tls.current)
        let channel = EmbeddedChannel(handlers: first + handlers, loop: loop)
        desk.add(stranger: channel, on: listener)
        try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
        channel.pipeline.fireUserInboundEventTriggered(
            TLSHandshakeCompleted(
                identity: identity,
                site: nil,
                fingerprint: [],
                notAfter: notAfter,
                chain: try TestFolder.shared.chain(listener == .client ? "service" : "operator")
            )
        )
        return channel
    }

    /// A connection that has greeted; what the node said is read.
    func open(
        _ listener: Listener,
        _ identity: Identity,
        behind first: [any ChannelHandler] = []
    ) throws -> EmbeddedChannel {
        let channel = try connect(listener, identity, behind: first)
        try channel.writeInbound(ByteBuffer(bytes: Self.greeting(listener).encode()))
        _ = try Self.bytes(from: channel)
        return channel
    }

    static func greeting(_ listener: Listener) -> Greeting {
        Greeting(
            cluster: cluster,
            node: .none,
            incarnation: nil,
            purpose: listener == .client ? .client : .administration
        )
    }

    static let service = Identity.service(cluster: "atlas", name: "gateway")
    static let stranger = Identity.service(cluster: "atlas", name: "stranger")
    static let `operator` = Identity.operator(cluster: "atlas", name: "ann")

    /// The frames of a request.
    static func frame(_ request: RequestMessage, id: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        Frame.append(.request, group: 0, requestID: id, body: request.encode(), to: &bytes)
        return bytes
    }

    /// A put of tenant a.
    static func put(deadline: UInt32 = 0) -> RequestMessage {
        RequestMessage(
            identity: .slot(session: 1, slot: 0, sequence: 1),
            tenant: SampleRequests.a,
            deadlineMilliseconds: deadline,
            content: .command(SampleRequests.put)
        )
    }

    /// Everything that a channel has written.
    static func bytes(from channel: EmbeddedChannel) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
            bytes += Array(buffer.readableBytesView)
        }
        return bytes
    }

    /// The replies that a channel has written, by request id; goodbyes under the id `nil`.
    static func replies(from channel: EmbeddedChannel) throws -> [(UInt64, ReplyMessage)] {
        var assembler = FrameAssembler()
        return try assembler.receive(try bytes(from: channel)).compactMap { message in
            guard message.header.kind == .reply else { return nil }
            return (message.header.requestID, try ReplyMessage(decoding: message.body))
        }
    }

    /// What was handed to the consensus stage.
    func handedOver() -> [ConsensusEvent] {
        loop.run()
        var events: [ConsensusEvent] = []
        _ = consensus.take(into: &events)
        return events
    }
}

extension ConsensusStatus {
    static let sample = ConsensusStatus(
        node: NodeID(1),
        role: .leader,
        term: Term(3),
        leader: NodeID(1),
        commitIndex: LogIndex(10),
        lastIndex: LogIndex(12),
        persistedIndex: LogIndex(11),
        appliedIndex: LogIndex(8),
        clusterTime: 5,
        waitingCommands: 0,
        waitingSize: 0,
        cachedSize: 0,
        configuration: Configuration(members: DoorBench.members, featureLevel: 1),
        peers: []
    )
}
