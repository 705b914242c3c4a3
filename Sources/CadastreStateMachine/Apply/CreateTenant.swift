internal import CadastreProtocol

extension Applier {
    /// Registers a tenant that holds nothing.
    func apply(_ command: CreateTenant) throws(StateMachineError) -> Reply {
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        guard rows.tenant(named: command.name) == nil else { return .refused(.tenantExists) }
        guard rows.tenantCount < StateLimits.maximumTenants else {
            return .refused(.tooManyTenants)
        }
        rows.system.lastTenant += 1
        let row = TenantRow(
            id: TenantID(rows.system.lastTenant),
            name: command.name,
            status: .active,
            quota: command.quota,
            created: rows.system.clusterTime
        )
        try rows.put(row, replacing: nil)
        try rows.put(TenantUsageRow(tenant: row.id), replacing: nil)
        return .done(number: row.id.value, sequence: nextSequence())
    }
}
