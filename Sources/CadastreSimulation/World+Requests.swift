internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Requests arrive at nodes, and answers leave them.
extension World {
    /// A request gets to its node, if the process is there.
    func arrive(attempt number: Int) throws(Violation) {
        let attempt = clients.attempts[number]
        let node = nodes[attempt.node]
        tell(
            "attempt \(number), \(attempt), comes to node \(node.id)"
                + (node.isUp ? "" : ", which is down")
        )
        guard node.isUp else { return }
        let life = AttemptLedger.Life(place: node.place, number: node.life)
        let moment = node.moment(at: now)
        let deadline = moment.monotonic + chance.draw(50 * Span.millisecond...5 * Span.second)
        let key = RequestKey(connection: UInt64(attempt.client), request: UInt64(number))
        switch attempt.content {
        case .command(let bytes, let tenant):
            try ledger.arrives(UInt64(number), .command(bytes), at: life)
            availability.asks(node.place, at: now)
            var command = WaitingCommand(
                key: key,
                tenant: tenant,
                bytes: bytes,
                deadline: deadline
            )
            command.envelope = try? CommandEnvelope(decoding: bytes)
            command.operations = command.envelope?.command.operations ?? 1
            give(.commands(doubled(command)), to: node.place)
        case .query(let query, let tenant):
            let age = chance.oneIn(4) ? chance.draw(0...300 * Span.millisecond) : nil
            // What the node's clock calls that age; rounded, so that nothing is asked too much.
            let oldest = age.map { now - min(now, $0 / node.clockRate * 1_000 + Span.millisecond) }
            // All that is committed, whether anybody was told or not: what a read index promises is
            // more than clients can tell, and a leader that is none any more seldom tells.
            try ledger.arrives(
                UInt64(number),
                .query,
                at: life,
                seeing: oldest.map { ledger.floor(at: $0) } ?? max(ledger.floor, committed.last)
            )
            history?.isAsked(attempt.request, ofAge: now - (oldest ?? now))
            let waiting = WaitingQuery(
                key: key,
                principal: clients.all[attempt.client].principal,
                tenant: tenant,
                query: query,
                deadline: deadline,
                maximumAge: age
            )
            if plants(.readWithoutIndex, once: false) {
                node.applyInbox.append(.query(waiting, index: .zero))
                wake(node, .apply)
            } else {
                give(.queries([waiting]), to: node.place)
            }
        }
        queue.add(
            .overdue(attempt: number, life),
            at: node.trueTime(of: deadline) + 2 * scenario.electionTimeout
        )
    }

    /// A request that is in no block must have been answered by now: its deadline is long past, and
    /// nothing else decides about it.
    func overdue(_ attempt: Int, _ life: AttemptLedger.Life) throws(Violation) {
        let node = nodes[life.place]
        guard !scenario.isBeyond, node.life == life.number,
            ledger.isOverdue(UInt64(attempt), at: life)
        else { return }
        // A node that stood still, or whose disk did, gets its time afterwards.
        let patience = 2 * scenario.electionTimeout
        let due = max(node.pausedUntil, node.slowUntil + Span.second) + patience
        guard now >= due else {
            queue.add(.overdue(attempt: attempt, life), at: due)
            return
        }
        guard node.disk.capacity == nil else {
            plan(.overdue(attempt: attempt, life), after: patience)
            return
        }
        throw Violation(
            .liveness,
            "node \(node.id) has not answered attempt \(attempt), \(clients.attempts[attempt]), "
                + "which is in no block and whose deadline is long past"
        )
    }

    // MARK: Egress

