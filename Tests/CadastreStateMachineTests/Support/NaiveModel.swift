import CadastreProtocol
import CadastreStateMachine

/// The rules of the metadata model, written down a second time as simply as they can be: whole
/// values in dictionaries, counters by counting.
///
/// Predicts each reply but for ids of sessions.
struct NaiveModel {
    struct Tenant {
        var id: UInt64
        var quota: Quota
        var status = TenantStatus.active
        var services: Set<[UInt8]> = []
    }
    struct Bucket {
        var tenant: UInt64
        var objects: [[UInt8]: PutObject] = [:]
    }
    struct Slot {
        var sequence: UInt64
        var envelope: CommandEnvelope
        var reply: Reply
    }
    struct Session {
        var principal: Principal
        var slots: UInt32
        var seen: UInt64
        var used: [UInt32: Slot] = [:]
    }

    var tenants: [[UInt8]: Tenant] = [:]
    var buckets: [[UInt8]: Bucket] = [:]
    var sessions: [UInt64: Session] = [:]
    var time: UInt64 = 0
    var lastTenant: UInt64 = 0
    var lastBucket: UInt64 = 0
    var voters: Set<UInt64> = []

    /// What is expected: a refusal, or done with this number.
    struct Expected: Equatable {
        var refusal: Refusal?
        var number: UInt64 = 0
        var changes = false
    }

    /// Judges a command; `actual` is used only where the model cannot know: ids and sequences.
    mutating func apply(_ envelope: CommandEnvelope, actual: Reply) -> Expected {
        switch envelope.identity {
        case .token: return Expected(refusal: .notSupported)
        case .none:
            switch envelope.command {
            case .openSession, .expireSession, .tick: break
            default: return Expected(refusal: .malformed)
            }
            return stale(envelope) ?? execute(envelope, actual: actual)
        case .slot(let id, let slot, let sequence):
            guard var session = sessions[id], session.principal == envelope.principal else {
                return Expected(refusal: .noSuchSession)
            }
            guard slot < session.slots else { return Expected(refusal: .slotOutOfRange) }
            if time - session.seen >= 60_000 { session.seen = time }
            sessions[id] = session
            if let used = session.used[slot], used.sequence == sequence {
                guard used.envelope.command == envelope.command,
                    used.envelope.tenant == envelope.tenant
                else { return Expected(refusal: .requestReused) }
                return Expected(
                    refusal: used.reply.refusal,
                    number: used.reply.number,
                    changes: used.reply.sequence != 0
                )
            }
            guard sequence == (session.used[slot]?.sequence ?? 0) + 1 else {
                return Expected(refusal: .sequenceOutOfOrder)
            }
            if let stale = stale(envelope) { return stale }
            let expected = execute(envelope, actual: actual)
            // What may pass is judged anew at a retry.
            let passing: [Refusal?] = [.noSuchSession, .tooManySessions, .clockRefused]
            guard !passing.contains(expected.refusal) else { return expected }
            sessions[id]?.used[slot] = Slot(sequence: sequence, envelope: envelope, reply: actual)
            return expected
        }
    }

    private func stale(_ envelope: CommandEnvelope) -> Expected? {
        if envelope.rangeEpoch > 1 { return Expected(refusal: .staleRangeEpoch) }
        guard envelope.bucketEpoch > 1, isPermitted(envelope) else { return nil }
        let names: [[UInt8]]
        switch envelope.command {
        case .putObject(let put): names = [put.bucket]
        case .deleteObject(let delete): names = [delete.bucket]
        case .deleteBucket(let delete): names = [delete.name]
        case .batch(let batch): names = batch.operations.map(\.object.bucket)
        default: return nil
        }
        // Epochs never leave 1 as long as buckets have no configuration.
        return names.contains { buckets[$0]?.tenant == envelope.tenant.value }
            ? Expected(refusal: .staleBucketEpoch) : nil
    }

    private func isPermitted(_ envelope: CommandEnvelope) -> Bool {
        switch (envelope.command, envelope.principal) {
        case (.tick, .node): true
        case (.tick, _), (_, .node): false
        case (.openSession, _), (.expireSession, _): true
        case (.createBucket, .operator), (.deleteBucket, .operator), (.putObject, .operator),
            (.deleteObject, .operator), (.batch, .operator):
            false
        case (_, .operator): true
        case (.createBucket, .service(let name)), (.deleteBucket, .service(let name)),
            (.putObject, .service(let name)), (.deleteObject, .service(let name)),
            (.batch, .service(let name)):
            tenants.values.contains {
                $0.id == envelope.tenant.value && $0.services.contains(name)
            }
        case (.createBucket, .tenant(let own, _)), (.deleteBucket, .tenant(let own, _)),
            (.putObject, .tenant(let own, _)), (.deleteObject, .tenant(let own, _)),
            (.batch, .tenant(let own, _)):
            tenants[own]?.id == envelope.tenant.value
        case (_, .service), (_, .tenant): false
        }
    }

