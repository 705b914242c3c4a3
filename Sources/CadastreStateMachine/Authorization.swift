internal import CadastreProtocol

/// Who may do what, judged when a command is applied and when a query is answered. The door judges
/// the same by its copy of the grants, which may be older.
extension Applier {
    /// Why the principal may not; nil if it may.
    ///
    /// | principal | commands |
    /// |---|---|
    /// | node | tick |
    /// | operator | tenants, grants, its own sessions |
    /// | service, tenant | buckets and objects of a tenant it may act for, its own sessions |
    func refusal(of envelope: CommandEnvelope) -> Refusal? {
        let isPermitted =
            switch envelope.command {
            case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
                .revokeService:
                envelope.principal.isOperator
            case .createBucket, .deleteBucket, .putObject, .deleteObject, .batch:
                rows.mayAct(envelope.principal, for: envelope.tenant)
            case .openSession, .expireSession: !envelope.principal.isNode
            case .tick: envelope.principal.isNode
            }
        return isPermitted ? nil : .notPermitted
    }
}

extension Rows {
    /// Whether the principal may use what the tenant holds.
    ///
    /// A tenant that does not exist is nobody's, so that absent and forbidden look the same.
    func mayAct(_ principal: Principal, for tenant: TenantID) -> Bool {
        switch principal {
        case .node, .operator: false
        case .service(let name): isGranted(GrantRow(tenant: tenant, service: name))
        case .tenant(let own, _): self.tenant(tenant)?.name == own
        }
    }
}

extension Principal {
    /// Whether it administers.
    var isOperator: Bool {
        switch self {
        case .operator: true
        case .node, .service, .tenant: false
        }
    }

    /// Whether it is a node of the cluster.
    var isNode: Bool {
        switch self {
        case .node: true
        case .operator, .service, .tenant: false
        }
    }
}