    /// The egress of replies: everything that a client is told is checked here, whether it arrives
    /// or not.
    func send(_ original: OutgoingReply, from node: SimulatedNode) throws(Violation) {
        guard let reply = falsified(original.withEncodedPage) else { return }
        guard reply.key.connection != Operator.connection else {
            guard !chance.perMille(network.quality.lossPerMille) else { return }
            plan(.reply(reply), after: network.delay(&chance))
            return
        }
        do throws(Violation) {
            try check(reply, from: node)
        } catch {
            if reply.key.connection != .max {
                // The client would have seen it.
                let attempt = clients.attempts[Int(clamping: reply.key.request)]
                history?.ends(attempt.request, reply, at: now)
            }
            throw error
        }
        if case .answer = reply.content, plants(.secondAnswer) { try check(reply, from: node) }
        guard reply.key.connection != .max else {
            plan(.reply(reply), after: 0)
            return
        }
        // A connection that breaks takes replies with it.
        guard !chance.perMille(network.quality.lossPerMille) else { return }
        plan(.reply(reply), after: network.delay(&chance))
    }

    private func check(_ reply: OutgoingReply, from node: SimulatedNode) throws(Violation) {
        let isOfState =
            switch reply.content {
            case .command, .answer, .page, .digest: true
            case .refused(let refusal, _): !refusal.isPassing
            case .transferred, .memberPlan, .policyPlan, .forbidden, .unknown: false
            }
        if isOfState {
            let copies = committed.copies(of: reply.appliedIndex, on: monitor.logs)
            // Where voters change, it is judged when an entry is committed.
            let isKept =
                scenario.members == nil
                ? committed.isQuorum(copies) : reply.appliedIndex <= committed.last
            guard isKept else {
                throw Violation(
                    .persistBeforeSend,
                    "node \(node.id) answers a client at index \(reply.appliedIndex), which is "
                        + "durable on \(copies) disks"
                )
            }
            // A digest is of the index that it was asked for, however far the node is by then.
            if case .digest = reply.content {
                reach.mark(.digestAnswered)
            } else {
                try progress.answers(node.place, at: reply.appliedIndex)
            }
        }
        guard reply.key.connection != .max else { return }
        let number = Int(clamping: reply.key.request)
        let place = try ledger.answers(
            reply,
            from: AttemptLedger.Life(place: node.place, number: node.life),
            at: now
        ) { committed.record(at: min($0, committed.last))?.position }
        tell("node \(node.id) answers attempt \(number) at \(reply.appliedIndex): \(reply.words)")
        if let place, case .command(let said) = reply.content {
            try check(said, at: place, number)
        } else if isOfState {
            try clients.checkTaint(reply, to: clients.attempts[number])
            try check(reply, clients.attempts[number])
        } else if case .refused(let refusal, _) = reply.content {
            mark(refusal, number)
        } else if case .unknown = reply.content {
            reach.mark(.calledUnknown)
        }
    }

    /// A reply to a command is what the model says at its place in the log.
    private func check(_ said: Reply, at place: Model.Place, _ number: Int) throws(Violation) {
        switch model.expected(at: place) {
        case .reply(let expected)?:
            guard said == expected else {
                throw Violation(
                    .acknowledgedWrites,
                    "attempt \(number), applied at \(place), is answered \(said); the log says "
                        + "\(expected)"
                )
            }
            markReply(said)
            if case .command(let bytes, _) = clients.attempts[number].content {
                markBatch(bytes, said)
            }
        case .session(let sequence)?:
            guard said == .done(number: said.number, sequence: sequence) else {
                throw Violation(
                    .acknowledgedWrites,
                    "attempt \(number), which opened a session at \(place), is answered \(said)"
                )
            }
            try model.learn(said.number, openedAt: place)
        case nil:
            throw Violation(
                .acknowledgedWrites,
                "attempt \(number) is answered as applied at \(place), where nothing is"
            )
        }
    }

