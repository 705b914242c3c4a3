internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

extension ConsensusStage {
    /// Takes what happened since the last turn, in order, and says what to do about it.
    ///
    /// 1. Each event is stepped through Raft, and its effects are acted upon at once.
    /// 2. Committed entries go to the apply stage.
    /// 3. Waiting commands become blocks, as many as the journal can take.
    /// 4. Waiting queries ask for one read index together, unless they are held back.
    /// 5. The output says whether something is held back, and until when.
    ///
    /// Messages leave in the order in which they were made. Promises wait in `deferred` until the
    /// journal stage has reported their number (``Effects``).
    ///
    /// - Parameters:
    ///   - events: Emptied.
    ///   - moment: Never earlier than in the turn before.
    ///   - output: Gets what the host is to do, in the order in which it was decided.
    package mutating func turn(
        _ events: inout [ConsensusEvent],
        at moment: Moment,
        into output: inout ConsensusOutput
    ) {
        now = moment
        for event in events {
            take(event, into: &output)
            if let alarm = output.alarm {
                // The node stops as if it had crashed before this turn: nothing of it is written,
                // sent or answered any more.
                output.removeAll()
                output.alarm = alarm
                events.removeAll(keepingCapacity: true)
                return
            }
        }
        events.removeAll(keepingCapacity: true)
        deliver(into: &output)
        proposeBlocks(into: &output)
        if !areReadsHeldBack, let request = reads.ask(at: now.monotonic) {
            step(.readIndex(request), into: &output)
        }
        output.isHoldingBack = isHoldingBack
        output.nextTurn = nextTurn
    }

    private mutating func take(_ event: ConsensusEvent, into output: inout ConsensusOutput) {
        switch event {
        case .tick:
            step(.tick, into: &output)
            failLateTransfer(into: &output)
            if isDiskFull || isDiskStalled || takesOffer() { giveUpLeadership(into: &output) }
            refuseExpiredCommands(into: &output)
            // What is known to be committed is answered as soon as it is applied.
            if isLongDeposed { giveUpBlocks(raft.commitIndex.next..., into: &output) }
            delivery.resume(at: now.monotonic)
            for query in reads.takeExpired(at: now.monotonic) {
                refuse(query.key, .deadlinePassed, into: &output)
            }
        case .received(let peer, let group, let bytes):
            received(bytes, from: peer, group: group, into: &output)
        case .commands(let commands):
            admit(commands, into: &output)
        case .queries(let queries):
            admit(queries, into: &output)
        case .persisted(let number):
            syncWatch.persisted(number, at: now.monotonic)
            step(.persisted(number), into: &output)
            keepPromises(through: number, into: &output)
        case .entriesRead(let purpose, let entries):
            entriesRead(purpose, entries, into: &output)
        case .applied(let report):
            applied(report, into: &output)
        case .diskFull(let isFull):
            isJournalFull = isFull
            if isFull { refuseWaiting(.diskFull, into: &output) }
        case .peerConnected(let peer):
            connected(peer, into: &output)
        case .peerDisconnected(let peer, let isRefused):
            connectedPeers.removeAll { $0 == peer }
            if isRefused { step(.peerIsGone(peer), into: &output) }
        case .transferLeadership(let target, let key):
            transferLeadership(to: target, key: key, into: &output)
        case .snapshot(let result):
            snapshot(result, into: &output)
        case .changeMembers(let change, let key, let isDryRun):
            changeMembers(change, key: key, isDryRun: isDryRun, into: &output)
        case .setPolicy(let change, let key, let isDryRun):
            setPolicy(change, key: key, isDryRun: isDryRun, into: &output)
        }
    }

    /// A full or silent disk gives up leadership: another voter's may be well.
    ///
    /// It tries the voters in turn, each as long as a hand-over may take.
    private mutating func giveUpLeadership(into output: inout ConsensusOutput) {
        guard raft.role == .leader, transfer == nil, raft.transferTarget == .none else { return }
        let others = raft.configuration.fullVoters.filter {
            $0 != identity.node && connectedPeers.contains($0)
        }
        guard !others.isEmpty else { return }
        handOverAttempts &+= 1
        transferLeadership(to: others[handOverAttempts % others.count], key: nil, into: &output)
    }

    /// Whether the own disk is nearly full and another voter's may not be.
    private mutating func takesOffer() -> Bool {
        isSpaceLow && raft.role == .leader && transfer == nil && raft.transferTarget == .none
            && lowSpaceOffers.take(at: now.monotonic)
    }

