internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// How requests travel: to one node, and after a while to another one.
extension Clients {
    /// Sends a request for the first time.
    mutating func submit(
        _ content: Content,
        for purpose: Purpose,
        as identity: (session: UInt64, slot: UInt32, sequence: UInt64)? = nil,
        _ client: Int,
        _ slot: Int,
        in world: World
    ) {
        requests += 1
        all[client].slots[slot].request = Request(
            number: requests,
            content: content,
            purpose: purpose,
            identity: identity
        )
        all[client].slots[slot].attempts = 0
        world.history?.begins(
            requests,
            content,
            process(client, slot),
            of: tenantName(of: content),
            world
        )
        send(client, slot, in: world)
    }

    /// A command under the client's next sequence on this slot; of its own tenant, if no other is
    /// named.
    mutating func submit(
        _ command: Command,
        of tenant: TenantID? = nil,
        for purpose: Purpose,
        _ client: Int,
        _ slot: Int,
        in world: World
    ) {
        let identity = (
            session: all[client].session, slot: UInt32(slot),
            sequence: all[client].slots[slot].sequence
        )
        all[client].slots[slot].sequence += 1
        submit(
            content(command, of: tenant, as: identity, client),
            for: purpose,
            as: identity,
            client,
            slot,
            in: world
        )
    }

    /// A command of a client under an identity.
    func content(
        _ command: Command,
        of other: TenantID? = nil,
        as identity: (session: UInt64, slot: UInt32, sequence: UInt64)?,
        _ client: Int
    ) -> Content {
        let tenant = other ?? all[client].tenant.map { tenants[$0] } ?? .none
        let envelope = CommandEnvelope(
            principal: all[client].principal,
            tenant: tenant,
            identity: identity.map {
                .slot(session: $0.session, slot: $0.slot, sequence: $0.sequence)
            } ?? .none,
            command: command
        )
        return .command(envelope.encode(), tenant)
    }

    /// Sends a slot's request to the client's node of the moment.
    mutating func send(_ client: Int, _ slot: Int, in world: World) {
        guard let request = all[client].slots[slot].request else { return }
        let attempt = Attempt(
            client: client,
            slot: slot,
            request: request.number,
            content: request.content,
            purpose: request.purpose,
            node: all[client].node
        )
        all[client].slots[slot].attempt = attempts.count
        all[client].slots[slot].attempts += 1
        world.plan(
            .patienceEnds(attempt: attempts.count),
            after: world.chance.draw(scenario.patience)
        )
        send(attempt, in: world)
    }

    /// Lets an attempt travel.
    mutating func send(_ attempt: Attempt, in world: World) {
        let number = attempts.count
        attempts.append(attempt)
        guard !world.chance.perMille(world.network.quality.lossPerMille) else { return }
        world.plan(.request(attempt: number), after: world.network.delay(&world.chance))
    }

    /// Nobody answered in time, or the time to try again has come.
    mutating func patienceEnds(_ number: Int, in world: World) {
        let attempt = attempts[number]
        let slot = all[attempt.client].slots[attempt.slot]
        guard let request = slot.request, slot.attempt == number else { return }
        if case .command = request.content { world.reach.mark(.unknownOutcome) }
        if case .faults = world.phase, request.purpose == .work, slot.attempts > 1,
            let identity = request.identity, world.chance.perMille(scenario.abandonPerMille)
        {
            world.tell("client \(attempt.client) gives up \(identity)")
            abandoned.append(identity)
            all[attempt.client].slots[attempt.slot].request = nil
            all[attempt.client].slots[attempt.slot].isRetired = true
            world.plan(
                .nextRequest(client: attempt.client, slot: attempt.slot),
                after: world.chance.draw(scenario.thinkTime)
            )
            return
        }
        if world.chance.oneIn(2) {
            all[attempt.client].node = world.chance.below(scenario.places)
        }
        send(attempt.client, attempt.slot, in: world)
    }
}
