internal import CadastreDisk
internal import CadastreNode
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// Processes begin and end.
extension World {
    /// Starts a node's process on its disk, as it is.
    func start(_ place: Int) throws(Violation) {
        let node = nodes[place]
        guard !node.isListening else { return }
        let wasCrashed = node.disk.end == .machine
        node.disk.restart()
        if wasCrashed { try requireWholeSnapshots(of: node) }
        if let founding = mustBeFounded.firstIndex(of: place) {
            mustBeFounded.remove(at: founding)
            try foundToJoin(node)
        }
        try rotJournal(node)
        if isToBeMended(node) {
            try beginMending(node)
            return
        }
        let found = try checkedRecovery(node)
        let mustRebuild = rotState(node, found)
        let interruption = node.interruption
        node.interruption = nil
        switch interruption {
        case nil: break
        case .crash: node.disk.crash(atOperation: 1 + chance.below(25))
        case .kill: node.disk.endProcess(atOperation: 1 + chance.below(25))
        case .fault:
            let kind = chance.pick(SimulatedDisk.Fallible.allCases)
            node.disk.fail(kind, nth: 1 + chance.below(4))
        }
        let open: OpenNode
        do throws(NodeError) {
            open = try NodeFolder.open(
                SimulatedNode.folder,
                on: node.watched,
                cluster: genesis.cluster,
                node: node.id,
                settings: scenario.settings,
                seed: chance.bits()
            )
        } catch {
            try doesNotStart(node, "\(error)", interruption)
            return
        }
        if interruption != nil { node.disk.forgetFaults() }
        isMended(node)
        lastStart = now
        try take(found, node)
        node.consensus = open.consensus
        node.journal = open.journal
        node.apply = open.apply
        node.snapshot = open.snapshot
        node.lock = open.lock
        node.roster = open.roster
        node.base = found.start.position.index
        logChanged(node)
        try checkConfiguration(of: node)
        if mustRebuild, !open.hasRebuiltState {
            throw Violation(.recovery, "node \(node.id) starts over an overwritten state")
        }
        if open.hasRebuiltState {
            reach.mark(.stateRebuilt)
        } else if open.hasReplacedState {
            reach.mark(.installFinishedAtStart)
        }
        node.term = open.consensus.status.term
        node.clusterTime = open.consensus.status.clusterTime
        node.commitIndex = .zero
        node.wasKilled = false
        node.isNew = false
        mix(node.log.last.value)
        for note in open.notes { tell("node \(node.id): \(note)") }
        // Or in an earlier start, which then failed.
        if open.hasRebuiltState || node.isStateOverwritten { progress.rebuilt(place) }
        node.isStateOverwritten = false
        let beginning = "node \(node.id) starts in term \(node.term), log through \(node.log.last)"
        if let apply = open.apply {
            let (position, digest) = apply.digest
            tell("\(beginning), applied \(position.index)")
            try progress.begins(place, appliedThrough: position.index)
            try progress.madeDurable(place, through: apply.durablyApplied)
            try checkState(node, position, digest)
        } else {
            tell("\(beginning), a witness")
        }
        plan(.tick(place, life: node.life), after: chance.draw(0...10 * Span.millisecond))
        announce(node)
    }

    /// What a start meets that fails.
    private func doesNotStart(
        _ node: SimulatedNode,
        _ reason: String,
        _ interruption: StartInterruption?
    ) throws(Violation) {
        markFailures(of: node)
        tell("node \(node.id) does not start: \(reason)")
        // What could not be read was set aside, and nothing has taken its place yet.
        if node.hasStateAside { node.isStateOverwritten = true }
        if node.disk.isCrashed {
            reach.mark(interruption == .kill ? .killDuringRecovery : .crashDuringRecovery)
        } else if node.takeExcuse() {
            reach.mark(.faultDuringRecovery)
        } else if node.isStateOverwritten, node.disk.capacity != nil {
            reach.mark(.faultDuringRecovery)
        } else {
            // Want of room is no reason, but where a state is to be built anew: what would give a
            // node room is a start.
            throw Violation(.unexpectedStop, "node \(node.id) does not start: \(reason)")
        }
        // Locks of what was half open are free when its process is gone.
        if !node.disk.isCrashed { node.disk.endProcess() }
        node.wasKilled = node.disk.end == .process
        plan(
            .start(node.place),
            after: chance.draw(1 * Span.millisecond...300 * Span.millisecond)
        )
    }

    /// Reads the journal on a copy of a disk, its own if no other is named, and compares it with what
    /// was durable.
    func checkedRecovery(
        _ node: SimulatedNode,
        on disk: SimulatedDisk? = nil
    ) throws(Violation) -> GroupRecovery {
        let found = try recover(node, on: disk ?? node.disk)
        guard node.log.last > .zero else {
            guard found.headers.map(\.position) == [Genesis.position] else {
                throw Violation(.recovery, "node \(node.id) was founded with \(found.headers)")
            }
            return found
        }
        let durable = monitor.disks[node.place]
        let kept = try Recovery.check(
            node.id,
            durable: durable,
            unsynced: node.unsynced,
            found: found,
            committed: committed
        )
        if kept.unsyncedWrites < node.unsynced.count { reach.mark(.recoveredWithCutTail) }
        if kept.unsyncedWrites > 0 { reach.mark(.recoveredUnsyncedTail) }
        if node.wasKilled { reach.mark(.recoveredAfterKill) }
        return found
    }

