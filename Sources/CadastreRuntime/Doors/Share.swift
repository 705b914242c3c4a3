internal import CadastreProtocol
internal import CadastreStateMachine

/// Against whose part of a node's room something counts.
enum Share: Hashable {
    /// A tenant's, whoever acts for it.
    case tenant(TenantID)
    /// A caller's own: what operators do, and what a service does for no tenant.
    case caller(Principal)

    /// The share of a request for a tenant, or of a caller's request for none.
    ///
    /// A tenant's own certificates share what is the tenant's: it may have made many.
    init(_ tenant: TenantID, _ caller: Principal, _ access: AccessView) {
        if tenant != .none {
            self = .tenant(tenant)
        } else if case .tenant(let name, _) = caller, let own = access.tenants[name] {
            self = .tenant(own.id)
        } else {
            self = .caller(caller)
        }
    }

    /// Whether it is an operator's, for whom room is kept.
    var isOperators: Bool {
        switch self {
        case .caller(.operator): true
        case .caller(.node), .caller(.service), .caller(.tenant), .tenant: false
        }
    }

    /// Whose turn it is in the round of tenants from which blocks are filled.
    ///
    /// Callers take turns like tenants, under numbers that no tenant ever gets: a service that opens
    /// sessions without an end does not hold up an operator.
    var turn: TenantID {
        switch self {
        case .tenant(let tenant): tenant
        case .caller(let caller): TenantID(Self.number(of: caller) | 1 << 63)
        }
    }

    /// FNV-1a over the caller's kind and names: two callers that fall together share a turn.
    private static func number(of caller: Principal) -> UInt64 {
        let parts: (kind: UInt8, names: [[UInt8]]) =
            switch caller {
            case .node: (1, [])
            case .operator(let name): (2, [name])
            case .service(let name): (3, [name])
            case .tenant(let tenant, let name): (4, [tenant, name])
            }
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in [parts.kind] + parts.names.joined(separator: [0]) {
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash
    }
}
