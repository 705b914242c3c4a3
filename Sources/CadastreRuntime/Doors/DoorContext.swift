internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import Logging
internal import NIOCore
internal import RaftCore
internal import Synchronization

/// What every connection of clients and operators has to know.
///
/// The same for all loops.
final class DoorContext: Sendable {
    /// This node.
    let identity: NodeIdentity
    /// The cluster's name in certificates.
    let cluster: String
    /// Who belongs to the cluster.
    let roster: Roster
    /// Where others reach this node.
    let listeners: Settings.Listeners
    let bounds: Settings.Bounds
    let tls: TLSContextSource
    /// The consensus stage's inbox.
    let consensus: Inbox<ConsensusEvent>
    /// The apply stage's inbox.
    let apply: Inbox<ApplyEvent>
    /// The journal stage's inbox, for its size.
    let journal: Inbox<JournalEvent>
    let view: NodeView
    /// What the consensus stage tells of itself.
    let status: @Sendable () -> EventLoopFuture<ConsensusStatus>
    let metrics: NodeMetrics
    let log: Logger
    /// When the process began, monotonic.
    let started = Clock.monotonic
    /// Bounds the lines about refused connections.
    private let refusals = LogRate(perSecond: RuntimeLimits.refusalLinesPerSecond)
    /// The connections that have greeted.
    let connections: ConnectionCounts
    /// Requests for whose replies somebody waits, over all loops, as of their last sweeps.
    let requestsInFlight = Atomic<Int>(0)

    /// Composes the knowledge.
    init(
        identity: NodeIdentity,
        cluster: String,
        roster: Roster,
        listeners: Settings.Listeners,
        bounds: Settings.Bounds,
        tls: TLSContextSource,
        consensus: Inbox<ConsensusEvent>,
        apply: Inbox<ApplyEvent>,
        journal: Inbox<JournalEvent>,
        view: NodeView,
        status: @escaping @Sendable () -> EventLoopFuture<ConsensusStatus>,
        metrics: NodeMetrics,
        log: Logger
    ) {
        self.identity = identity
        self.cluster = cluster
        self.roster = roster
        self.listeners = listeners
        self.bounds = bounds
        connections = ConnectionCounts(bounds)
        self.tls = tls
        self.consensus = consensus
        self.apply = apply
        self.journal = journal
        self.view = view
        self.status = status
        self.metrics = metrics
        self.log = log
    }

    /// This node as it would be taken in as a member: with the site of its certificate, and where it
    /// is reached; of a member, as the configuration describes it.
    var own: MemberDescription {
        if let own = roster.own { return MemberDescription(own) }
        let site = tls.current.own?.site
        return MemberDescription(
            node: identity.node.value,
            role: "\(identity.isWitness ? MemberRole.witness : .learner)",
            site: site?.name ?? "",
            peerAddress: "\(listeners.peer)",
            clientAddress: "\(listeners.client)",
            administrationAddress: "\(listeners.administration)",
            incarnation: identity.incarnation.hexadecimal
        )
    }

    /// What this node says first on a listener.
    func greeting(_ listener: Listener) -> Greeting {
        Greeting(
            cluster: identity.cluster,
            node: identity.node,
            incarnation: identity.incarnation,
            purpose: Self.purpose(listener)
        )
    }

    /// Checks what a client said first.
    ///
    /// - Throws: `ProtocolError` with what does not fit.
    func check(_ greeting: Greeting, on listener: Listener) throws(ProtocolError) {
        _ = try self.greeting(listener).commonVersion(with: greeting)
        guard greeting.purpose == Self.purpose(listener) else {
            throw ProtocolError(.notPermitted, "the connection's purpose is not this listener's")
        }
        guard greeting.cluster == nil || greeting.cluster == identity.cluster else {
            throw ProtocolError(.notPermitted, "the client wants another cluster")
        }
        guard greeting.node == .none, greeting.incarnation == nil else {
            throw ProtocolError(.notPermitted, "nodes do not connect to this listener")
        }
    }

    private static func purpose(_ listener: Listener) -> Greeting.Purpose {
        switch listener {
        case .peer: .consensus
        case .client: .client
        case .administration: .administration
        }
    }

    /// Puts on the page of metrics what the doors count.
    func sample() {
        metrics.inFlight.record(requestsInFlight.load(ordering: .relaxed))
        for listener in [Listener.client, .administration] {
            metrics.connections[listener]?.record(connections.standing(listener))
        }
    }

    /// Counts and logs a connection that was not let in.
    func refused(
        _ reason: ConnectionRefusal,
        _ detail: String,
        on listener: Listener,
        address: SocketAddress?
    ) {
        metrics.refusedConnections[listener]?[reason]?.increment()
        note("connection refused", listener, "\(reason.label): \(detail)", address)
    }

    /// Counts and logs a connection that is closed for what the client did.
    func faulted(_ detail: String, on listener: Listener, address: SocketAddress?) {
        metrics.faults[listener]?.increment()
        note("connection closed for what the client did", listener, detail, address)
    }

    /// Counts a connection that ended without a close.
    func cut(_ detail: String, on listener: Listener, address: SocketAddress?) {
        metrics.cuts[listener]?.increment()
        log.debug(
            "connection cut",
            metadata: [
                "listener": "\(listener.rawValue)", "detail": "\(detail)",
                "address": "\(address.map { "\($0)" } ?? "unknown")",
            ]
        )
    }

    private func note(
        _ message: Logger.Message,
        _ listener: Listener,
        _ detail: String,
        _ address: SocketAddress?
    ) {
        guard let suppressed = refusals.admit(at: Clock.monotonic) else { return }
        log.warning(
            message,
            metadata: [
                "listener": "\(listener.rawValue)", "detail": "\(detail)",
                "address": "\(address.map { "\($0)" } ?? "unknown")",
                "suppressed": .stringConvertible(suppressed),
            ]
        )
    }
}
