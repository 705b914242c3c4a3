internal import CadastreProtocol

extension Answerer {
    /// What the tenant holds.
    func getUsage(of tenant: TenantID) throws(StateMachineError) -> Outcome {
        guard let usage = rows.usage(of: tenant) else { return .failure(.noSuchTenant) }
        return .success(
            .usage(Usage(buckets: usage.buckets, objects: usage.objects, bytes: usage.bytes))
        )
    }

    /// What one bucket of the tenant holds.
    func getUsage(
        ofBucket name: [UInt8],
        of tenant: TenantID
    ) throws(StateMachineError) -> Outcome {
        guard let bucket = try bucket(named: name, of: tenant) else {
            return .failure(.noSuchBucket)
        }
        return .success(.usage(try usage(of: bucket)))
    }
}
