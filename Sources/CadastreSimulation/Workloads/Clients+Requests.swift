internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// How requests travel, and what becomes of their answers.
extension Clients {
    /// Sends a request for the first time.
    mutating func submit(_ request: Request, _ client: Int, _ slot: Int, in world: World) {
        all[client].slots[slot].request = request
        all[client].slots[slot].attempts = 0
        send(client, slot, in: world)
    }

    /// Sends a slot's request to the client's node of the moment.
    mutating func send(_ client: Int, _ slot: Int, in world: World) {
        guard let request = all[client].slots[slot].request else { return }
        let place = all[client].node
        let number = attempts.count
        attempts.append(
            Attempt(
                client: client,
                slot: slot,
                request: request,
                node: place,
                floor: world.history.floor
            )
        )
        all[client].slots[slot].attempt = number
        all[client].slots[slot].attempts += 1
        if case .write(let write, _, _) = request { world.history.attempts(write) }
        if !world.chance.perMille(world.network.quality.lossPerMille) {
            let event = event(request, client, attempt: number, at: place, in: world)
            world.plan(.request(place, event), after: world.network.delay(&world.chance))
        }
        world.plan(
            .patienceEnds(attempt: number),
            after: world.chance.draw(scenario.patience)
        )
    }

    private func event(
        _ request: Request,
        _ client: Int,
        attempt: Int,
        at place: Int,
        in world: World
    ) -> ConsensusEvent {
        let key = RequestKey(connection: UInt64(client), request: UInt64(attempt))
        let deadline =
            world.nodes[place].moment(at: world.now).monotonic
            + world.chance.draw(50 * Span.millisecond...5 * Span.second)
        let tenant = all[client].tenant.map { tenants[$0] } ?? .none
        switch request {
        case .openSession:
            let envelope = CommandEnvelope(
                principal: all[client].principal,
                tenant: .none,
                identity: .none,
                command: .openSession(OpenSession(slots: UInt32(all[client].slots.count)))
            )
            return .commands([
                WaitingCommand(
                    key: key,
                    tenant: .none,
                    bytes: envelope.encode(),
                    deadline: deadline
                )
            ])
        case .write(_, let bytes, _):
            return .commands([
                WaitingCommand(key: key, tenant: tenant, bytes: bytes, deadline: deadline)
            ])
        case .get(let object):
            return .queries([
                WaitingQuery(
                    key: key,
                    principal: all[client].principal,
                    tenant: object.tenant,
                    query: .getObject(bucket: object.bucket, key: object.key),
                    deadline: deadline
                )
            ])
        case .list(let tenant, let bucket):
            return .queries([
                WaitingQuery(
                    key: key,
                    principal: all[client].principal,
                    tenant: tenant,
                    query: .listObjects(ObjectListing(bucket: bucket)),
                    deadline: deadline
                )
            ])
        }
    }

    /// A command under the client's next sequence on this slot.
    mutating func write(
        _ command: Command,
        _ action: ClientHistory.Action,
        _ client: Int,
        _ slot: Int,
        step: Step?,
        in world: World
    ) {
        let sequence = all[client].slots[slot].sequence
        all[client].slots[slot].sequence += 1
        let session = all[client].session
        let envelope = CommandEnvelope(
            principal: all[client].principal,
            tenant: all[client].tenant.map { tenants[$0] } ?? .none,
            identity: .slot(session: session, slot: UInt32(slot), sequence: sequence),
            command: command
        )
        let identity = ClientHistory.Identity(
            session: session,
            slot: UInt32(slot),
            sequence: sequence
        )
        let write = world.history.begins(action, as: identity)
        submit(.write(write, envelope.encode(), step), client, slot, in: world)
    }

    // MARK: Answers

    /// A node answered an attempt, perhaps an old one.
    mutating func replied(_ reply: OutgoingReply, in world: World) throws(Violation) {
        let number = Int(reply.key.request)
        let attempt = attempts[number]
        switch reply.content {
        case .command(let outcome):
            try applied(outcome, attempt, number, at: reply.appliedIndex, in: world)
        case .answer(let bytes):
            try answered(bytes, attempt, number, at: reply.appliedIndex, in: world)
        case .refused(.noSuchObject, _) where reply.appliedIndex > .zero:
            guard case .get(let key) = attempt.request else { return }
            try world.history.read(key, nil, at: reply.appliedIndex, floor: attempt.floor)
            finish(number, attempt, in: world)
        case .refused(let refusal, let leader):
            try refused(refusal, leader, attempt, number, in: world)
        case .unknown, .digest, .transferred: break
        }
    }

    private mutating func applied(
        _ reply: Reply,
        _ attempt: Attempt,
        _ number: Int,
        at index: LogIndex,
        in world: World
    ) throws(Violation) {
        world.tell("client \(attempt.client) is answered at \(index): \(reply)")
        if reply.refusal != nil { world.reach.mark(.refusedByState) }
        switch attempt.request {
        case .openSession:
            // A second session, by a late reply, is left alone.
            guard all[attempt.client].session == 0 else { break }
            guard reply.refusal == nil, reply.number != 0 else {
                throw Violation(.acknowledgedWrites, "no session is opened: \(reply)")
            }
            all[attempt.client].session = reply.number
        case .write(let write, _, let step):
            if world.history.isAnswered(write) { world.reach.mark(.duplicateAnswered) }
            try world.history.acknowledged(write, reply, at: index)
            if let step, isAwaited(number, attempt) { try done(step, reply) }
        case .get, .list:
            throw Violation(.unexpectedStop, "a query is answered like a command: \(reply)")
        }
        finish(number, attempt, in: world)
    }

