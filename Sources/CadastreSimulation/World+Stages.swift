internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// The scheduler: turns of stages, one at a time, with what goes between them taking its time.
extension World {
    /// Plans a turn of a stage that has something to do.
    func wake(_ node: SimulatedNode, _ stage: Stage) {
        guard node.isUp, !node.isBusy[stage.rawValue] else { return }
        node.isBusy[stage.rawValue] = true
        let delay = chance.draw(scenario.handOver)
        plan(.turn(node.place, stage, life: node.life), after: delay)
    }

    /// Puts something into a node's consensus inbox, if its process lives.
    func give(_ event: ConsensusEvent, to place: Int) {
        let node = nodes[place]
        guard node.isUp else { return }
        node.consensusInbox.append(event)
        wake(node, .consensus)
    }

    func tick(_ place: Int, _ life: Int) throws(Violation) {
        let node = nodes[place]
        guard node.life == life else { return }
        let period =
            UInt64(scenario.settings.tickMilliseconds) * Span.millisecond * 1_000 / node.clockRate
        // A process that stands still misses its ticks.
        let next = max(now + period, node.pausedUntil)
        queue.add(.tick(place, life: life), at: next)
        guard now >= node.pausedUntil else { return }
        give(.tick, to: place)
        if chance.oneIn(2) { try idle(node) }
    }

    func turn(_ place: Int, _ stage: Stage, _ life: Int) throws(Violation) {
        let node = nodes[place]
        guard node.life == life else { return }
        guard now >= node.pausedUntil else {
            queue.add(.turn(place, stage, life: life), at: node.pausedUntil)
            return
        }
        switch stage {
        case .consensus: try consensusTurn(node)
        case .journal: try journalTurn(node)
        case .apply: try applyTurn(node)
        }
    }

    // MARK: Consensus

    private func consensusTurn(_ node: SimulatedNode) throws(Violation) {
        node.isBusy[Stage.consensus.rawValue] = false
        var events = node.consensusInbox
        node.consensusInbox = []
        var output = ConsensusOutput()
        node.consensus?.turn(&events, at: node.moment(at: now), into: &output)
        if let alarm = output.alarm {
            throw Violation(.unexpectedStop, "node \(node.id) sounds an alarm: \(alarm)")
        }
        if let fault = output.peerFaults.first {
            throw Violation(
                .unexpectedStop,
                "node \(node.id) complains about node \(fault.peer): \(fault.reason)"
            )
        }
        for event in output.journal { try handOver(event, of: node) }
        try observe(node)
        if !output.journal.isEmpty {
            node.journalInbox.append(contentsOf: output.journal)
            wake(node, .journal)
        }
        if !output.apply.isEmpty {
            node.applyInbox.append(contentsOf: output.apply)
            wake(node, .apply)
        }
        for frame in output.frames { try send(frame, from: node) }
        for reply in output.replies { try send(reply, from: node) }
    }

    /// What goes to the journal is what Raft's log is.
    private func handOver(_ event: JournalEvent, of node: SimulatedNode) throws(Violation) {
        switch event {
        case .read(_, _, .send): reach.mark(.peerCaughtUpFromJournal)
        case .read(_, _, .apply): reach.mark(.appliedFromJournal)
        case .write(_, let writes):
            for write in writes {
                switch write {
                case .hardState: break
                case .truncate(_, let index):
                    tell("node \(node.id) truncates from \(index)")
                    reach.mark(.truncatedConflictingTail)
                    guard index > node.commitIndex else {
                        throw Violation(
                            .stateMachineSafety,
                            "node \(node.id) truncates from \(index), committed is "
                                + "\(node.commitIndex)"
                        )
                    }
                    node.log.truncate(from: index)
                    node.truncatedFrom = min(node.truncatedFrom ?? index, index)
                case .entry(let entry):
                    let record = LogView.Record(position: entry.position, hash: entry.hash)
                    try matching.appended(record, to: node.log, of: node.id)
                    node.log.append(record)
                    node.written.insert(record)
                    entries[entry.position] = entry
                }
            }
        }
    }

