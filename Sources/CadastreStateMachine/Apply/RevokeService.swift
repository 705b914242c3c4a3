internal import CadastreProtocol

extension Applier {
    /// Takes a grant back; taking back what is not granted changes nothing.
    func apply(_ command: RevokeService) throws(StateMachineError) -> Reply {
        guard let tenant = rows.tenant(named: command.tenant) else {
            return .refused(.noSuchTenant)
        }
        let grant = GrantRow(tenant: tenant.id, service: command.service)
        guard rows.isGranted(grant) else { return .done() }
        try rows.delete(grant)
        return .done(number: 1, sequence: nextSequence())
    }
}
