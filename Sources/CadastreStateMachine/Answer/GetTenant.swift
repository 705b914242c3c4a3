internal import CadastreProtocol

extension Answerer {
    /// One tenant, to operators and to itself.
    func getTenant(
        _ name: [UInt8],
        principal: Principal
    ) throws(StateMachineError) -> Outcome {
        guard let tenant = rows.tenant(named: name) else {
            return .failure(principal.isOperator ? .noSuchTenant : .notPermitted)
        }
        guard principal.isOperator || rows.mayAct(principal, for: tenant.id) else {
            return .failure(.notPermitted)
        }
        return .success(.tenant(try record(of: tenant)))
    }

    /// A tenant with its usage.
    func record(of tenant: TenantRow) throws(StateMachineError) -> TenantRecord {
        guard let usage = rows.usage(of: tenant.id) else {
            throw .damaged("the usage of tenant \(tenant.id.value) is missing")
        }
        return TenantRecord(
            id: tenant.id,
            name: tenant.name,
            status: tenant.status,
            quota: tenant.quota,
            createdMilliseconds: tenant.created,
            usage: Usage(buckets: usage.buckets, objects: usage.objects, bytes: usage.bytes)
        )
    }
}