    /// Opened, everything that was found is durable.
    private func take(_ found: GroupRecovery, _ node: SimulatedNode) throws(Violation) {
        try monitor.recovered(node.place, found, committed: committed)
        node.log = monitor.disks[node.place].log
        node.unsynced = []
    }

    private func recover(
        _ node: SimulatedNode,
        on disk: SimulatedDisk
    ) throws(Violation) -> GroupRecovery {
        do throws(StorageError) {
            return try openJournal(of: node, on: copy(of: disk))
        } catch {
            let files = disk.paths.filter { $0.contains("/journal") }.joined(separator: ", ")
            throw Violation(
                .recovery,
                "the journal of node \(node.id) does not open: \(error); there are \(files)"
            )
        }
    }

    /// A disk with the same on it, and room.
    func copy(of disk: SimulatedDisk) -> SimulatedDisk {
        let copy = SimulatedDisk(copying: disk, seed: chance.bits())
        copy.capacity = nil
        return copy
    }

    /// Opens a node's journal as a start does.
    func openJournal(
        of node: SimulatedNode,
        on disk: SimulatedDisk
    ) throws(StorageError) -> GroupRecovery {
        let directory = "\(SimulatedNode.folder)/journal"
        _ = try JournalExchange(directory: directory, on: disk).finish()
        let (journal, groups) = try Journal.open(
            directory: directory,
            on: disk,
            identity: journalIdentity(of: node),
            settings: scenario.settings.journal,
            seed: chance.bits()
        )
        journal.close()
        guard let group = groups.first(where: { $0.group == .directory }) else {
            throw .unavailable(group: .directory, index: Genesis.position.index)
        }
        return group
    }

    // MARK: The end

    /// Stops a node's machine now; it comes back after a while.
    func crash(_ node: SimulatedNode, after delay: UInt64? = nil) {
        guard node.isUp else { return }
        if node.role == .leader, node.log.last > node.commitIndex {
            reach.mark(.leaderCrashWithBlocksInFlight)
        }
        tell("node \(node.id) crashes\(node.role == .leader ? ", the leader" : "")")
        node.disk.crash()
        node.wasKilled = false
        end(node, after: delay)
        damage(node)
    }

    /// Kills a node's process now; its machine goes on.
    func kill(_ node: SimulatedNode) {
        guard node.isUp else { return }
        tell("node \(node.id) is killed\(node.role == .leader ? ", the leader" : "")")
        reach.mark(.processKilled)
        node.disk.endProcess()
        node.wasKilled = true
        end(node)
    }

    /// Ends a node's process as its host would on a polite signal.
    func shutDown(_ node: SimulatedNode) throws(Violation) {
        guard node.isUp, let journal = node.journal else { return }
        // The host waits for what is under way.
        guard !node.isBusy[Stage.journal.rawValue], !node.isBusy[Stage.apply.rawValue] else {
            return
        }
        tell("node \(node.id) shuts down")
        do {
            _ = try journal.idle()
            try node.apply?.close()
            reach.mark(.shutDown)
        } catch {
            tell("node \(node.id) does not shut down well: \(error)")
            // Without room nothing is kept, and nothing is lost: the log has it.
            guard node.disk.isCrashed || node.disk.capacity != nil || node.takeExcuse() else {
                throw Violation(
                    .unexpectedStop,
                    "node \(node.id) does not shut down well: \(error)"
                )
            }
        }
        node.disk.endProcess()
        node.wasKilled = node.disk.end == .process
        end(node)
    }

    private func end(_ node: SimulatedNode, after delay: UInt64? = nil) {
        node.disk.forgetFaults()
        if node.role == .leader {
            pastLeaders[node.term] = node.log
            if node.rules.last?.outgoing.isEmpty == false { reach.mark(.leaderLostWhileJoint) }
        }
        progress.ended(node.place, durableTerm: monitor.disks[node.place].hardState.term)
        ledger.ended(node.place)
        node.stop()
        seeHealth(of: node)
        announceEnd(of: node)
        let pause = chance.draw(5 * Span.millisecond...800 * Span.millisecond)
        plan(.start(node.place), after: delay ?? pause)
    }

    /// A stage could not go on because of its disk: the process ends, and is started again.
    ///
    /// Only a fault of the simulation's making is a reason, and each only once.
    func diskStopped(_ node: SimulatedNode, _ reason: String) throws(Violation) {
        markFailures(of: node)
        tell("node \(node.id) stops: \(reason)")
        guard !node.disk.isCrashed else {
            node.wasKilled = node.disk.end == .process
            reach.mark(node.wasKilled ? .killInsideTurn : .crashInsideTurn)
            end(node)
            return
        }
        guard node.takeExcuse() || node.rotten != nil else {
            throw Violation(.unexpectedStop, "node \(node.id) stops: \(reason)")
        }
        reach.mark(node.rotten == nil ? .stoppedByDisk : .damageFoundWhileUp)
        // Exit 74: often the machine is looked at, and sometimes only the process is started again.
        if chance.oneIn(2) { crash(node) } else { kill(node) }
    }
}