    /// Looks at a node after a turn.
    private func observe(_ node: SimulatedNode) throws(Violation) {
        guard let status = node.consensus?.status else { return }
        if status.role != node.role || status.term != node.term {
            tell("node \(node.id) is \(status.role) in term \(status.term)")
            mix(status.term.value << 8 | UInt64(status.role.rawValue))
            node.role = status.role
            node.term = status.term
        }
        if status.role == .leader, try leaders.leads(node.id, status.term) {
            // The no-op may be in the log already: it is of this term and contradicts nothing.
            try committed.leads(node.id, status.term, log: node.log)
            if leaders.terms > 1 { reach.mark(.reElection) }
        }
        if status.commitIndex > node.commitIndex {
            let news = try committed.commits(
                node.id,
                after: node.commitIndex,
                through: status.commitIndex,
                term: status.term,
                log: node.log,
                disks: monitor.logs
            )
            node.commitIndex = status.commitIndex
            for record in news { try remember(record) }
        }
        if let apply = node.apply {
            try progress.reads(
                node.place,
                MonotonicProgress.Reading(
                    term: status.term,
                    commit: status.commitIndex,
                    applied: apply.digest.position.index,
                    clusterTime: node.clusterTime
                )
            )
        }
    }

    /// Plays a newly committed entry on the model.
    private func remember(_ record: LogView.Record) throws(Violation) {
        mix(record.hash.words.0)
        guard let entry = entries[record.position] else { return }
        var commands: [CommandEnvelope] = []
        do {
            for item in try entry.items() {
                commands.append(try CommandEnvelope(decoding: Array(item)))
            }
        } catch {
            throw Violation(.unexpectedStop, "entry \(record.position) is committed: \(error)")
        }
        if commands.count > 2 { reach.mark(.blockOfSeveralCommands) }
        let duplicates = try history.committed(commands, at: record.position.index)
        for _ in 0..<duplicates { reach.mark(.duplicateInLog) }
    }

    // MARK: Journal

    private func journalTurn(_ node: SimulatedNode) throws(Violation) {
        guard let journal = node.journal else { return }
        var events = node.journalInbox
        node.journalInbox = []
        let asked = events
        var results: [JournalResult] = []
        node.watched.forget()
        do throws(StorageError) {
            try journal.turn(&events, into: &results)
        } catch {
            try diskStopped(node, "\(error)")
            return
        }
        try synced(node, asked, unwritten: events, results)
        // Writes that found no room come first in the next turn.
        node.journalInbox.insert(contentsOf: events, at: 0)
        let isSlow = now < node.slowUntil
        let time =
            isSlow
            ? chance.draw(50 * Span.millisecond...800 * Span.millisecond)
            : chance.draw(scenario.syncTime)
        plan(.journalFinished(node.place, results, life: node.life), after: time)
    }

    /// What the journal took in a turn, it must have synced, and only that may it report.
    private func synced(
        _ node: SimulatedNode,
        _ asked: [JournalEvent],
        unwritten: [JournalEvent],
        _ results: [JournalResult]
    ) throws(Violation) {
        let all = Self.writes(of: asked)
        let taken = all.dropLast(Self.writes(of: unwritten).count)
        for (_, write) in taken { try requireSynced(write, node) }
        monitor.synced(node.place, taken.map(\.write))
        for case .persisted(let number) in results {
            guard all.dropFirst(taken.count).allSatisfy({ $0.number > number }) else {
                throw Violation(
                    .persistBeforeSend,
                    "the journal of node \(node.id) reports \(number.value), and hands it back"
                )
            }
        }
        if taken.count == all.count { node.truncatedFrom = nil }
    }

    private static func writes(
        of events: [JournalEvent]
    ) -> [(number: PersistNumber, write: JournalWrite)] {
        var all: [(number: PersistNumber, write: JournalWrite)] = []
        for case .write(let number, let writes) in events {
            for write in writes { all.append((number, write)) }
        }
        return all
    }

