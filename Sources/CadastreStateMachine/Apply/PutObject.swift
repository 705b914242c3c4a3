internal import CadastreProtocol

extension Applier {
    /// Registers an object, or replaces the whole of it.
    func apply(
        _ command: PutObject,
        for tenant: TenantID
    ) throws(StateMachineError) -> Reply {
        guard let owner = rows.tenant(tenant) else { return .refused(.notPermitted) }
        guard owner.status == .active else { return .refused(.tenantSuspended) }
        let name = command.memory.span.extracting(command.range(of: .bucket))
        guard let bucket = try bucket(named: name, of: tenant) else {
            return .refused(.noSuchBucket)
        }
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        let place = HashedPlace(bucket.id, command.key)
        let old = try rows.object(at: place)
        if let refusal = command.precondition?.refusal(forEntityTag: old?.etag) {
            return .refused(refusal)
        }

        let held = try usage(of: tenant)
        let change = UsageChange(from: old?.size, to: command.size)
        guard let grown = try change.applied(to: held, within: owner.quota) else {
            return .refused(.quotaExceeded)
        }
        let sequence = nextSequence()
        try write(command, at: place, replacing: old, sequence: sequence)
        try rows.put(grown, replacing: held)
        try count(change, in: bucket.id)
        return .done(sequence: sequence)
    }

    /// Writes the object that a put makes.
    func write(
        _ command: PutObject,
        at place: HashedPlace,
        replacing old: ObjectRow?,
        sequence: UInt64
    ) throws(StateMachineError) {
        let row = ObjectRow(
            bucket: BucketID(place.bucket),
            key: place.key,
            sequence: sequence,
            size: command.size,
            etag: command.etag,
            modified: command.modifiedMilliseconds ?? rows.system.clusterTime,
            bodyHash: 0
        )
        try rows.put(row, at: place, body: ObjectBody.encode(command), replacing: old)
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
    /// Why an object with this entity tag, or none, does not fulfil this; nil if it does.
    func refusal(forEntityTag etag: [UInt8]?) -> Refusal? {
        switch self {
        case .ifAbsent: etag == nil ? nil : .preconditionFailed
        case .ifPresent: etag == nil ? .noSuchObject : nil
        case .ifMatch(let tags):
            if let etag {
                tags.contains(etag) ? nil : .preconditionFailed
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
    func applied(
        to usage: TenantUsageRow,
        within quota: Quota
    ) throws(StateMachineError) -> TenantUsageRow? {
        var changed = usage
        changed.objects = try objects(from: usage.objects)
        changed.bytes = try bytes(from: usage.bytes)
        return changed.isAllowed(after: usage, within: quota) ? changed : nil
    }
}

extension TenantUsageRow {
    /// Whether a tenant that held `before` may hold this.
    ///
    /// What shrinks or stays passes even above the quota. The hard bound of 2^62 bytes, which no
    /// quota lifts, keeps every sum in range.
    func isAllowed(after before: TenantUsageRow, within quota: Quota) -> Bool {
        let bytesBound = min(quota.bytes ?? .max, ProtocolLimits.maximumQuantity)
        return (bytes <= before.bytes || bytes <= bytesBound)
            && (objects <= before.objects || objects <= quota.objects ?? .max)
    }
}
