internal import CadastreProtocol

extension Answerer {
    /// Tenants ascending by name, to operators.
    func listTenants(
        after: [UInt8],
        maximum: Int,
        principal: Principal
    ) throws(StateMachineError) -> Outcome {
        guard principal.isOperator else { return .failure(.notPermitted) }
        let maximum = bounded(maximum)
        let found = try rows.tenants(after: after, maximum: maximum + 1)
        let page = try page(of: found, maximum: maximum) { row throws(StateMachineError) in
            try record(of: row)
        }
        return .success(.tenants(page))
    }
}
