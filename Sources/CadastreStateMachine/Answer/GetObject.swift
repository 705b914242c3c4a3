internal import CadastreProtocol

extension Answerer {
    /// One object with its body.
    func getObject(
        _ key: [UInt8],
        in name: [UInt8],
        of tenant: TenantID
    ) throws(StateMachineError) -> Outcome {
        guard let bucket = try bucket(named: name, of: tenant) else {
            return .failure(.noSuchBucket)
        }
        guard let object = try rows.wholeObject(at: HashedPlace(bucket.id, key)) else {
            return .failure(.noSuchObject)
        }
        return .success(.object(object))
    }
}
