internal import CadastreProtocol

extension Applier {
    /// Replaces a tenant's quota; one below the present use is allowed and stops growth.
    func apply(_ command: UpdateTenant) throws(StateMachineError) -> Reply {
        guard let tenant = rows.tenant(named: command.name) else { return .refused(.noSuchTenant) }
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        guard tenant.quota != command.quota else { return .done(number: tenant.id.value) }
        var changed = tenant
        changed.quota = command.quota
        try rows.put(changed, replacing: tenant)
        return .done(number: tenant.id.value, sequence: nextSequence())
    }
}
