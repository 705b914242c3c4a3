internal import CadastreProtocol

extension Applier {
    /// Registers an object, or replaces the whole of it.
    func apply(
        _ command: PutObject,
        for tenant: TenantID
    ) throws(StateMachineError) -> Reply {
        guard let owner = rows.tenant(tenant) else { return .refused(.notPermitted) }
        guard owner.status == .active else { return .refused(.tenantSuspended) }
        guard let bucket = try bucket(named: command.bucket, of: tenant) else {
            return .refused(.noSuchBucket)
        }
        if let refusal = brokenLimit(of: .putObject(command)) { return .refused(refusal) }
        let old = try rows.object(in: bucket.id, key: command.key)
        if let refusal = command.precondition?.refusal(for: old) { return .refused(refusal) }

        let held = try usage(of: tenant)
        let change = UsageChange(from: old?.size, to: command.size)
        guard let grown = try change.applied(to: held, within: owner.quota) else {
            return .refused(.quotaExceeded)
        }
        let sequence = nextSequence()
        let row = ObjectRow(
            bucket: bucket.id,
            key: command.key,
            sequence: sequence,
            size: command.size,
            etag: command.etag,
            modified: command.modifiedMilliseconds ?? rows.system.clusterTime,
            bodyHash: 0
        )
        try rows.put(row, body: ObjectBody(command), replacing: old)
        try rows.put(grown, replacing: held)
        try count(change, in: bucket.id)
        return .done(sequence: sequence)
    }

    /// Counts the change of one object in its bucket's usage.
    func count(_ change: UsageChange, in bucket: BucketID) throws(StateMachineError) {
        let usage = try usage(of: bucket)
        var changed = usage
        changed.objects = try change.objects(from: usage.objects)
        changed.bytes = try change.bytes(from: usage.bytes)
        try rows.put(changed, replacing: usage)
    }
}

extension Precondition {
    /// Why an object as it is now does not fulfil this; nil if it does.
    func refusal(for object: ObjectRow?) -> Refusal? {
        switch self {
        case .ifAbsent: object == nil ? nil : .preconditionFailed
        case .ifPresent: object == nil ? .noSuchObject : nil
        case .ifMatch(let tags):
            if let object {
                tags.contains(object.etag) ? nil : .preconditionFailed
            } else {
                .noSuchObject
            }
        }
    }
}

/// What replacing, adding or removing one object does to counters.
struct UsageChange {
    /// Bytes of the object before; nil if there was none.
    private let before: UInt64?
    /// Bytes of the object after; nil if it is removed.
    private let after: UInt64?

    /// From one size to another; nil is no object.
    init(from before: UInt64?, to after: UInt64?) {
        self.before = before
        self.after = after
    }

    /// The number of objects after the change.
    func objects(from count: UInt64) throws(StateMachineError) -> UInt64 {
        let rest = before == nil ? count : try count.less(1, "objects")
        return after == nil ? rest : rest + 1
    }

    /// The bytes after the change.
    ///
    /// A counter is at most 2^62 (``applied(to:within:)``) and so is a size: their sum fits, unless
    /// the counter was wrong before.
    func bytes(from count: UInt64) throws(StateMachineError) -> UInt64 {
        let rest = try count.less(before ?? 0, "bytes")
        let (sum, overflows) = rest.addingReportingOverflow(after ?? 0)
        guard !overflows else { throw .damaged("a counter of bytes is too large") }
        return sum
    }

    /// The tenant's usage after the change; nil if it grows beyond the quota.
    ///
    /// What shrinks or stays passes even above it. The hard bound of 2^62 bytes, which no quota
    /// lifts, keeps every sum in range.
    func applied(
        to usage: TenantUsageRow,
        within quota: Quota
    ) throws(StateMachineError) -> TenantUsageRow? {
        var changed = usage
        changed.objects = try objects(from: usage.objects)
        changed.bytes = try bytes(from: usage.bytes)
        let bytesBound = min(quota.bytes ?? .max, ProtocolLimits.maximumQuantity)
        if changed.bytes > usage.bytes, changed.bytes > bytesBound { return nil }
        if changed.objects > usage.objects, changed.objects > quota.objects ?? .max { return nil }
        return changed
    }
}
