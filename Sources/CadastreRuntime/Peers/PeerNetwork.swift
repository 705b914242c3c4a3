internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
internal import Logging
internal import RaftCore

/// What every connection between nodes has to know.
struct PeerNetwork: Sendable {
    /// This node.
    let identity: NodeIdentity
    /// The cluster's name in certificates.
    let cluster: String
    /// Who belongs to the cluster.
    let members: [Member]
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
    let metrics: NodeMetrics
    let log: Logger
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

    /// Says which certificates are not of the member that is expected, standing where it should.
    ///
    /// Asked within the handshake: a node elsewhere, or one that does not say where it is, is never
    /// given a byte.
    ///
    /// - Parameter id: The member that is dialled; nil where any may come.
    /// - Returns: What a ``TLSHandler`` asks.
    func acceptance(of id: NodeID?) -> @Sendable (NamedIdentity) -> TLSRefusal? {
        let isNode = TLSRefusal.unlessNode(of: cluster, id: id?.value)
        let members = members
        return { name in
            if let refusal = isNode(name) { return refusal }
            guard case .node(_, let number) = name.identity,
                let member = members.first(where: { $0.id.value == number })
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
        guard let member = members.first(where: { $0.id == greeting.node }) else {
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
