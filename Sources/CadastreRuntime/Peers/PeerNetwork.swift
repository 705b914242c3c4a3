internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import Logging
internal import NIOCore
internal import RaftCore

/// What every connection between nodes has to know.
struct PeerNetwork: Sendable {
    /// This node.
    let identity: NodeIdentity
    /// The cluster's name in certificates.
    let cluster: String
    /// Who belongs to the cluster.
    let roster: Roster
    /// Whether this node leads, or hears a leader; asked on the consensus loop.
    let hearsLeader: @Sendable () -> Bool
    /// The cluster's feature level: a node must know everything that its log may hold.
    let featureLevel: UInt32
    /// For connections that peers open.
    let serverTLS: TLSContextSource
    /// For connections that this node opens.
    let clientTLS: TLSContextSource
    /// Bytes that may wait for one peer.
    let queueSize: Int
    /// The consensus stage's inbox.
    let inbox: Inbox<ConsensusEvent>
    /// The snapshot stage's inbox.
    let snapshots: Inbox<SnapshotEvent>
    /// Gets bodies of frames of kind ``FrameKind/repair`` and who sent them.
    let repairs: @Sendable (NodeID, GroupID, [UInt8]) -> Void
    let metrics: NodeMetrics
    let log: Logger
    /// Where connections to peers come from; nil lets the system choose.
    var source: SocketAddress?
    /// Nanoseconds after which a connection to a peer was a good one.
    var goodConnection = RuntimeLimits.goodConnection
    /// Bounds the lines about refused connections.
    let refusals = LogRate(perSecond: RuntimeLimits.refusalLinesPerSecond)

    /// What this node says first.
    func greeting(_ purpose: Greeting.Purpose) -> Greeting {
        Greeting(
            cluster: identity.cluster,
            node: identity.node,
            incarnation: identity.incarnation,
            purpose: purpose
        )
    }

    /// Whether a node that the configuration does not name may speak to this one; that it is a node of
    /// the cluster, the cluster's authority says.
    var admitsStrangers: Bool { roster.admitsStrangers(hearsLeader: hearsLeader()) }

    /// Says which certificates are not of the member that is expected, standing where it should.
    ///
    /// Asked within the handshake: a node elsewhere, or one that does not say where it is, is never
    /// given a byte.
    ///
    /// - Parameter id: The member that is dialled; nil where any may come. Whoever comes is sent
    ///   nothing but answers to what it sends as a leader.
    /// - Returns: What a ``TLSHandler`` asks.
    func acceptance(of id: NodeID?) -> @Sendable (NamedIdentity) -> TLSRefusal? {
        let isNode = TLSRefusal.unlessNode(of: cluster, id: id?.value)
        let network = self
        return { name in
            if let refusal = isNode(name) { return refusal }
            if let refusal = network.refusalOfCountry(name) { return refusal }
            guard let refusal = network.refusalOfMember(name) else { return nil }
            return id == nil && network.admitsStrangers ? nil : refusal
        }
    }

    /// Says whether the policy is against a node, a stranger too, by where its certificate says that
    /// it stands.
    func refusalOfCountry(_ name: NamedIdentity) -> TLSRefusal? {
        name.site.flatMap { refusalOfCountry($0, of: name.identity) }
    }

    /// Says whether the policy is against a node that stands there.
    func refusalOfCountry(_ site: Site, of identity: Identity) -> TLSRefusal? {
        let policy = roster.policy
        guard !policy.allows(site.name) else { return nil }
        return TLSRefusal(
            .countryNotAllowed,
            "\(identity) stands at \(site.name), the policy allows "
                + policy.allowedCountries.joined(separator: ", ")
        )
    }

    private func refusalOfMember(_ name: NamedIdentity) -> TLSRefusal? {
        guard case .node(_, let number) = name.identity,
            let member = roster.member(NodeID(number))
        else { return TLSRefusal(.notAccepted, "\(name.identity) is no member") }
        guard name.site == Site(ofMember: member) else {
            return TLSRefusal(
                .otherSite,
                "\(name.identity) stands at \(name.site?.uri ?? "no site"), "
                    + "the configuration says \(member.site)"
            )
        }
        return nil
    }

    /// Checks what a node said first, against its certificate and the configuration.
    ///
    /// - Parameters:
    ///   - greeting: What it said.
    ///   - certified: What the certificate says, which ``acceptance(of:)`` has accepted.
    ///   - purposes: What the connection may be for.
    /// - Returns: The member.
    /// - Throws: `ProtocolError` with what does not fit.
    func check(
        _ greeting: Greeting,
        from certified: Identity,
        purposes: [Greeting.Purpose]
    ) throws(ProtocolError) -> Member {
        try checkNode(greeting, from: certified, purposes: purposes)
        guard let member = roster.member(greeting.node) else {
            throw ProtocolError(.notPermitted, "node \(greeting.node) is not a member")
        }
        guard greeting.incarnation == member.incarnation else {
            throw ProtocolError(
                .notPermitted,
                "node \(greeting.node) has another incarnation than the configuration says"
            )
        }
        return member
    }

