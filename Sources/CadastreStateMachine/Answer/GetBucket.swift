internal import CadastreProtocol

extension Answerer {
    /// One bucket of the tenant.
    func getBucket(_ name: [UInt8], of tenant: TenantID) throws(StateMachineError) -> Outcome {
        guard let bucket = try bucket(named: name, of: tenant) else {
            return .failure(.noSuchBucket)
        }
        return .success(.bucket(try record(of: bucket)))
    }

    /// A bucket with its usage.
    func record(of bucket: BucketRow) throws(StateMachineError) -> BucketRecord {
        BucketRecord(
            id: bucket.id,
            name: bucket.name,
            createdMilliseconds: bucket.created,
            epoch: bucket.epoch,
            usage: try usage(of: bucket)
        )
    }

    /// What a bucket holds.
    func usage(of bucket: BucketRow) throws(StateMachineError) -> Usage {
        guard let usage = try rows.usage(of: bucket.id) else {
            throw .damaged("the usage of bucket \(bucket.id.value) is missing")
        }
        return Usage(objects: usage.objects, bytes: usage.bytes)
    }
}
