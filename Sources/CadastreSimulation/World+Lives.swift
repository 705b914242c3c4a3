internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// Processes begin and end.
extension World {
    /// Starts a node's process on its disk, as it is.
    func start(_ place: Int) throws(Violation) {
        let node = nodes[place]
        guard !node.isUp else { return }
        node.disk.restart()
        if node.life > 0 || node.log.last > .zero {
            try checkRecovery(node)
        } else {
            try firstRecovery(node)
        }
        if node.crashesWhileStarting {
            node.crashesWhileStarting = false
            node.disk.crash(atOperation: 1 + chance.below(25))
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
            guard node.disk.isCrashed || node.disk.capacity != nil else {
                throw Violation(.unexpectedStop, "node \(node.id) does not start: \(error)")
            }
            if node.disk.isCrashed { reach.mark(.crashDuringRecovery) }
            tell("node \(node.id) does not start: \(error)")
            plan(.start(place), after: chance.draw(1 * Span.millisecond...300 * Span.millisecond))
            return
        }
        node.disk.forgetFaults()
        node.consensus = open.consensus
        node.journal = open.journal
        node.apply = open.apply
        node.lock = open.lock
        node.term = open.consensus.status.term
        node.clusterTime = open.consensus.status.clusterTime
        node.commitIndex = .zero
        tell("node \(node.id) starts: \(node.term), log through \(node.log.last)")
        mix(node.log.last.value)
        let (position, digest) = open.apply.digest
        try agreement.applied(
            node.id,
            position,
            digest: digest,
            committed: committed.record(at: position.index)
                ?? (position.index == Genesis.position.index
                    ? node.log.record(at: position.index) : nil)
        )
        plan(.tick(place, life: node.life), after: chance.draw(0...10 * Span.millisecond))
        announce(node, isUp: true)
    }

    /// Reads the journal on a copy of the disk and compares it with what was durable.
    private func checkRecovery(_ node: SimulatedNode) throws(Violation) {
        let found = try recover(node)
        try Recovery.check(
            node.id,
            durable: monitor.disks[node.place],
            written: node.written,
            truncatedFrom: node.truncatedFrom,
            found: found
        )
        let end = LogIndex(UInt64(found.headers.count))
        if end < node.log.last { reach.mark(.recoveredWithCutTail) }
        if end > monitor.disks[node.place].log.last { reach.mark(.recoveredUnsyncedTail) }
        take(found, node)
    }

    private func firstRecovery(_ node: SimulatedNode) throws(Violation) {
        let found = try recover(node)
        guard found.headers.map(\.position) == [Genesis.position] else {
            throw Violation(.recovery, "node \(node.id) was founded with \(found.headers)")
        }
        for header in found.headers {
            node.written.insert(LogView.Record(position: header.position, hash: header.hash))
        }
        take(found, node)
    }

    private func take(_ found: GroupRecovery, _ node: SimulatedNode) {
        monitor.recovered(node.place, found)
        node.log = monitor.disks[node.place].log
        node.truncatedFrom = nil
    }

    private func recover(_ node: SimulatedNode) throws(Violation) -> GroupRecovery {
        let copy = SimulatedDisk(copying: node.disk, seed: chance.bits())
        do throws(StorageError) {
            let (journal, groups) = try Journal.open(
                directory: "\(SimulatedNode.folder)/journal",
                on: copy,
                identity: JournalIdentity(
                    cluster: genesis.cluster,
                    node: node.id,
                    incarnation: genesis.members[node.place].incarnation
                ),
                settings: scenario.settings.journal,
                seed: chance.bits()
            )
            journal.close()
            guard let group = groups.first(where: { $0.group == .directory }) else {
                throw .unavailable(group: .directory, index: Genesis.position.index)
            }
            return group
        } catch {
            throw Violation(.recovery, "the journal of node \(node.id) does not open: \(error)")
        }
    }

    /// Stops a node's machine now; it comes back after a while.
    func crash(_ node: SimulatedNode, after delay: UInt64? = nil) {
        guard node.isUp else { return }
        let isLeader = node.role == .leader
        if isLeader, node.log.last > node.commitIndex {
            reach.mark(.leaderCrashWithBlocksInFlight)
        }
        tell("node \(node.id) crashes\(isLeader ? ", the leader" : "")")
        node.disk.crash()
        node.disk.forgetFaults()
        node.isDiskFaultPlanned = false
        progress.ended(node.place, durableTerm: monitor.disks[node.place].hardState.term)
        node.stop()
        announce(node, isUp: false)
        let pause = chance.draw(5 * Span.millisecond...800 * Span.millisecond)
        plan(.start(node.place), after: delay ?? pause)
    }

    /// A stage could not go on because of its disk: the process ends, and its machine is started
    /// again.
    ///
    /// Only a fault of the simulation's making is a reason.
    func diskStopped(_ node: SimulatedNode, _ reason: String) throws(Violation) {
        tell("node \(node.id) stops: \(reason)")
        if node.disk.isCrashed {
            reach.mark(.crashInsideTurn)
        } else if node.disk.capacity != nil {
            reach.mark(.stoppedByFullDisk)
        } else if !node.isDiskFaultPlanned {
            throw Violation(.unexpectedStop, "node \(node.id) stops: \(reason)")
        }
        crash(node)
    }
}
