internal import CadastreProtocol
internal import RaftCore

/// What each command does, from the table of rules in the metadata model.
extension Model {
    /// Executes a command for the first time.
    mutating func execute(_ envelope: CommandEnvelope, at index: LogIndex) -> Reply {
        guard isPermitted(envelope) else { return .refused(.notPermitted) }
        let tenant = envelope.tenant
        switch envelope.command {
        case .createTenant(let command): return create(command, at: index)
        case .updateTenant(let command):
            return change(command.name, at: index) { tenant in
                guard tenant.quota != command.quota else { return false }
                tenant.quota = command.quota
                return true
            }
        case .setTenantStatus(let command):
            return change(command.name, at: index) { tenant in
                guard tenant.status != command.status else { return false }
                tenant.status = command.status
                return true
            }
        case .deleteTenant(let command): return delete(command, at: index)
        case .grantService(let command): return grant(command, at: index)
        case .revokeService(let command): return revoke(command, at: index)
        case .createBucket(let command): return create(command, of: tenant, at: index)
        case .deleteBucket(let command): return delete(command, of: tenant, at: index)
        case .putObject(let command): return put(command, of: tenant, at: index)
        case .deleteObject(let command): return delete(command, of: tenant, at: index)
        case .batch(let command): return perform(command, of: tenant, at: index)
        case .openSession, .expireSession, .tick: return .refused(.malformed)
        }
    }

    private func isPermitted(_ envelope: CommandEnvelope) -> Bool {
        switch envelope.command {
        case .createTenant, .updateTenant, .setTenantStatus, .deleteTenant, .grantService,
            .revokeService:
            if case .operator = envelope.principal { true } else { false }
        case .createBucket, .deleteBucket, .putObject, .deleteObject, .batch:
            mayAct(envelope.principal, for: tenant(envelope.tenant))
        case .openSession, .expireSession, .tick: true
        }
    }

    /// Whether the principal may use what a tenant holds.
    func mayAct(_ principal: Principal, for tenant: Tenant?) -> Bool {
        guard let tenant else { return false }
        return switch principal {
        case .node, .operator: false
        case .service(let name): tenant.grants.contains(name)
        case .tenant(let own, _): tenant.name == own
        }
    }

    // MARK: Tenants

    private mutating func create(_ command: CreateTenant, at index: LogIndex) -> Reply {
        guard tenantNames[command.name] == nil else { return .refused(.tenantExists) }
        lastTenant += 1
        let id = TenantID(lastTenant)
        tenantNames[command.name] = id
        let tenant = Tenant(
            name: command.name,
            status: .active,
            quota: command.quota,
            created: clusterTime
        )
        tenants[id, default: Timeline()].set(tenant, at: index)
        return .done(number: id.value, sequence: nextSequence())
    }

    private mutating func change(
        _ name: [UInt8],
        at index: LogIndex,
        _ change: (inout Tenant) -> Bool
    ) -> Reply {
        guard let id = tenantNames[name], var tenant = tenant(id) else {
            return .refused(.noSuchTenant)
        }
        guard change(&tenant) else { return .done(number: id.value) }
        tenants[id]?.set(tenant, at: index)
        return .done(number: id.value, sequence: nextSequence())
    }

    private mutating func delete(_ command: DeleteTenant, at index: LogIndex) -> Reply {
        guard let id = tenantNames[command.name], let tenant = tenant(id) else {
            return .refused(.noSuchTenant)
        }
        guard tenant.usage.buckets == 0 else { return .refused(.tenantNotEmpty) }
        tenantNames[command.name] = nil
        tenants[id]?.set(nil, at: index)
        return .done(number: 1, sequence: nextSequence())
    }

    private mutating func grant(_ command: GrantService, at index: LogIndex) -> Reply {
        guard let id = tenantNames[command.tenant], var tenant = tenant(id) else {
            return .refused(.noSuchTenant)
        }
        guard !tenant.grants.contains(command.service) else { return .done() }
        tenant.grants.append(command.service)
        tenants[id]?.set(tenant, at: index)
        return .done(sequence: nextSequence())
    }

    private mutating func revoke(_ command: RevokeService, at index: LogIndex) -> Reply {
        guard let id = tenantNames[command.tenant], var tenant = tenant(id) else {
            return .refused(.noSuchTenant)
        }
        guard tenant.grants.contains(command.service) else { return .done() }
        tenant.grants.removeAll { $0 == command.service }
        tenants[id]?.set(tenant, at: index)
        return .done(number: 1, sequence: nextSequence())
    }

    // MARK: Buckets

    private mutating func create(
        _ command: CreateBucket,
        of id: TenantID,
        at index: LogIndex
    ) -> Reply {
        guard var tenant = tenant(id) else { return .refused(.notPermitted) }
        guard tenant.status == .active else { return .refused(.tenantSuspended) }
        if let existing = buckets[command.name]?.newest {
            return .refused(existing.tenant == id ? .bucketOwnedByYou : .bucketExists)
        }
        guard tenant.usage.buckets < tenant.quota.buckets ?? .max else {
            return .refused(.tooManyBuckets)
        }
        lastBucket += 1
        let bucket = Bucket(id: BucketID(lastBucket), tenant: id, created: clusterTime)
        buckets[command.name, default: Timeline()].set(bucket, at: index)
        tenant.usage.buckets += 1
        tenants[id]?.set(tenant, at: index)
        return .done(number: bucket.id.value, sequence: nextSequence())
    }

