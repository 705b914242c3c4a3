internal import CadastreProtocol

extension Applier {
    /// Makes several changes of objects, or none of them.
    ///
    /// All are judged before any is made, each by what those before it will leave, so that nothing
    /// has to be taken back.
    func apply(_ command: Batch, for tenant: TenantID) throws(StateMachineError) -> Reply {
        guard let owner = rows.tenant(tenant) else { return .refused(.notPermitted) }
        if let refusal = brokenLimit(of: command) { return .refused(refusal) }
        var judge = BatchJudge(command.operations, owner, usage: try usage(of: tenant))
        for place in command.operations.indices {
            if let refusal = try judge.refusal(ofOperation: place, on: self) {
                return .refused(refusal, operation: place + 1)
            }
        }
        guard judge.isWithinQuota else { return .refused(.quotaExceeded) }
        var removed: UInt64 = 0
        var last: UInt64 = 0
        let operations = command.operations.span
        for (place, effect) in judge.effects.enumerated() {
            // Of an object that changes twice the first change has made another row.
            let old = effect.isFirst ? effect.old : try rows.object(at: effect.place)
            switch operations[place] {
            case .put(let put):
                last = nextSequence()
                try write(put, at: effect.place, replacing: old, sequence: last)
            case .delete:
                guard let old else { continue }
                try rows.delete(old, at: effect.place)
                last = nextSequence()
                removed += 1
            }
        }
        if last != 0 { try judge.writeUsage(to: rows) }
        return .done(number: removed, sequence: last)
    }
}

/// What a batch comes to, operation by operation, before anything of it is written.
private struct BatchJudge {
    /// What an operation will find, and what it leaves.
    struct Effect {
        var place: HashedPlace
        /// The row as it is before the batch; nil where there is none, or the operation is not the
        /// first that changes it.
        var old: ObjectRow?
        /// No operation before this one changes the same object.
        var isFirst: Bool
        /// The object afterwards; nil: there is none.
        fileprivate var left: Left?
    }

    /// Of an object what later operations are judged by.
    fileprivate struct Left {
        var size: UInt64
        /// By which operation; nil: the object is as it was before the batch.
        var operation: Int?
    }

    private struct BucketUse {
        var name: [UInt8]
        var id: BucketID
        var before: BucketUsageRow
        var now: BucketUsageRow
    }

    private let operations: [Batch.Operation]
    private let owner: TenantRow
    private let usageBefore: TenantUsageRow
    private var usage: TenantUsageRow
    /// The last effect on each object, by the hash of its place.
    private var newest = PlaceIndex()
    /// In the order in which they were named; a name is looked up once.
    private var buckets: [BucketUse] = []
    private var bucketPlaces: [[UInt8]: Int] = [:]
    /// Of the operations that were judged, in their order.
    private(set) var effects: [Effect] = []

    /// A batch of this tenant, which holds so much.
    init(_ operations: [Batch.Operation], _ owner: TenantRow, usage: TenantUsageRow) {
        self.operations = operations
        effects.reserveCapacity(operations.count)
        self.owner = owner
        usageBefore = usage
        self.usage = usage
    }

    /// Whether what all operations come to is within the tenant's quota, or does not grow.
    var isWithinQuota: Bool { usage.isAllowed(after: usageBefore, within: owner.quota) }

    /// Why the next operation cannot be made; nil if it can, and then it counts as made.
    ///
    /// The order of evaluation is that of the command by itself (``Applier``), but that limits were held
    /// against all of them before.
    mutating func refusal(
        ofOperation number: Int,
        on applier: Applier<some Rows>
    ) throws(StateMachineError) -> Refusal? {
        var size: UInt64?
        let known: Int?
        let key: [UInt8]
        switch operations[number] {
        case .put(let put):
            guard owner.status == .active else { return .tenantSuspended }
            size = put.size
            let name = put.memory.span.extracting(put.range(of: .bucket))
            known = try self.place(ofBucket: name, on: applier)
            key = put.key
        case .delete(let delete):
            known = try self.place(ofBucket: delete.bucket.span, on: applier)
            key = delete.key
        }
        guard let bucket = known else { return .noSuchBucket }
        let place = HashedPlace(buckets[bucket].id, key)
        let earlier = newest.slot(under: place.hash) {
            effects[Int($0)].place.key == key
                && effects[Int($0)].place.bucket == place.bucket
        }
        let old = earlier == nil ? try applier.rows.object(at: place) : nil
        let found =
            earlier.map { effects[Int(newest[$0])].left }
            ?? old.map { Left(size: $0.size, operation: nil) }
        if let precondition = operations[number].precondition {
            let etag = found.flatMap { $0.operation.flatMap(putEtag) ?? old?.etag }
            if let refusal = precondition.refusal(forEntityTag: etag) { return refusal }
        }
        let change = UsageChange(from: found?.size, to: size)
        guard try count(change, inBucket: bucket) else { return .quotaExceeded }
        let left = size.map { Left(size: $0, operation: number) }
        if let earlier { newest.remove(earlier) }
        newest.add(UInt32(effects.count), under: place.hash)
        effects.append(Effect(place: place, old: old, isFirst: earlier == nil, left: left))
        return nil
    }

    private func putEtag(ofOperation number: Int) -> [UInt8]? {
        if case .put(let put) = operations[number] { put.etag } else { nil }
    }

    /// Writes what the tenant and its buckets hold afterwards.
    func writeUsage(to rows: some Rows) throws(StateMachineError) {
        try rows.put(usage, replacing: usageBefore)
        for bucket in buckets { try rows.put(bucket.now, replacing: bucket.before) }
    }

    private mutating func place(
        ofBucket name: Span<UInt8>,
        on applier: Applier<some Rows>
    ) throws(StateMachineError) -> Int? {
        // Most batches are about one.
        if let last = buckets.last, ByteOrder.areEqual(last.name.span, name) {
            return buckets.count - 1
        }
        if let place = bucketPlaces[name.copy(0..<name.count)] { return place }
        guard let bucket = try applier.bucket(named: name, of: owner.id) else { return nil }
        let usage = try applier.usage(of: bucket.id)
        buckets.append(BucketUse(name: bucket.name, id: bucket.id, before: usage, now: usage))
        bucketPlaces[bucket.name] = buckets.count - 1
        return buckets.count - 1
    }

    /// Counts a change; false where the sum would pass the hard bound of 2^62 bytes, which is held at
    /// every step, since beyond it sums could overflow.
    private mutating func count(
        _ change: UsageChange,
        inBucket bucket: Int
    ) throws(StateMachineError) -> Bool {
        let bytes = try change.bytes(from: usage.bytes)
        guard bytes <= usage.bytes || bytes <= ProtocolLimits.maximumQuantity else { return false }
        usage.objects = try change.objects(from: usage.objects)
        usage.bytes = bytes
        buckets[bucket].now.objects = try change.objects(from: buckets[bucket].now.objects)
        buckets[bucket].now.bytes = try change.bytes(from: buckets[bucket].now.bytes)
        return true
    }
}
