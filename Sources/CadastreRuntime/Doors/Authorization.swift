internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreTLS

/// Who may ask what, as far as the door can tell; judged again where a command is applied and a
/// query is answered.
///
/// | | operator | service | tenant | node |
/// |---|---|---|---|---|
/// | tenants, grants: commands | yes | – | – | – |
/// | tenants, grants: queries | yes | tenants that granted it | its own tenant | – |
/// | buckets, objects: commands, queries | – | tenants that granted it | its own tenant | – |
/// | usage | of a whole tenant | tenants that granted it | its own tenant | – |
/// | sessions | yes | yes | yes | – |
/// | status, members, policy, leadership, digest | yes | – | – | – |
enum Authorization {
    /// Why a request was not let in.
    enum Denial: Error, Hashable {
        /// This kind of caller never may.
        case never(ProtocolError)
        /// The tenant does not exist or has not granted it, as far as this node has applied.
        case unknownTenant
    }

    /// Finds the tenant for which a caller may make a request.
    ///
    /// - Parameters:
    ///   - content: What is asked.
    ///   - name: The tenant that the request names, if it names one.
    ///   - caller: Who asks.
    ///   - access: Who may act for whom.
    /// - Returns: The tenant, or none for what concerns no tenant.
    /// - Throws: `Denial`.
    static func judge(
        _ content: RequestContent,
        for name: [UInt8]?,
        by caller: Principal,
        access: AccessView
    ) throws(Denial) -> TenantID {
        switch subject(of: content) {
        case .cluster:
            guard case .operator = caller else { throw denied("operators only") }
            return .none
        case .session:
            if case .node = caller { throw denied("a node has no session") }
            return .none
        case .nobody:
            throw denied("nodes only")
        case .data:
            return try tenant(name, caller, access)
        case .tenant(let named):
            guard case .operator = caller else { return try tenant(named, caller, access) }
            return .none
        case .grants(let named):
            switch caller {
            case .operator: return .none
            case .tenant: return try tenant(named, caller, access)
            case .node, .service: throw denied("operators and the tenant only")
            }
        case .usage(let isWhole):
            guard case .operator = caller else { return try tenant(name, caller, access) }
            guard isWhole else { throw denied("operators see whole tenants only") }
            guard let name else {
                throw .never(ProtocolError(.malformed, "the request must name a tenant"))
            }
            guard let tenant = access.tenants[name] else { throw .unknownTenant }
            return tenant.id
        }
    }

    private enum Subject {
        case cluster
        case session
        case nobody
        case data
        case tenant([UInt8])
        case grants([UInt8])
        case usage(isWhole: Bool)
    }

    private static func subject(of content: RequestContent) -> Subject {
        switch content {
        case .command(let command):
            switch command {
            case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
                .revokeService:
                .cluster
            case .createBucket, .deleteBucket, .putObject, .deleteObject, .batch: .data
            case .openSession, .expireSession: .session
            case .tick: .nobody
            }
        case .query(let query):
            switch query {
            case .listTenants: .cluster
            case .getTenant(let name): .tenant(name)
            case .listGrants(let name, _, _): .grants(name)
            case .getBucket, .listBuckets, .getObject, .listObjects: .data
            case .getUsage(let bucket): .usage(isWhole: bucket == nil)
            }
        case .administration: .cluster
        }
    }

    private static func tenant(
        _ name: [UInt8]?,
        _ caller: Principal,
        _ access: AccessView
    ) throws(Denial) -> TenantID {
        let wanted: [UInt8]
        switch caller {
        case .node: throw denied("services and tenants only")
        case .operator: throw denied("operators see no buckets and no objects")
        case .service:
            guard let name else {
                throw .never(ProtocolError(.malformed, "a service must name the tenant"))
            }
            wanted = name
        case .tenant(let own, _):
            wanted = name ?? own
        }
        // The view says nil for what is absent and for what is forbidden: both look the same.
        guard let tenant = access.tenant(named: wanted, for: caller) else { throw .unknownTenant }
        return tenant.id
    }

    private static func denied(_ detail: String) -> Denial {
        .never(ProtocolError(.notPermitted, detail))
    }

    /// Whether a request carries what its retry is recognised by, where that is needed, and only
    /// what this version recognises it by.
    ///
    /// - Throws: `malformed`; `notSupported` for a token, which would be refused when applied.
    static func checkIdentity(_ request: RequestMessage) throws(ProtocolError) {
        guard case .command(let command) = request.content else { return }
        if case .token = request.identity {
            throw ProtocolError(.notSupported, "tokens are not supported yet; open a session")
        }
        switch command {
        case .openSession, .expireSession, .tick: return
        case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
            .revokeService, .createBucket, .deleteBucket, .putObject, .deleteObject, .batch:
            guard request.identity == .none else { return }
            throw ProtocolError(.malformed, "the command has no slot of a session")
        }
    }
}

extension Principal {
    /// Who a certificate speaks for.
    init(_ identity: Identity) {
        switch identity {
        case .node(_, let id): self = .node(id)
        case .operator(_, let name): self = .operator(name: Array(name.utf8))
        case .service(_, let name): self = .service(name: Array(name.utf8))
        case .tenant(_, let tenant, let name):
            self = .tenant(tenant: Array(tenant.utf8), name: Array(name.utf8))
        }
    }
}

extension Listener {
    /// Says which identities a listener for requests does not take.
    func refusal(of identity: Identity, cluster: String) -> TLSRefusal? {
        if let refusal = TLSRefusal.unlessMember(identity, of: cluster) { return refusal }
        switch (self, identity) {
        case (.peer, .node), (.client, .service), (.client, .tenant),
            (.administration, .operator):
            return nil
        case (.peer, _):
            return TLSRefusal(.notAccepted, "this listener is for nodes, the peer is \(identity)")
        case (.client, _):
            return TLSRefusal(
                .notAccepted,
                "this listener is for services and tenants, the peer is \(identity)"
            )
        case (.administration, _):
            return TLSRefusal(
                .notAccepted,
                "this listener is for operators, the peer is \(identity)"
            )
        }
    }
}
