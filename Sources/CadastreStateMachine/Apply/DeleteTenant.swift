internal import CadastreProtocol

extension Applier {
    /// Removes a tenant without buckets, with its grants; its number is never given again.
    func apply(_ command: DeleteTenant) throws(StateMachineError) -> Reply {
        guard let tenant = rows.tenant(named: command.name) else { return .refused(.noSuchTenant) }
        let usage = try usage(of: tenant.id)
        guard usage.buckets == 0 else { return .refused(.tenantNotEmpty) }
        let grants = try rows.grants(
            of: tenant.id,
            after: [],
            maximum: StateLimits.maximumGrantsPerTenant
        )
        for grant in grants { try rows.delete(grant) }
        try rows.delete(usage)
        try rows.delete(tenant)
        return .done(number: 1, sequence: nextSequence())
    }

    /// The usage of a tenant that exists.
    func usage(of tenant: TenantID) throws(StateMachineError) -> TenantUsageRow {
        guard let usage = rows.usage(of: tenant) else {
            throw .damaged("the usage of tenant \(tenant.value) is missing")
        }
        return usage
    }
}
