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
        let (row, body) = (object.row, object.body)
        return .success(
            .object(
                ObjectRecord(
                    key: row.key,
                    sequence: row.sequence,
                    size: row.size,
                    etag: row.etag,
                    modifiedMilliseconds: row.modified,
                    contentType: body.contentType,
                    checksum: body.checksum,
                    metadata: body.metadata,
                    tags: body.tags,
                    locations: body.locations
                )
            )
        )
    }
}
