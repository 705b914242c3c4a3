package import CadastreProtocol

/// Whom the measured commands come from: a user of one tenant, with one bucket and one session.
package struct Caller: Sendable {
    /// The bucket of all objects.
    package static let bucket = Array("bench".utf8)
    /// Requests that may be on their way at once, each in a slot of its own.
    package static let slots = 256

    /// Who asks.
    package let principal = Principal.tenant(tenant: Caller.tenantName, name: Array("user".utf8))
    /// For whom.
    package let tenant: TenantID
    /// In which session.
    package let session: UInt64

    private static let tenantName = Array("tenant".utf8)
    private static let administrator = Principal.operator(name: Array("operator".utf8))

    /// Names a caller that need not exist, for what only looks at bytes.
    package init(tenant: TenantID, session: UInt64) {
        self.tenant = tenant
        self.session = session
    }

    /// Makes the tenant, the session and the bucket on a new cluster.
    ///
    /// - Parameter perform: Applies one command and returns its reply.
    package init(foundedBy perform: (CommandEnvelope) throws -> Reply) rethrows {
        func session(of principal: Principal, tenant: TenantID) throws -> UInt64 {
            let command = Command.openSession(OpenSession(slots: UInt32(Self.slots)))
            let reply = try perform(
                CommandEnvelope(
                    principal: principal,
                    tenant: tenant,
                    identity: .none,
                    command: command
                )
            )
            precondition(reply.refusal == nil, "no session: \(reply)")
            return reply.number
        }
        func first(
            _ command: Command,
            of principal: Principal,
            tenant: TenantID,
            session: UInt64
        ) throws -> UInt64 {
            let reply = try perform(
                CommandEnvelope(
                    principal: principal,
                    tenant: tenant,
                    identity: .slot(session: session, slot: UInt32(Self.slots - 1), sequence: 1),
                    command: command
                )
            )
            precondition(reply.refusal == nil, "the founding is refused: \(reply)")
            return reply.number
        }
        tenant = TenantID(
            try first(
                .createTenant(CreateTenant(name: Self.tenantName, quota: Quota())),
                of: Self.administrator,
                tenant: .none,
                session: try session(of: Self.administrator, tenant: .none)
            )
        )
        self.session = try session(of: principal, tenant: tenant)
        _ = try first(
            .createBucket(CreateBucket(name: Self.bucket)),
            of: principal,
            tenant: tenant,
            session: self.session
        )
    }
}
