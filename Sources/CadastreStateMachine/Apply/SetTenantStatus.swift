internal import CadastreProtocol

extension Applier {
    /// Suspends a tenant or lets it grow again.
    func apply(_ command: SetTenantStatus) throws(StateMachineError) -> Reply {
        guard let tenant = rows.tenant(named: command.name) else { return .refused(.noSuchTenant) }
        guard tenant.status != command.status else { return .done(number: tenant.id.value) }
        var changed = tenant
        changed.status = command.status
        try rows.put(changed, replacing: tenant)
        return .done(number: tenant.id.value, sequence: nextSequence())
    }
}
