internal import CadastreProtocol

extension Applier {
    /// Lets a service act for a tenant; doing it twice changes nothing.
    func apply(_ command: GrantService) throws(StateMachineError) -> Reply {
        guard let tenant = rows.tenant(named: command.tenant) else {
            return .refused(.noSuchTenant)
        }
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        let grant = GrantRow(tenant: tenant.id, service: command.service)
        guard !rows.isGranted(grant) else { return .done() }
        let maximum = StateLimits.maximumGrantsPerTenant
        guard try rows.grants(of: tenant.id, after: [], maximum: maximum).count < maximum else {
            return .refused(.tooManyGrants)
        }
        try rows.insert(grant)
        return .done(sequence: nextSequence())
    }
}