    private mutating func refuseWaiting(_ refusal: Refusal, into output: inout ConsensusOutput) {
        for command in proposals.removeAll() { refuse(command.key, refusal, into: &output) }
    }

    /// One step of Raft and everything that follows from it.
    mutating func step(_ input: Input, into output: inout ConsensusOutput) {
        effects.removeAll()
        let before = raft.configuration.members
        raft.step(input, into: &effects)
        let wanted = effects.wantedEntry
        write(effects.persists, into: &output)
        for message in effects.messages { send(message, into: &output) }
        deferred.append(contentsOf: effects.messagesAfterPersist)
        // A witness has none: who needs one gets it from the full voter that leads next.
        if !identity.isWitness {
            for peer in effects.neededSnapshots where isWithinPolicy(peer) {
                output.snapshots.append(.offer(peer, atLeast: raft.logBase.index))
            }
        }
        if let held = effects.heldByAll { heldByAll = max(heldByAll, held) }
        if let start = effects.installed { installed(start, into: &output) }
        if let committed = effects.committed { delivery.commit(through: committed.upperBound) }
        for grant in effects.grantedReads {
            let queries = reads.granted(grant.id, index: grant.index, at: now.monotonic)
            for query in queries {
                output.apply.append(.query(query, index: grant.index))
            }
        }
        for request in effects.refusedReads {
            // A leader that has too many waiting says so; nobody else would answer either.
            let refusal: Refusal = raft.role == .leader ? .overloaded : .notLeader
            for query in reads.decided(request) { refuse(query.key, refusal, into: &output) }
        }
        if let alarm = effects.alarm { output.alarm = alarm }
        if let implausible = effects.implausibleTerm {
            output.peerFaults.append(
                PeerFault(
                    peer: implausible.from,
                    reason: "term \(implausible.term), this node is in term \(raft.term)"
                )
            )
        }
        if let successor = effects.preferredSuccessor { output.preferredSuccessor = successor }
        if let configuration = effects.configuration {
            output.configuration = configuration
            membersChanged(from: before, to: configuration.members)
        }
        settleChange(into: &output)
        if let change = effects.roleChange { roleChanged(change, into: &output) }
        // Last, since it steps again and `effects` is one value.
        if let wanted { propose(wanted, into: &output) }
    }

    /// Turns Raft's numbered writes into the journal's, with the bytes of the entries.
    private mutating func write(_ persists: [Persist], into output: inout ConsensusOutput) {
        for persist in persists {
            var writes: [JournalWrite] = []
            // First: if a crash keeps only the front of a large write, no entry is of a term that
            // the hard state does not know.
            if let hardState = persist.hardState { writes.append(.hardState(group, hardState)) }
            if let start = persist.start {
                cache.removeAll()
                // The log behind it is gone; what it covers is answered once it is durable.
                blocks.supersede(from: start.position.index.next)
                writes.append(.start(group, start))
            }
            if let index = persist.truncateFrom {
                cache.truncate(from: index)
                blocks.supersede(from: index)
                writes.append(.truncate(group, from: index))
            }
            if let range = persist.entries {
                for index in range {
                    let entry = takeIncoming(at: index)
                    cache.append(entry)
                    writes.append(.entry(entry))
                }
            }
            syncWatch.asked(persist.number, at: now.monotonic)
            output.journal.append(.write(persist.number, writes))
        }
    }

    /// The entry that Raft just took, from the message or the proposal being stepped.
    private mutating func takeIncoming(at index: LogIndex) -> Entry {
        guard let first = incoming.first?.header.index, index >= first,
            first.distance(to: index) < incoming.count
        else {
            preconditionFailure("Raft persists entry \(index), which is not in the present step")
        }
        let place = first.distance(to: index)
        // A witness executes nothing.
        if place < incomingCommands.count, !identity.isWitness {
            decoded.keep(incomingCommands[place], of: incoming[place])
        }
        return incoming[place]
    }

    /// Sends the promises whose write is durable.
    private mutating func keepPromises(
        through number: PersistNumber,
        into output: inout ConsensusOutput
    ) {
        while let first = deferred.first, first.number <= number {
            deferred.removeFirst()
            send(first.message, into: &output)
        }
    }