    /// An answer to a query is what the model says at its index.
    private func check(_ reply: OutgoingReply, _ attempt: Clients.Attempt) throws(Violation) {
        guard case .query(let query, let tenant) = attempt.content else {
            throw Violation(.unexpectedStop, "\(attempt) is answered \(reply.words)")
        }
        let expected = model.answer(
            query,
            of: tenant,
            for: clients.all[attempt.client].principal,
            at: reply.appliedIndex
        )
        let said: Result<Answer, Refusal>
        switch reply.content {
        case .answer(let bytes):
            do throws(ProtocolError) {
                said = .success(try Answer(decoding: bytes))
            } catch {
                throw Violation(.unexpectedStop, "an answer cannot be read: \(error)")
            }
            reach.mark(.readAnswered)
            if nodes[attempt.node].role != .leader { reach.mark(.readAnsweredByFollower) }
        case .refused(let refusal, _): said = .failure(refusal)
        case .command, .page, .digest, .transferred, .memberPlan, .policyPlan, .forbidden, .unknown:
            return
        }
        guard said == expected else {
            throw Violation(
                .linearizability,
                "\(query) at \(reply.appliedIndex) is answered \(said), the log says \(expected)"
            )
        }
    }

    /// A reply gets to who waits for it.
    func replied(_ reply: OutgoingReply) throws(Violation) {
        mix(reply.key.request)
        mix(reply.appliedIndex.value)
        guard reply.key.connection != Operator.connection else {
            try operatorHears(reply)
            return
        }
        guard reply.key.connection == .max else {
            try clients.replied(reply, in: self)
            return
        }
        guard case .digest(let report) = reply.content else { return }
        if !looksAway {
            try agreement.recomputed(
                NodeID(reply.key.request + 1),
                at: report.index,
                kept: report.kept,
                computed: report.computed
            )
        }
        for byte in report.kept { mix(UInt64(byte)) }
        digestsAwaited -= 1
    }

    // MARK: Marks

    private func mark(_ refusal: Refusal, _ number: Int) {
        for (marked, path) in Self.refusalMarks where marked == refusal { reach.mark(path) }
        if ledger.isProposed(UInt64(number)) { reach.mark(.supersededAndRefused) }
    }

    private func markBatch(_ envelope: [UInt8], _ reply: Reply) {
        guard envelope[5] == CommandTag.batch.rawValue else { return }
        reach.mark(reply.refusal == nil ? .batchMade : .batchRefused)
    }

    private func markReply(_ reply: Reply) {
        for (marked, path) in Self.refusalMarks where marked == reply.refusal { reach.mark(path) }
    }

    private static let refusalMarks: [(Refusal, Reach.Mark)] = [
        (.notLeader, .refusedNotLeader), (.overloaded, .refusedOverloaded),
        (.diskFull, .refusedDiskFull), (.deadlinePassed, .refusedDeadlinePassed),
        (.preconditionFailed, .conditionFailed), (.quotaExceeded, .quotaExceeded),
        (.tenantSuspended, .tenantSuspended), (.notPermitted, .notPermitted),
        (.requestReused, .requestReused), (.sequenceOutOfOrder, .sequenceOutOfOrder),
        (.noSuchSession, .sessionExpired), (.noSuchBucket, .bucketGone),
        (.bucketNotEmpty, .bucketNotEmpty), (.tenantNotEmpty, .tenantNotEmpty),
        (.bucketExists, .bucketOfAnotherTenant), (.tooManyBuckets, .tooManyBuckets),
        (.slotOutOfRange, .slotOutOfRange),
    ]
}

extension OutgoingReply {
    /// With a page as its frame has it.
    fileprivate var withEncodedPage: OutgoingReply {
        guard case .page(let page) = content else { return self }
        var reply = self
        reply.content = .answer(Answer.objects(page).encode())
        return reply
    }

    /// What it says, on a line.
    var words: String {
        switch content {
        case .command(let reply):
            reply.refusal.map { "refused by the state: \($0)" }
                ?? "done, number \(reply.number), place \(reply.sequence)"
        case .answer(let bytes): "an answer of \(bytes.count) bytes"
        case .page(let page): "a page of \(page.items.count)"
        case .digest: "its digest"
        case .transferred(let node): "node \(node) leads"
        case .memberPlan: "a plan of members"
        case .policyPlan: "a plan of the policy"
        case .forbidden(let refusal, let detail): "forbidden: \(refusal), \(detail)"
        case .refused(let refusal, let leader): "refused: \(refusal), leader \(leader)"
        case .unknown: "unknown"
        }
    }
}
