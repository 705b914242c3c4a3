internal import CadastreProtocol
internal import RaftCore

/// What clients want: a set-up step by step, then puts, deletes, gets and lists on few keys, then
/// one list of everything.
extension Clients {
    // MARK: Set-up

    /// Begins with the first step.
    mutating func begin(_ world: World) { nextStep(in: world) }

    /// Does the next step of the set-up.
    mutating func nextStep(in world: World) {
        guard let step = steps.last else { return }
        switch step {
        case .openSession(let client): submit(.openSession, client, 0, in: world)
        case .createTenant(let tenant):
            let command = CreateTenant(name: Self.tenantName(tenant), quota: Quota())
            write(.createTenant(command), .other, 0, 0, step: step, in: world)
        case .grant(let tenant):
            let command = GrantService(
                tenant: Self.tenantName(tenant),
                service: Array("service".utf8)
            )
            write(.grantService(command), .other, 0, 0, step: step, in: world)
        case .createBucket(let tenant, let bucket):
            let command = CreateBucket(name: Self.bucketName(tenant, bucket))
            write(.createBucket(command), .other, 1 + tenant, 0, step: step, in: world)
        }
    }

    // MARK: Requests

    /// All slots begin.
    mutating func beginWorkload(_ world: World) {
        for client in 1..<all.count {
            for slot in all[client].slots.indices {
                world.plan(
                    .nextRequest(client: client, slot: slot),
                    after: world.chance.draw(scenario.thinkTime)
                )
            }
        }
    }

    /// A slot wants something new.
    mutating func next(_ client: Int, _ slot: Int, in world: World) {
        guard case .faults = world.phase, all[client].slots[slot].request == nil,
            !all[client].slots[slot].isRetired, let tenant = all[client].tenant
        else { return }
        let bucket = Self.bucketName(tenant, world.chance.below(scenario.buckets))
        let object = ClientHistory.Key(
            tenant: tenants[tenant],
            bucket: bucket,
            key: Array("key-\(world.chance.below(scenario.keys))".utf8)
        )
        switch world.chance.below(20) {
        case 0..<9: put(object, nil, client, slot, in: world)
        case 9..<12: put(object, .ifAbsent, client, slot, in: world)
        case 12..<15:
            let command = DeleteObject(bucket: bucket, key: object.key)
            write(.deleteObject(command), .delete(object), client, slot, step: nil, in: world)
        case 15..<19: submit(.get(object), client, slot, in: world)
        default: submit(.list(tenants[tenant], bucket), client, slot, in: world)
        }
    }

    private mutating func put(
        _ object: ClientHistory.Key,
        _ precondition: Precondition?,
        _ client: Int,
        _ slot: Int,
        in world: World
    ) {
        values += 1
        let value = Array("v\(values)".utf8)
        let command = PutObject(
            bucket: object.bucket,
            key: object.key,
            size: UInt64(values),
            etag: value,
            locations: Array(repeating: 0x61, count: world.chance.below(300)),
            precondition: precondition
        )
        let action =
            precondition == nil
            ? ClientHistory.Action.put(object, value) : .putIfAbsent(object, value)
        write(.putObject(command), action, client, slot, step: nil, in: world)
    }

    // MARK: The end

    /// Everything is listed once more, by clients of each tenant.
    mutating func beginComparison(_ world: World) {
        for write in abandoned {
            world.reach.mark(
                world.history.isApplied(write) ? .abandonedAndApplied : .abandonedAndAbsent
            )
        }
        for client in 1..<all.count {
            for slot in all[client].slots.indices { all[client].slots[slot].request = nil }
        }
        for tenant in 0..<scenario.tenants {
            for bucket in 0..<scenario.buckets { comparisons.append((tenant, bucket)) }
        }
        nextComparison(in: world)
    }

    /// Lists the next bucket, by the first client of its tenant.
    mutating func nextComparison(in world: World) {
        guard let (tenant, bucket) = comparisons.popLast() else { return }
        let request = Request.list(tenants[tenant], Self.bucketName(tenant, bucket))
        submit(request, 1 + tenant, 0, in: world)
    }
}
