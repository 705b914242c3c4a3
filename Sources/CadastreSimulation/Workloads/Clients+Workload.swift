internal import CadastreProtocol
internal import RaftCore

/// What clients want while faults go on: puts, deletes and reads on few keys; now and then a bucket,
/// a quota, a grant or a session comes and goes.
extension Clients {
    /// A slot wants something new.
    mutating func next(_ client: Int, _ slot: Int, in world: World) {
        guard all[client].slots[slot].request == nil else { return }
        if all[client].isRenewing {
            renew(client, in: world)
            return
        }
        guard case .faults = world.phase else {
            if case .healing = world.phase, client > 0 { sayFarewell(client, in: world) }
            return
        }
        if client > 0, all[client].slots.allSatisfy(\.isRetired) || world.chance.oneIn(80) {
            all[client].isRenewing = true
            renew(client, in: world)
            return
        }
        guard !all[client].slots[slot].isRetired else { return }
        guard let tenant = all[client].tenant else {
            if let wish = seldomAdministration() {
                submit(wish, client, slot, in: world)
                return
            }
            submit(administration(world), for: .work, client, slot, in: world)
            return
        }
        let isReader = client == scenario.reader
        if !isReader,
            let wish = strangeRequest(client, tenant, in: world)
                ?? seldomRequest(client, tenant, in: world)
        {
            submit(wish, client, slot, in: world)
            return
        }
        let bucket = Self.bucketName(tenant, world.chance.below(scenario.buckets))
        let key = scenario.keyName(world.chance.below(scenario.keys))
        let id = tenants[tenant]
        switch isReader ? 60 + world.chance.below(40) : world.chance.below(100) {
        case 0..<60:
            let change = change(key, in: bucket, of: tenant, world)
            let command = batched(change, of: tenant, world)
            submit(command, for: .work, client, slot, in: world)
        case 60..<84:
            let query = Query.getObject(bucket: bucket, key: key)
            submit(.query(query, id), for: .work, client, slot, in: world)
        case 84..<92:
            let query = Query.listObjects(
                ObjectListing(
                    bucket: bucket,
                    prefix: world.chance.oneIn(3) ? scenario.keyPrefix : [],
                    after: world.chance.oneIn(3) ? key : [],
                    maximum: world.chance.pick([1, 3, 1_000])
                )
            )
            submit(.query(query, id), for: .work, client, slot, in: world)
        case 92..<96:
            let query = Query.getUsage(bucket: world.chance.oneIn(2) ? bucket : nil)
            submit(.query(query, id), for: .work, client, slot, in: world)
        default:
            let query = Query.getObject(
                bucket: Self.bucketName(tenant, scenario.buckets),
                key: key
            )
            submit(.query(query, id), for: .work, client, slot, in: world)
        }
    }

    private mutating func submit(_ wish: Wish, _ client: Int, _ slot: Int, in world: World) {
        switch wish {
        case .command(let command, let tenant):
            submit(command, of: tenant, for: .work, client, slot, in: world)
        case .query(let query, let tenant):
            submit(.query(query, tenant), for: .work, client, slot, in: world)
        }
    }

    /// A command of a tenant's client.
    private mutating func change(
        _ key: [UInt8],
        in bucket: [UInt8],
        of tenant: Int,
        _ world: World
    ) -> Command {
        let guest = Self.bucketName(tenant, scenario.buckets)
        switch world.chance.below(60) {
        case 0..<24: return put(key, in: bucket, of: tenant, nil, world)
        case 24..<31: return put(key, in: bucket, of: tenant, .ifAbsent, world)
        case 31..<39:
            let holds = condition(key, in: bucket, of: tenant, world)
            return put(key, in: bucket, of: tenant, holds, world)
        case 39..<41: return put(key, in: bucket, of: tenant, .ifPresent, world)
        case 41..<49: return .deleteObject(DeleteObject(bucket: bucket, key: key))
        case 49..<52:
            return .deleteObject(
                DeleteObject(
                    bucket: bucket,
                    key: key,
                    precondition: condition(key, in: bucket, of: tenant, world)
                )
            )
        case 52..<54: return .createBucket(CreateBucket(name: guest))
        case 54..<56: return put(key, in: guest, of: tenant, nil, world)
        case 56..<57: return .deleteObject(DeleteObject(bucket: guest, key: key))
        case 57..<59: return .deleteBucket(DeleteBucket(name: guest))
        default: return .deleteBucket(DeleteBucket(name: bucket))
        }
    }

    /// A put with an entity tag that was never used; all that it says is the tenant's own.
    mutating func put(
        _ key: [UInt8],
        in bucket: [UInt8],
        of tenant: Int,
        _ precondition: Precondition?,
        _ world: World
    ) -> Command {
        values += 1
        var locations = Array(repeating: UInt8(0x61), count: world.chance.below(300))
        if world.chance.oneIn(scenario.oneLargeIn) {
            world.reach.mark(.largeBody)
            // Bytes that do not compress, so that segments fill.
            let words = (0..<2_000).map { _ in world.chance.bits() }
            locations = words.prefix(scenario.largeSize / 8).flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> ($0 * 8)) }
            }
        }
        let marker = taint.markers[tenant]
        var put = PutObject(
            bucket: bucket,
            key: key,
            size: UInt64(values),
            etag: Array("v\(values)".utf8) + marker,
            locations: locations + marker,
            precondition: precondition
        )
        describe(&put, of: tenant)
        return .putObject(put)
    }

    /// A condition that holds as far as anybody knows, or one that does not.
    private func condition(
        _ key: [UInt8],
        in bucket: [UInt8],
        of tenant: Int,
        _ world: World
    ) -> Precondition {
        let object = world.model.object(key, in: bucket, of: tenants[tenant])
        guard let object, !world.chance.oneIn(3) else { return .ifMatch([Array("v0".utf8)]) }
        return .ifMatch([object.etag])
    }

    /// A command of who administers.
    private func administration(_ world: World) -> Command {
        let tenant = Self.tenantName(world.chance.below(scenario.tenants))
        let guest = Array("guest".utf8)
        switch world.chance.below(20) {
        case 0..<2: return .setTenantStatus(SetTenantStatus(name: tenant, status: .suspended))
        case 2..<8: return .setTenantStatus(SetTenantStatus(name: tenant, status: .active))
        case 8..<9: return .updateTenant(UpdateTenant(name: tenant, quota: Quota(objects: 2)))
        case 9..<10: return .updateTenant(UpdateTenant(name: tenant, quota: Quota(bytes: 100)))
        case 10..<13: return .updateTenant(UpdateTenant(name: tenant, quota: Quota()))
        case 13..<14:
            return .revokeService(
                RevokeService(tenant: tenant, service: Array("service".utf8))
            )
        case 14..<16:
            return .grantService(GrantService(tenant: tenant, service: Array("service".utf8)))
        case 16..<17: return .createTenant(CreateTenant(name: guest, quota: Quota(buckets: 1)))
        case 17..<18: return .deleteTenant(DeleteTenant(name: guest))
        case 18..<19: return .deleteTenant(DeleteTenant(name: tenant))
        default: return .updateTenant(UpdateTenant(name: guest, quota: Quota(objects: 5)))
        }
    }
}
