internal import CadastreNode
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
        seeHealth(of: node)
        markFailures(of: node)
        redial(node)
        if case .faults = phase, scenario.members == nil, !scenario.isBeyond,
            try availability.check(at: now)
        {
            try requireTimeUnderFaults()
        }
        guard now >= node.pausedUntil else { return }
        try requireQuorum(of: node)
        give(.tick, to: place)
        if node.isSnapshotWaiting { give(.resume, to: node) }
        if chance.oneIn(2) {
            try idle(node)
        } else if node.isApplyWaiting, now >= node.lastApplyTurn + 250 * Span.millisecond {
            // What a host does in silence.
            try idleApply(node)
        }
    }

    /// - Throws: If it leads, and has heard no quorum for two of the longest election timeouts.
    private func requireQuorum(of node: SimulatedNode) throws(Violation) {
        node.contact.ticks(isLeading: node.role == .leader)
        let patience = 2 * scenario.settings.timing.maximumElectionTicks
        guard node.contact.hasLed(for: patience), let configuration = node.inForce?.configuration
        else { return }
        let hearsQuorum = configuration.isQuorum { voter in
            guard voter != node.id, let place = place(of: voter) else { return voter == node.id }
            return node.contact.hasHeard(place, within: patience)
        }
        guard !hearsQuorum else { return }
        throw Violation(
            .liveness,
            "node \(node.id) leads term \(node.term), and has heard no quorum for \(patience) ticks"
        )
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
        case .snapshot: try snapshotTurn(node)
        }
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
        guard node.apply != nil, !node.isBusy[Stage.apply.rawValue], chance.oneIn(3) else { return }
        try idleApply(node)
    }

    private func idleApply(_ node: SimulatedNode) throws(Violation) {
        guard let apply = node.apply, !node.isBusy[Stage.apply.rawValue] else { return }
        try applyWork(node, apply) { output throws(StateMachineError) in
            try apply.idle(at: node.moment(at: now), into: &output)
        }
        guard node.isUp else { return }
        // Idle work takes its time as a turn does.
        node.isBusy[Stage.apply.rawValue] = true
    }
}
