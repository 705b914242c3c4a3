internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// Turns of the consensus stage, and what is checked of their outputs.
extension World {
    func consensusTurn(_ node: SimulatedNode) throws(Violation) {
        node.isBusy[Stage.consensus.rawValue] = false
        var events = node.consensusInbox
        node.consensusInbox = []
        var output = ConsensusOutput()
        let ledTerm = node.role == .leader ? node.term : nil
        let inForce = node.inForce
        node.consensus?.turn(&events, at: node.moment(at: now), into: &output)
        if let alarm = output.alarm {
            throw Violation(.unexpectedStop, "node \(node.id) sounds an alarm: \(alarm)")
        }
        if output.preferredSuccessor != nil { reach.mark(.leaderPreferred) }
        if let fault = output.peerFaults.first {
            throw Violation(
                .unexpectedStop,
                "node \(node.id) complains about node \(fault.peer): \(fault.reason)"
            )
        }
        // Refused in this turn, so not in its blocks.
        for reply in output.replies where reply.key.connection < Operator.connection {
            ledger.withdraws(reply.key.request)
        }
        if let ledTerm { rememberLeader(of: ledTerm, output.journal, node) }
        for event in output.journal { try handOver(event, of: node) }
        try observe(node, hasLed: ledTerm)
        if let configuration = output.configuration {
            membersChanged(node, configuration, leader: node.leader)
        }
        if !output.journal.isEmpty {
            reportEarly(output.journal, node)
            node.journalInbox.append(contentsOf: output.journal)
            wake(node, .journal)
        }
        if !output.apply.isEmpty {
            node.applyInbox.append(contentsOf: robbed(output.apply, node))
            wake(node, .apply)
        }
        for request in output.snapshots { give(.request(request), to: node) }
        for frame in output.frames { try send(frame, from: node) }
        if let change = output.role { membersChanged(node, nil, leader: change.leader) }
        for reply in output.replies {
            if reply.key.connection == Operator.connection {
                try requireEnd(of: reply, at: node, since: inForce)
            }
            try send(reply, from: node)
        }
        try refuseProposed(output.journal, node)
        // As a host's timer does.
        if let next = output.nextTurn {
            let moment = max(now + 1, node.trueTime(of: next))
            queue.add(.turn(node.place, .consensus, life: node.life), at: moment)
        }
    }

    /// What goes to the journal is what Raft's log is.
    private func handOver(_ event: JournalEvent, of node: SimulatedNode) throws(Violation) {
        switch event {
        case .compact(_, let index):
            tell("node \(node.id) compacts through \(index)")
            node.base = max(node.base, index)
            reach.mark(node.place == scenario.witness ? .witnessForgot : .compacted)
        case .read(_, _, .send): reach.mark(.peerCaughtUpFromJournal)
        case .read(_, _, .apply): reach.mark(.appliedFromJournal)
        // Comes from peers, not from the consensus stage.
        case .repair: break
        case .write(_, let writes):
            for write in writes {
                try handOver(write, of: node)
                node.unsynced.append(write)
            }
        }
    }

    private func handOver(_ write: JournalWrite, of node: SimulatedNode) throws(Violation) {
        switch write {
        case .hardState: break
        case .start(_, let start):
            tell("node \(node.id) goes on from a snapshot through \(start.position)")
            reach.mark(.snapshotInstalled)
            if scenario.members != nil, node.roster?.own == nil { reach.mark(.snapshotToJoiner) }
            node.log = try committed.log(beginningAt: start, of: node.id)
            node.base = start.position.index
            logChanged(node)
        case .truncate(_, let index):
            tell("node \(node.id) truncates from \(index)")
            reach.mark(.truncatedConflictingTail)
            guard index > node.commitIndex else {
                throw Violation(
                    .stateMachineSafety,
                    "node \(node.id) truncates from \(index), committed is \(node.commitIndex)"
                )
            }
            node.log.truncate(from: index)
            if index <= node.inForce?.record.position.index ?? .zero { logChanged(node) }
        case .entry(let entry):
            let record = LogView.Record(position: entry.position, hash: entry.hash)
            try matching.appended(record, to: node.log, of: node.id)
            node.log.append(record)
            if case .configuration(let configuration) = entry.header.kind {
                try appended(configuration, record, to: node)
            }
            if entries[entry.position] == nil { try proposed(entry, by: node) }
            applyEarly(entry, node)
        }
    }