    /// Checks what a node said first that has dialled this one.
    ///
    /// - Parameters: As ``check(_:from:purposes:)``.
    /// - Returns: Who it is: a member, or a stranger that may speak as a leader.
    /// - Throws: `ProtocolError` with what does not fit.
    func checkCaller(
        _ greeting: Greeting,
        from certified: Identity,
        purposes: [Greeting.Purpose]
    ) throws(ProtocolError) -> Caller {
        do throws(ProtocolError) {
            let member = try check(greeting, from: certified, purposes: purposes)
            return Caller(node: member.id, incarnation: member.incarnation, isStranger: false)
        } catch {
            guard admitsStrangers else { throw error }
            try checkNode(greeting, from: certified, purposes: purposes)
            guard let incarnation = greeting.incarnation else { throw error }
            return Caller(node: greeting.node, incarnation: incarnation, isStranger: true)
        }
    }

    /// Whether a connection that was let in may stand.
    func isWelcome(_ caller: Caller) -> Bool {
        roster.standing(of: caller, hearsLeader: hearsLeader()) != .refused
    }

    /// Whether only what a leader says is heard of a node that was let in.
    ///
    /// Asked anew for whatever it says, and not once when it greeted: a node that joins lets its
    /// leader and the other members in as strangers, and soon learns that they are members. Were
    /// they strangers for as long as their connections stand, their votes would not be heard.
    func isStranger(_ caller: Caller) -> Bool {
        !roster.names(caller.node, caller.incarnation)
    }

    /// What does not depend on the configuration.
    private func checkNode(
        _ greeting: Greeting,
        from certified: Identity,
        purposes: [Greeting.Purpose]
    ) throws(ProtocolError) {
        _ = try self.greeting(greeting.purpose).commonVersion(with: greeting)
        guard greeting.featureLevel >= featureLevel else {
            throw ProtocolError(
                .notSupported,
                "the other end knows feature level \(greeting.featureLevel), the cluster is at "
                    + "\(featureLevel)"
            )
        }
        guard purposes.contains(greeting.purpose) else {
            throw ProtocolError(.notPermitted, "this listener is for nodes")
        }
        guard greeting.cluster == identity.cluster else {
            throw ProtocolError(.notPermitted, "the other end belongs to another cluster")
        }
        guard case .node(_, let id) = certified, NodeID(id) == greeting.node else {
            throw ProtocolError(
                .notPermitted,
                "the greeting names another node than the certificate"
            )
        }
        guard greeting.node != identity.node else {
            throw ProtocolError(.notPermitted, "the other end is this very node")
        }
    }

    /// Counts and logs a peer that broke the protocol.
    func faulted(_ peer: NodeID, _ reason: String) {
        metrics.faults[.peer]?.increment()
        log.warning(
            "a peer broke the protocol; its connections are closed",
            metadata: ["peer": "\(peer)", "reason": "\(reason)"]
        )
    }

    /// Counts and logs a connection that ended without a close.
    func cut(_ error: any Error, peer: String) {
        metrics.cuts[.peer]?.increment()
        log.info("a peer's connection broke", metadata: ["peer": "\(peer)", "reason": "\(error)"])
    }

    /// Counts and logs a connection that was not let in.
    func refused(_ reason: ConnectionRefusal, _ detail: String, peer: String) {
        metrics.refusedConnections[.peer]?[reason]?.increment()
        guard let suppressed = refusals.admit(at: Clock.monotonic) else { return }
        log.warning(
            "connection refused",
            metadata: [
                "listener": "peer", "reason": "\(reason.label)", "detail": "\(detail)",
                "peer": "\(peer)", "suppressed": .stringConvertible(suppressed),
            ]
        )
    }
}

extension Site {
    /// As a configuration names it: `country/city/site/operator`.
    var name: String { "\(country)/\(city)/\(site)/\(`operator`)" }

    /// Where a member stands, by the configuration.
    init?(ofMember member: Member) {
        self.init(uri: "cadastre-site://" + member.site)
    }
}

extension ConnectionRefusal {
    /// The reason behind an error of a handshake.
    init(_ error: any Error) {
        switch error {
        case TLSError.refused(let refusal): self = .tls(refusal.reason)
        case is ProtocolError: self = .greeting
        default: self = .handshake
        }
    }
}