    private mutating func execute(_ envelope: CommandEnvelope, actual: Reply) -> Expected {
        guard isPermitted(envelope) else { return Expected(refusal: .notPermitted) }
        let owner = envelope.tenant.value
        switch envelope.command {
        case .createTenant(let command):
            guard command.name != bytes("No") else { return Expected(refusal: .invalidName) }
            guard tenants[command.name] == nil else { return Expected(refusal: .tenantExists) }
            lastTenant += 1
            tenants[command.name] = Tenant(id: lastTenant, quota: command.quota)
            return Expected(number: lastTenant, changes: true)
        case .updateTenant(let command):
            guard let tenant = tenants[command.name] else {
                return Expected(refusal: .noSuchTenant)
            }
            tenants[command.name]?.quota = command.quota
            return Expected(number: tenant.id, changes: tenant.quota != command.quota)
        case .setTenantStatus(let command):
            guard let tenant = tenants[command.name] else {
                return Expected(refusal: .noSuchTenant)
            }
            tenants[command.name]?.status = command.status
            return Expected(number: tenant.id, changes: tenant.status != command.status)
        case .deleteTenant(let command):
            guard let tenant = tenants[command.name] else {
                return Expected(refusal: .noSuchTenant)
            }
            if buckets.values.contains(where: { $0.tenant == tenant.id }) {
                return Expected(refusal: .tenantNotEmpty)
            }
            tenants[command.name] = nil
            return Expected(number: 1, changes: true)
        case .grantService(let command):
            guard tenants[command.tenant] != nil else { return Expected(refusal: .noSuchTenant) }
            let isNew = tenants[command.tenant]?.services.insert(command.service).inserted == true
            return Expected(changes: isNew)
        case .revokeService(let command):
            guard tenants[command.tenant] != nil else { return Expected(refusal: .noSuchTenant) }
            let was = tenants[command.tenant]?.services.remove(command.service) != nil
            return Expected(number: was ? 1 : 0, changes: was)
        case .createBucket(let command): return create(command.name, owner)
        case .deleteBucket(let command):
            guard let bucket = buckets[command.name], bucket.tenant == owner else {
                return Expected(refusal: .noSuchBucket)
            }
            guard bucket.objects.isEmpty else { return Expected(refusal: .bucketNotEmpty) }
            buckets[command.name] = nil
            return Expected(number: 1, changes: true)
        case .putObject(let command): return put(command, owner)
        case .deleteObject(let command): return delete(command, owner)
        case .batch(let command): return perform(command, owner)
        case .openSession(let command):
            sessions[actual.number] = Session(
                principal: envelope.principal,
                slots: command.slots,
                seen: time
            )
            return Expected(number: actual.number, changes: true)
        case .expireSession(let command):
            guard sessions[command.session]?.principal == envelope.principal else {
                return Expected(refusal: .noSuchSession)
            }
            sessions[command.session] = nil
            return Expected(number: 1, changes: true)
        case .tick(let command): return tick(command)
        }
    }

    private mutating func create(_ name: [UInt8], _ owner: UInt64) -> Expected {
        guard let tenant = tenants.values.first(where: { $0.id == owner }) else {
            return Expected(refusal: .notPermitted)
        }
        if tenant.status == .suspended { return Expected(refusal: .tenantSuspended) }
        if name.count < 3 { return Expected(refusal: .invalidName) }
        if let bucket = buckets[name] {
            return Expected(refusal: bucket.tenant == owner ? .bucketOwnedByYou : .bucketExists)
        }
        let count = buckets.values.count { $0.tenant == owner }
        if let quota = tenant.quota.buckets, UInt64(count) >= quota {
            return Expected(refusal: .tooManyBuckets)
        }
        lastBucket += 1
        buckets[name] = Bucket(tenant: owner)
        return Expected(number: lastBucket, changes: true)
    }