    /// An entry is in a log for the first time: its leader's.
    private func proposed(_ entry: Entry, by node: SimulatedNode) throws(Violation) {
        entries[entry.position] = entry
        guard let status = node.consensus?.standing, status.role == .leader,
            status.term == entry.position.term
        else {
            guard case .commands = entry.header.kind else { return }
            throw Violation(
                .leaderCompleteness,
                "node \(node.id) is the first to hold \(entry.position), and does not lead its term"
            )
        }
        let commands = try Self.commands(of: entry)
        tell(
            "node \(node.id) proposes \(entry.position): "
                + (commands.isEmpty
                    ? "\(entry.header.kind)"
                    : commands.map { "\($0.command.tag)" }.joined(separator: ", "))
        )
        if commands.count > 2 { reach.mark(.blockOfSeveralCommands) }
        try ledger.proposes(
            commands.map { $0.isOfNode ? nil : $0.encode() },
            at: entry.position,
            in: node.place
        )
    }

    private static func commands(of entry: Entry) throws(Violation) -> [CommandEnvelope] {
        guard case .commands = entry.header.kind else { return [] }
        do {
            return try entry.items().map { try CommandEnvelope(decoding: Array($0)) }
        } catch {
            throw Violation(.unexpectedStop, "entry \(entry.position) cannot be read: \(error)")
        }
    }

    /// Keeps the log of a leader that stepped down in this turn, as it was to the end of its term.
    ///
    /// Before the turn's writes are handed over: they may cut the log.
    private func rememberLeader(
        of term: Term,
        _ events: [JournalEvent],
        _ node: SimulatedNode
    ) {
        guard let status = node.consensus?.standing,
            status.role != .leader || status.term != term
        else { return }
        var log = node.log
        for case .write(_, let writes) in events {
            for case .entry(let entry) in writes
            where entry.position.term == term && entry.position.index == log.last.next {
                log.append(LogView.Record(position: entry.position, hash: entry.hash))
            }
        }
        pastLeaders[term] = log
    }

    /// A node leads, or speaks as if it did.
    func leads(_ node: SimulatedNode, _ term: Term) throws(Violation) {
        guard try leaders.leads(node.id, term) else { return }
        try requireElection(of: node, term)
        // The no-op may be in the log already: it is of this term and contradicts nothing.
        try committed.leads(node.id, term, log: node.log)
        if leaders.terms > 1 { reach.mark(.reElection) }
        if node.place == scenario.witness { reach.mark(.witnessLed) }
    }

    /// Looks at a node after a turn, before which it may have led a term.
    private func observe(_ node: SimulatedNode, hasLed term: Term?) throws(Violation) {
        guard let status = node.consensus?.standing else { return }
        if status.role != node.role || status.term != node.term {
            tell("node \(node.id) is \(status.role) in term \(status.term)")
            mix(status.term.value << 8 | UInt64(status.role.rawValue))
            node.role = status.role
            node.term = status.term
        }
        if status.role == .leader { try leads(node, status.term) }
        if status.commitIndex > node.commitIndex {
            let news = try committed.commits(
                node.id,
                after: node.commitIndex,
                through: status.commitIndex,
                term: status.term,
                log: node.log,
                disks: monitor.logs,
                isQuorum: isQuorum(of: node)
            )
            node.commitIndex = status.commitIndex
            if status.role == .leader, status.term == term { try requireOwnTerm(of: node) }
            for record in news { try remember(record, node) }
        }
        try checkConfiguration(of: node)
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

    /// What a leader commits by counting ends with an entry of its own term (Raft §5.4.2): an older
    /// one may be on a majority of disks and be overwritten all the same.
    private func requireOwnTerm(of node: SimulatedNode) throws(Violation) {
        guard let record = node.log.record(at: node.commitIndex),
            record.position.term != node.term
        else { return }
        throw Violation(
            .leaderCompleteness,
            "node \(node.id) leads term \(node.term), and commits \(record.position) by counting"
        )
    }

    /// Plays a newly committed entry on the model.
    private func remember(_ record: LogView.Record, _ node: SimulatedNode) throws(Violation) {
        mix(record.hash.words.0)
        tell("committed \(record.position), says node \(node.id)")
        availability.commits(at: now)
        guard let entry = entries[record.position] else {
            guard record.position == Genesis.position else {
                throw Violation(
                    .acknowledgedWrites,
                    "\(record.position) is committed, and nobody proposed it"
                )
            }
            try model.play([], at: record.position.index)
            return
        }
        if case .configuration(let configuration) = entry.header.kind {
            committed(configuration, by: node)
        }
        let commands = try Self.commands(of: entry)
        try ledger.commits(commands.count, at: record.position)
        let time = model.clusterTime
        let duplicates = model.duplicates
        try model.play(commands, at: record.position.index)
        for _ in duplicates..<model.duplicates { reach.mark(.duplicateInLog) }
        guard model.clusterTime > time else { return }
        let honest = nodes.filter { $0.place != scenario.liar && scenario.nodes > 1 }
        try clusterClock.checks(
            model.clusterTime,
            honest: honest.map { $0.moment(at: now).wall }
        )
    }
}

extension CommandEnvelope {
    /// A node's own, which no client sent.
    var isOfNode: Bool { if case .node = principal { true } else { false } }
}