    private mutating func done(_ step: Step, _ reply: Reply) throws(Violation) {
        guard reply.refusal == nil else {
            throw Violation(.acknowledgedWrites, "set-up refused: \(step) is answered \(reply)")
        }
        if case .createTenant(let tenant) = step { tenants[tenant] = TenantID(reply.number) }
    }

    private mutating func answered(
        _ bytes: [UInt8],
        _ attempt: Attempt,
        _ number: Int,
        at index: LogIndex,
        in world: World
    ) throws(Violation) {
        let answer: Answer
        do throws(ProtocolError) {
            answer = try Answer(decoding: bytes)
        } catch {
            throw Violation(.unexpectedStop, "an answer cannot be read: \(error)")
        }
        world.reach.mark(.readAnswered)
        switch (answer, attempt.request) {
        case (.object(let record), .get(let key)):
            try world.history.read(key, record.etag, at: index, floor: attempt.floor)
        case (.objects(let page), .list(let tenant, let bucket)):
            var objects: [(key: [UInt8], value: [UInt8])] = []
            for case .object(let key, _, _, let etag, _) in page.items {
                objects.append((key, etag))
            }
            try world.history.listed(
                tenant: tenant,
                bucket: bucket,
                objects,
                at: index,
                floor: attempt.floor
            )
        case (_, _):
            throw Violation(.unexpectedStop, "\(attempt.request) is answered with \(answer)")
        }
        finish(number, attempt, in: world)
    }

    private mutating func refused(
        _ refusal: Refusal,
        _ leader: NodeID,
        _ attempt: Attempt,
        _ number: Int,
        in world: World
    ) throws(Violation) {
        let passing: [Refusal] = [
            .notLeader, .overloaded, .notReady, .deadlinePassed, .diskFull,
        ]
        guard passing.contains(refusal) else {
            throw Violation(.unexpectedStop, "\(attempt.request) is refused: \(refusal)")
        }
        if refusal == .notLeader { world.reach.mark(.refusedNotLeader) }
        if refusal == .diskFull { world.reach.mark(.refusedDiskFull) }
        if refusal == .overloaded { world.reach.mark(.refusedOverloaded) }
        if case .write(let write, _, _) = attempt.request { try world.history.refused(write) }
        guard isCurrent(number, attempt) else { return }
        if leader != .none, leader.value <= UInt64(scenario.nodes) {
            all[attempt.client].node = Int(leader.value) - 1
        } else {
            all[attempt.client].node = world.chance.below(scenario.nodes)
        }
        world.plan(
            .patienceEnds(attempt: number),
            after: world.chance.draw(1 * Span.millisecond...30 * Span.millisecond)
        )
    }

    /// Whether the slot still waits for this very attempt.
    private func isCurrent(_ number: Int, _ attempt: Attempt) -> Bool {
        let slot = all[attempt.client].slots[attempt.slot]
        return slot.request != nil && slot.attempt == number
    }

    /// Whether the slot waits for what this attempt asked, be it an older attempt at it.
    private func isAwaited(_ number: Int, _ attempt: Attempt) -> Bool {
        guard let request = all[attempt.client].slots[attempt.slot].request else { return false }
        return switch (request, attempt.request) {
        case (.openSession, .openSession): true
        case (.write(let left, _, _), .write(let right, _, _)): left == right
        case (.get, .get), (.list, .list): isCurrent(number, attempt)
        case (.openSession, _), (.write, _), (.get, _), (.list, _): false
        }
    }

    /// The attempt was answered: if the slot waits for it, the slot is free.
    private mutating func finish(_ number: Int, _ attempt: Attempt, in world: World) {
        guard isAwaited(number, attempt) else { return }
        all[attempt.client].slots[attempt.slot].request = nil
        switch world.phase {
        case .setUp:
            steps.removeLast()
            nextStep(in: world)
        case .comparing: nextComparison(in: world)
        case .faults, .healing, .digesting, .done:
            world.plan(
                .nextRequest(client: attempt.client, slot: attempt.slot),
                after: world.chance.draw(scenario.thinkTime)
            )
        }
    }

    /// Nobody answered in time, or the time to try again has come.
    mutating func patienceEnds(_ number: Int, in world: World) {
        let attempt = attempts[number]
        guard isCurrent(number, attempt) else { return }
        let slot = all[attempt.client].slots[attempt.slot]
        if case .write = attempt.request { world.reach.mark(.unknownOutcome) }
        if case .write(let write, _, nil) = attempt.request, slot.attempts > 1,
            world.chance.perMille(scenario.abandonPerMille), case .faults = world.phase
        {
            world.tell("client \(attempt.client) gives up write \(write)")
            abandoned.append(write)
            all[attempt.client].slots[attempt.slot].request = nil
            all[attempt.client].slots[attempt.slot].isRetired = true
            return
        }
        if world.chance.oneIn(2) {
            all[attempt.client].node = world.chance.below(scenario.nodes)
        }
        send(attempt.client, attempt.slot, in: world)
    }
}