    private mutating func put(_ command: PutObject, _ owner: UInt64) -> Expected {
        guard let tenant = tenants.values.first(where: { $0.id == owner }) else {
            return Expected(refusal: .notPermitted)
        }
        if tenant.status == .suspended { return Expected(refusal: .tenantSuspended) }
        guard let bucket = buckets[command.bucket], bucket.tenant == owner else {
            return Expected(refusal: .noSuchBucket)
        }
        if command.key.isEmpty { return Expected(refusal: .invalidKey) }
        if command.size > 1 << 62 { return Expected(refusal: .invalidValue) }
        let old = bucket.objects[command.key]
        if let refusal = judge(command.precondition, old) { return Expected(refusal: refusal) }
        let all = buckets.values.filter { $0.tenant == owner }.flatMap(\.objects.values)
        let used = all.reduce(0) { $0 + $1.size }
        let bytesAfter = used - (old?.size ?? 0) + command.size
        let bound = min(tenant.quota.bytes ?? .max, 1 << 62)
        if bytesAfter > used, bytesAfter > bound { return Expected(refusal: .quotaExceeded) }
        if old == nil, let quota = tenant.quota.objects, UInt64(all.count) + 1 > quota {
            return Expected(refusal: .quotaExceeded)
        }
        var stored = command
        stored.modifiedMilliseconds = command.modifiedMilliseconds ?? time
        buckets[command.bucket]?.objects[command.key] = stored
        return Expected(changes: true)
    }

    private mutating func delete(_ command: DeleteObject, _ owner: UInt64) -> Expected {
        guard let bucket = buckets[command.bucket], bucket.tenant == owner else {
            return Expected(refusal: .noSuchBucket)
        }
        let old = bucket.objects[command.key]
        if let refusal = judge(command.precondition, old) { return Expected(refusal: refusal) }
        buckets[command.bucket]?.objects[command.key] = nil
        return Expected(number: old == nil ? 0 : 1, changes: old != nil)
    }

    /// Tried on a copy without a quota, which is then held against the whole.
    private mutating func perform(_ batch: Batch, _ owner: UInt64) -> Expected {
        guard let (name, tenant) = tenants.first(where: { $0.value.id == owner }) else {
            return Expected(refusal: .notPermitted)
        }
        for operation in batch.operations {
            if operation.object.bucket.count < 3 { return Expected(refusal: .invalidName) }
            if operation.object.key.isEmpty { return Expected(refusal: .invalidKey) }
            if case .put(let put) = operation, put.size > 1 << 62 {
                return Expected(refusal: .invalidValue)
            }
        }
        var attempt = self
        attempt.tenants[name]?.quota = Quota()
        var result = Expected()
        for (place, operation) in batch.operations.enumerated() {
            let part =
                switch operation {
                case .put(let put): attempt.put(put, owner)
                case .delete(let delete): attempt.delete(delete, owner)
                }
            if let refusal = part.refusal {
                return Expected(refusal: refusal, number: UInt64(place + 1))
            }
            result.number += part.number
            result.changes = result.changes || part.changes
        }
        let (before, after) = (held(by: owner), attempt.held(by: owner))
        if after.bytes > before.bytes, after.bytes > tenant.quota.bytes ?? .max {
            return Expected(refusal: .quotaExceeded)
        }
        if after.objects > before.objects, after.objects > tenant.quota.objects ?? .max {
            return Expected(refusal: .quotaExceeded)
        }
        buckets = attempt.buckets
        return result
    }

    private func held(by owner: UInt64) -> (objects: UInt64, bytes: UInt64) {
        let all = buckets.values.filter { $0.tenant == owner }.flatMap(\.objects.values)
        return (UInt64(all.count), all.reduce(0) { $0 + $1.size })
    }

    private func judge(_ precondition: Precondition?, _ old: PutObject?) -> Refusal? {
        switch precondition {
        case nil: return nil
        case .ifAbsent: return old == nil ? nil : .preconditionFailed
        case .ifPresent: return old == nil ? .noSuchObject : nil
        case .ifMatch(let tags):
            guard let old else { return .noSuchObject }
            return tags.contains(old.etag) ? nil : .preconditionFailed
        }
    }

    private mutating func tick(_ command: Tick) -> Expected {
        let nodes = command.samples.map(\.node)
        guard !nodes.isEmpty, nodes == Set(nodes).sorted() else {
            return Expected(refusal: .clockRefused)
        }
        if !voters.isEmpty {
            guard voters.isSuperset(of: nodes), nodes.count > voters.count / 2 else {
                return Expected(refusal: .clockRefused)
            }
        }
        let sorted = command.samples.map(\.wallMilliseconds).sorted()
        let median = sorted[(sorted.count - 1) / 2]
        guard median <= 1 << 42 else { return Expected(refusal: .clockRefused) }
        let new = time == 0 ? median : min(median, time + 10_000)
        guard new > time else { return Expected() }
        if time == 0 { for id in sessions.keys { sessions[id]?.seen = new } }
        time = new
        let silence: UInt64 = 24 * 3_600_000 + 60_000
        let silent = sessions.filter { $0.value.seen + silence < time }
            .sorted { ($0.value.seen, $0.key) < ($1.value.seen, $1.key) }
        for session in silent.prefix(16) { sessions[session.key] = nil }
        return Expected(changes: true)
    }
}
