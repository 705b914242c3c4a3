internal import CadastreProtocol

extension Answerer {
    /// Services that may act for a tenant, ascending by name; to operators and to the tenant.
    func listGrants(
        of name: [UInt8],
        after: [UInt8],
        maximum: Int,
        principal: Principal
    ) throws(StateMachineError) -> Outcome {
        let isOwn =
            switch principal {
            case .tenant(let own, _): own == name
            case .node, .operator, .service: false
            }
        guard principal.isOperator || isOwn else { return .failure(.notPermitted) }
        guard let tenant = rows.tenant(named: name) else {
            return .failure(principal.isOperator ? .noSuchTenant : .notPermitted)
        }
        let maximum = bounded(maximum)
        let found = try rows.grants(of: tenant.id, after: after, maximum: maximum + 1)
        return .success(.grants(try page(of: found, maximum: maximum) { $0.service }))
    }
}