    /// Hands committed entries to the apply stage, from memory or through the journal.
    private mutating func deliver(into output: inout ConsensusOutput) {
        guard !identity.isWitness else {
            passOver(into: &output)
            return
        }
        var ready: [CommittedEntry] = []
        while delivery.wantsMore, !snapshots.isInstallAwaited {
            guard let entry = cache.entry(at: delivery.next) else {
                let end = min(delivery.committed.next, cache.first ?? delivery.committed.next)
                delivery.startedReading()
                output.journal.append(.read(group, delivery.next..<end, .apply))
                break
            }
            ready.append(handOver(entry, into: &output))
        }
        if !ready.isEmpty { output.apply.append(.entries(ready)) }
        // What is durable can be read back; what is not yet handed over will be wanted soon.
        cache.trim(through: min(delivery.next.previous, raft.persistedIndex))
        cache.trimFar(through: min(delivery.committed, raft.persistedIndex))
    }

    private mutating func handOver(
        _ entry: Entry,
        into output: inout ConsensusOutput
    ) -> CommittedEntry {
        delivery.handedOver(entry)
        snapshots.grew(by: entry.header)
        var refused: [RequestKey] = []
        let keys = blocks.decide(entry.header.position, at: now.monotonic, refused: &refused)
        for key in refused { refuse(key, .notLeader, into: &output) }
        return CommittedEntry(entry: entry, keys: keys, commands: decoded.take(entry))
    }

    private mutating func entriesRead(
        _ purpose: ReadPurpose,
        _ entries: [Entry],
        into output: inout ConsensusOutput
    ) {
        switch purpose {
        case .apply:
            delivery.finishedReading()
            // After a restart of the apply stage the answer may be to an older question.
            guard entries.first?.header.index == delivery.next, !snapshots.isInstallAwaited
            else { return }
            var ready: [CommittedEntry] = []
            for entry in entries where entry.header.index <= delivery.committed {
                ready.append(handOver(entry, into: &output))
            }
            if !ready.isEmpty { output.apply.append(.entries(ready)) }
        case .send(let message):
            sendWithEntries(message, entries, into: &output)
        }
    }

    private mutating func applied(_ report: AppliedReport, into output: inout ConsensusOutput) {
        appliedIndex = report.through
        clusterTime = report.clusterTime
        newestMark = report.marks.last ?? newestMark
        delivery.applied(through: report.through)
        decoded.applied(through: report.through)
        noteAnswered(blocks.applied(through: report.through))
        reads.answered(report.answeredReads)
        // What a snapshot is about to replace is not applied again; what was lost behind it, in the
        // turn that installed it, is.
        if let index = report.reapplyFrom, !snapshots.isReplacing(after: report.through) {
            // Without room the same would be lost again at once: a moment's pause.
            delivery.restart(
                from: index,
                at: report.isDiskFull ? now.monotonic + Self.pauseWithoutRoom : now.monotonic
            )
        }
        isStateFull = report.isDiskFull
        if isStateFull { refuseWaiting(.diskFull, into: &output) }
        isSpaceLow = report.isSpaceLow
        if !isSpaceLow { lowSpaceOffers.reset() }
        tendSnapshots(report, into: &output)
    }

    /// How long a state machine without room is left alone, in nanoseconds.
    private static let pauseWithoutRoom: UInt64 = 200_000_000

    /// Answers a request that went no further.
    func refuse(_ key: RequestKey, _ refusal: Refusal, into output: inout ConsensusOutput) {
        output.replies.append(
            OutgoingReply(
                key: key,
                appliedIndex: .zero,
                content: .refused(refusal, leader: hint)
            )
        )
    }

    /// Says of the blocks at these indices that nobody here knows what becomes of them.
    ///
    /// Whoever waits may ask again anywhere, with the same identity: it happens once at most.
    mutating func giveUpBlocks(
        _ indices: some RangeExpression<LogIndex>,
        into output: inout ConsensusOutput
    ) {
        for key in blocks.forget(indices) { callUnknown(key, into: &output) }
    }

    /// Answers a request of which this node cannot tell whether it happens.
    func callUnknown(_ key: RequestKey, into output: inout ConsensusOutput) {
        output.replies.append(OutgoingReply(key: key, appliedIndex: .zero, content: .unknown))
    }

    private mutating func roleChanged(_ change: RoleChange, into output: inout ConsensusOutput) {
        output.role = change
        followingSince = change.role == .leader ? nil : followingSince ?? now.monotonic
        lastTickProposed = nil
        lastLookAtClocks = nil
        appendQueues.removeAll()
        if change.role != .leader {
            refuseWaiting(.notLeader, into: &output)
        }
        guard let transfer, change.leader != .none, change.leader != identity.node else { return }
        self.transfer = nil
        guard let key = transfer.key else { return }
        output.replies.append(
            OutgoingReply(
                key: key,
                appliedIndex: .zero,
                content: .transferred(to: change.leader)
            )
        )
    }
}
