internal import CadastreProtocol
internal import RaftCore

/// What clients want before and after the faults: a set-up step by step, something new from each
/// once all is mended, and then everything compared.
extension Clients {
    // MARK: Set-up

    /// Begins with the first step.
    mutating func begin(_ world: World) { nextStep(in: world) }

    /// Does the next step of the set-up.
    mutating func nextStep(in world: World) {
        guard let step = steps.last else { return }
        let purpose = Purpose.setUp(step)
        switch step {
        case .openSession(let client):
            let command = Command.openSession(
                OpenSession(slots: UInt32(all[client].slots.count))
            )
            submit(content(command, as: nil, client), for: purpose, client, 0, in: world)
        case .createTenant(let tenant):
            let command = CreateTenant(name: Self.tenantName(tenant), quota: Quota())
            submit(.createTenant(command), for: purpose, 0, 0, in: world)
        case .grant(let tenant):
            let command = GrantService(
                tenant: Self.tenantName(tenant),
                service: Array("service".utf8)
            )
            submit(.grantService(command), for: purpose, 0, 0, in: world)
        case .createBucket(let tenant, let bucket):
            let command = CreateBucket(name: Self.bucketName(tenant, bucket))
            submit(.createBucket(command), for: purpose, 1 + tenant, 0, in: world)
        }
    }

    /// All slots begin.
    mutating func beginWorkload(_ world: World) {
        for client in all.indices {
            for slot in all[client].slots.indices { plan(client, slot, in: world) }
        }
    }

    // MARK: Sessions

    /// Closes the session of a client whose slots are all free, and opens another one.
    mutating func renew(_ client: Int, in world: World) {
        guard all[client].slots.allSatisfy({ $0.request == nil }) else { return }
        let command = Command.expireSession(ExpireSession(session: all[client].session))
        submit(content(command, as: nil, client), for: .expiry, client, 0, in: world)
    }

    mutating func openSession(_ client: Int, in world: World) {
        let command = Command.openSession(OpenSession(slots: UInt32(all[client].slots.count)))
        submit(content(command, as: nil, client), for: .opening, client, 0, in: world)
    }

    // MARK: Farewell and comparison

    /// The faults have ended: each client wants one thing more.
    mutating func beginFarewell(_ world: World) {
        for client in 1..<all.count { sayFarewell(client, in: world) }
    }

    /// Puts something new, through a slot that is free.
    mutating func sayFarewell(_ client: Int, in world: World) {
        guard !all[client].hasSaidFarewell, !all[client].isRenewing, let tenant = all[client].tenant
        else { return }
        let isOnTheWay = all[client].slots.contains { $0.request?.purpose == .farewell }
        guard !isOnTheWay else { return }
        guard
            let slot = all[client].slots.firstIndex(where: { $0.request == nil && !$0.isRetired })
        else {
            if all[client].slots.allSatisfy({ $0.isRetired }) {
                all[client].isRenewing = true
                renew(client, in: world)
            }
            return
        }
        let bucket = Self.bucketName(tenant, 0)
        let key = Array("farewell-\(client)".utf8)
        let put = put(key, in: bucket, of: tenant, nil, world)
        submit(put, for: .farewell, client, slot, in: world)
    }

    /// Everything is asked once more, by a client of each tenant.
    mutating func beginComparison(_ world: World) {
        for identity in abandoned {
            let isApplied = world.model.isApplied(
                session: identity.session,
                slot: identity.slot,
                sequence: identity.sequence
            )
            world.reach.mark(isApplied ? .abandonedAndApplied : .abandonedAndAbsent)
        }
        for tenant in 0..<scenario.tenants {
            for bucket in 0...scenario.buckets {
                let name = Self.bucketName(tenant, bucket)
                comparisons.append((1 + tenant, .listObjects(ObjectListing(bucket: name))))
                comparisons.append((1 + tenant, .getBucket(name: name)))
            }
            comparisons.append((1 + tenant, .getUsage(bucket: nil)))
        }
        compareLists()
        nextComparison(in: world)
    }

    /// Asks what comes next.
    mutating func nextComparison(in world: World) {
        guard let (client, query) = comparisons.popLast() else { return }
        let tenant = all[client].tenant.map { tenants[$0] } ?? .none
        submit(.query(query, tenant), for: .comparison, client, 0, in: world)
    }
}
