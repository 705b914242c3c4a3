internal import CadastreProtocol

extension Applier {
    /// Registers an empty bucket under a name that nobody in the cluster has.
    func apply(
        _ command: CreateBucket,
        for tenant: TenantID
    ) throws(StateMachineError) -> Reply {
        guard let owner = rows.tenant(tenant) else { return .refused(.notPermitted) }
        guard owner.status == .active else { return .refused(.tenantSuspended) }
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        if let existing = try rows.bucket(named: command.name) {
            return .refused(existing.tenant == tenant ? .bucketOwnedByYou : .bucketExists)
        }
        let usage = try usage(of: tenant)
        let maximum = min(owner.quota.buckets ?? .max, StateLimits.maximumBucketsPerTenant)
        guard usage.buckets < maximum else { return .refused(.tooManyBuckets) }
        rows.system.lastBucket += 1
        let bucket = BucketRow(
            id: BucketID(rows.system.lastBucket),
            name: command.name,
            tenant: tenant,
            created: rows.system.clusterTime,
            epoch: 1
        )
        try rows.insert(bucket)
        try rows.put(BucketUsageRow(bucket: bucket.id), replacing: nil)
        var grown = usage
        grown.buckets += 1
        try rows.put(grown, replacing: usage)
        return .done(number: bucket.id.value, sequence: nextSequence())
    }
}