    private func requireSynced(
        _ write: JournalWrite,
        _ node: SimulatedNode
    ) throws(Violation) {
        let bytes: [UInt8]
        switch write {
        case .truncate: return
        case .entry(let entry): bytes = entry.bytes
        case .hardState(_, let state):
            bytes = (0..<8).map { UInt8(truncatingIfNeeded: state.term.value >> ($0 * 8)) }
        }
        guard node.watched.hasSynced(bytes) else {
            throw Violation(
                .persistBeforeSend,
                "the journal of node \(node.id) takes for durable what it did not sync: \(write)"
            )
        }
    }

    func journalFinished(_ place: Int, _ results: [JournalResult], _ life: Int) {
        let node = nodes[place]
        guard node.life == life else { return }
        node.isBusy[Stage.journal.rawValue] = false
        for result in results {
            switch result {
            case .persisted(let number): node.consensusInbox.append(.persisted(number))
            case .entriesRead(let purpose, let entries):
                node.consensusInbox.append(.entriesRead(purpose, entries))
            case .diskFull(let isFull): node.consensusInbox.append(.diskFull(isFull))
            }
        }
        if !results.isEmpty { wake(node, .consensus) }
        if !node.journalInbox.isEmpty { wake(node, .journal) }
    }

    // MARK: Apply

    private func applyTurn(_ node: SimulatedNode) throws(Violation) {
        guard let apply = node.apply else { return }
        var events = node.applyInbox
        node.applyInbox = []
        var output = ApplyOutput()
        do throws(StateMachineError) {
            try apply.turn(&events, at: node.moment(at: now), into: &output)
        } catch {
            try diskStopped(node, "\(error)")
            return
        }
        try applied(node, apply, output.report)
        for reply in output.replies { try send(reply, from: node) }
        let time = chance.draw(scenario.applyTime)
        plan(.applyFinished(node.place, output.report, life: node.life), after: time)
    }

    private func applied(
        _ node: SimulatedNode,
        _ apply: ApplyStage,
        _ report: AppliedReport?
    ) throws(Violation) {
        let (position, digest) = apply.digest
        if let report {
            if let index = report.reapplyFrom {
                tell("node \(node.id) lost a transaction, applies again from \(index)")
                reach.mark(.stateReapplied)
                progress.lostTransaction(
                    node.place,
                    appliedNow: position.index,
                    clusterTime: report.clusterTime
                )
            }
            node.clusterTime = report.clusterTime
        }
        try agreement.applied(
            node.id,
            position,
            digest: digest,
            committed: committed.record(at: position.index)
        )
    }

    func applyFinished(_ place: Int, _ report: AppliedReport?, _ life: Int) {
        let node = nodes[place]
        guard node.life == life else { return }
        node.isBusy[Stage.apply.rawValue] = false
        if let report {
            node.consensusInbox.append(.applied(report))
            wake(node, .consensus)
        }
        if !node.applyInbox.isEmpty { wake(node, .apply) }
    }

    // MARK: Idle work

    private func idle(_ node: SimulatedNode) throws(Violation) {
        if let journal = node.journal, !node.isBusy[Stage.journal.rawValue] {
            do throws(StorageError) {
                _ = try journal.idle()
            } catch {
                try diskStopped(node, "\(error)")
                return
            }
        }
        guard let apply = node.apply, !node.isBusy[Stage.apply.rawValue], chance.oneIn(3) else {
            return
        }
        let lost: LogIndex?
        do throws(StateMachineError) {
            lost = try apply.idle()
        } catch {
            try diskStopped(node, "\(error)")
            return
        }
        guard let lost else { return }
        var events = node.applyInbox
        node.applyInbox = []
        var output = ApplyOutput()
        do throws(StateMachineError) {
            try apply.turn(&events, at: node.moment(at: now), into: &output)
        } catch {
            try diskStopped(node, "\(error)")
            return
        }
        guard var report = output.report else { return }
        report.reapplyFrom = min(report.reapplyFrom ?? lost, lost)
        try applied(node, apply, report)
        for reply in output.replies { try send(reply, from: node) }
        give(.applied(report), to: node.place)
    }
}