    private mutating func delete(
        _ command: DeleteBucket,
        of id: TenantID,
        at index: LogIndex
    ) -> Reply {
        guard let bucket = bucket(command.name, of: id), var tenant = tenant(id) else {
            return .refused(.noSuchBucket)
        }
        guard bucket.usage.objects == 0 else { return .refused(.bucketNotEmpty) }
        buckets[command.name]?.set(nil, at: index)
        tenant.usage.buckets -= 1
        tenants[id]?.set(tenant, at: index)
        return .done(number: 1, sequence: nextSequence())
    }

    // MARK: Objects

    private mutating func put(
        _ command: PutObject,
        of id: TenantID,
        at index: LogIndex
    ) -> Reply {
        guard var tenant = tenant(id) else { return .refused(.notPermitted) }
        guard tenant.status == .active else { return .refused(.tenantSuspended) }
        guard var bucket = bucket(command.bucket, of: id) else { return .refused(.noSuchBucket) }
        let place = ObjectPlace(bucket: bucket.id, key: command.key)
        let old = objects[place]?.newest
        if let refusal = refusal(command.precondition, for: old) { return .refused(refusal) }
        let objectsThen = tenant.usage.objects + (old == nil ? 1 : 0)
        let bytesThen = tenant.usage.bytes - (old?.size ?? 0) + command.size
        // Only what grows is bounded: a tenant above its quota may still shrink.
        let isTooLarge =
            bytesThen > tenant.usage.bytes && bytesThen > tenant.quota.bytes ?? .max
        let areTooMany =
            objectsThen > tenant.usage.objects && objectsThen > tenant.quota.objects ?? .max
        guard !isTooLarge, !areTooMany else { return .refused(.quotaExceeded) }
        let sequence = nextSequence()
        let record = ObjectRecord(
            key: command.key,
            sequence: sequence,
            size: command.size,
            etag: command.etag,
            modifiedMilliseconds: command.modifiedMilliseconds ?? clusterTime,
            contentType: command.contentType,
            checksum: command.checksum,
            metadata: command.metadata,
            tags: command.tags,
            locations: command.locations
        )
        objects[place, default: Timeline()].set(record, at: index)
        if !bucket.keys.contains(command.key) {
            let end = bucket.keys.firstIndex { command.key.lexicographicallyPrecedes($0) }
            bucket.keys.insert(command.key, at: end ?? bucket.keys.count)
        }
        bucket.usage.objects += old == nil ? 1 : 0
        bucket.usage.bytes = bucket.usage.bytes - (old?.size ?? 0) + command.size
        tenant.usage.objects = objectsThen
        tenant.usage.bytes = bytesThen
        buckets[command.bucket]?.set(bucket, at: index)
        tenants[id]?.set(tenant, at: index)
        return .done(sequence: sequence)
    }

    private mutating func delete(
        _ command: DeleteObject,
        of id: TenantID,
        at index: LogIndex
    ) -> Reply {
        guard var bucket = bucket(command.bucket, of: id), var tenant = tenant(id) else {
            return .refused(.noSuchBucket)
        }
        let place = ObjectPlace(bucket: bucket.id, key: command.key)
        let old = objects[place]?.newest
        if let refusal = refusal(command.precondition, for: old) { return .refused(refusal) }
        guard let old else { return .done() }
        objects[place]?.set(nil, at: index)
        bucket.usage.objects -= 1
        bucket.usage.bytes -= old.size
        tenant.usage.objects -= 1
        tenant.usage.bytes -= old.size
        buckets[command.bucket]?.set(bucket, at: index)
        tenants[id]?.set(tenant, at: index)
        return .done(number: 1, sequence: nextSequence())
    }

    /// Tries the batch on a copy with all room in the world, and keeps that if nothing was refused and
    /// the tenant has the room after all.
    private mutating func perform(
        _ command: Batch,
        of id: TenantID,
        at index: LogIndex
    ) -> Reply {
        guard let before = tenant(id) else { return .refused(.notPermitted) }
        var attempt = self
        var roomy = before
        roomy.quota = Quota()
        attempt.tenants[id]?.set(roomy, at: index)
        var (removed, last): (UInt64, UInt64) = (0, 0)
        for (place, operation) in command.operations.enumerated() {
            let reply =
                switch operation {
                case .put(let put): attempt.put(put, of: id, at: index)
                case .delete(let delete): attempt.delete(delete, of: id, at: index)
                }
            if let refusal = reply.refusal { return .refused(refusal, operation: place + 1) }
            removed += reply.number
            last = max(last, reply.sequence)
        }
        guard var after = attempt.tenant(id) else { return .refused(.notPermitted) }
        let (held, holds) = (before.usage, after.usage)
        let quota = before.quota
        let isTooLarge = holds.bytes > held.bytes && holds.bytes > quota.bytes ?? .max
        let areTooMany = holds.objects > held.objects && holds.objects > quota.objects ?? .max
        guard !isTooLarge, !areTooMany else { return .refused(.quotaExceeded) }
        after.quota = quota
        attempt.tenants[id]?.set(after, at: index)
        self = attempt
        return .done(number: removed, sequence: last)
    }

    private func refusal(_ condition: Precondition?, for old: ObjectRecord?) -> Refusal? {
        switch condition {
        case nil: return nil
        case .ifAbsent: return old == nil ? nil : .preconditionFailed
        case .ifPresent: return old == nil ? .noSuchObject : nil
        case .ifMatch(let tags):
            guard let old else { return .noSuchObject }
            return tags.contains(old.etag) ? nil : .preconditionFailed
        }
    }
}
