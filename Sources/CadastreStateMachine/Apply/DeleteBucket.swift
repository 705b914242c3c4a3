internal import CadastreProtocol

extension Applier {
    /// Removes an empty bucket; its name is free at once, its number is never given again.
    func apply(
        _ command: DeleteBucket,
        for tenant: TenantID
    ) throws(StateMachineError) -> Reply {
        guard let bucket = try bucket(named: command.name.span, of: tenant) else {
            return .refused(.noSuchBucket)
        }
        let held = try usage(of: bucket.id)
        guard held.objects == 0 else { return .refused(.bucketNotEmpty) }
        try rows.delete(held)
        try rows.delete(bucket)
        let usage = try usage(of: tenant)
        var shrunk = usage
        shrunk.buckets = try usage.buckets.less(1, "buckets of tenant \(tenant.value)")
        try rows.put(shrunk, replacing: usage)
        return .done(number: 1, sequence: nextSequence())
    }

    /// The tenant's bucket of this name; that of another tenant does not exist for it.
    func bucket(
        named name: Span<UInt8>,
        of tenant: TenantID
    ) throws(StateMachineError) -> BucketRow? {
        guard let bucket = try rows.bucket(named: name), bucket.tenant == tenant else {
            return nil
        }
        return bucket
    }

    /// The usage of a bucket that exists.
    func usage(of bucket: BucketID) throws(StateMachineError) -> BucketUsageRow {
        guard let usage = try rows.usage(of: bucket) else {
            throw .damaged("the usage of bucket \(bucket.value) is missing")
        }
        return usage
    }
}

extension UInt64 {
    /// This number less another; a counter that would fall below zero was wrong before.
    func less(
        _ other: UInt64,
        _ what: @autoclosure () -> String
    ) throws(StateMachineError) -> UInt64 {
        let (result, overflows) = subtractingReportingOverflow(other)
        guard !overflows else { throw .damaged("the counter of \(what()) is too small") }
        return result
    }
}
