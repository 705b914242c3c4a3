internal import CadastreDisk
internal import CadastreNode
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// Turns of the apply stage.
extension World {
    func applyTurn(_ node: SimulatedNode) throws(Violation) {
        guard let apply = node.apply else { return }
        var events = node.applyInbox
        node.applyInbox = []
        try applyWork(node, apply) { output throws(StateMachineError) in
            try apply.turn(&events, at: node.moment(at: now), into: &output)
        }
    }

    /// Does a turn's work and what is left for after it, and plans the end of it.
    func applyWork(
        _ node: SimulatedNode,
        _ apply: ApplyStage,
        _ work: (inout ApplyOutput) throws(StateMachineError) -> Void
    ) throws(Violation) {
        var reports: [AppliedReport] = []
        for isFollowUp in [false, true] {
            var output = ApplyOutput()
            do throws(StateMachineError) {
                if isFollowUp {
                    try apply.followUp(at: node.moment(at: now), into: &output)
                } else {
                    try work(&output)
                }
            } catch {
                try diskStopped(node, "\(error)")
                return
            }
            try applied(node, apply, output.report)
            for reply in output.replies { try send(reply, from: node) }
            if output.hasMore { node.applyInbox.append(.resume) }
            if let report = output.report {
                node.isApplyWaiting = output.isWaiting
                reports.append(report)
            }
        }
        node.lastApplyTurn = now
        let time = chance.draw(scenario.applyTime)
        plan(.applyFinished(node.place, reports, life: node.life), after: time)
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
                // A fault of its disk that made it lose one is no excuse to stop later.
                if !report.isDiskFull, node.takeExcuse() { reach.mark(.survivedDiskFault) }
                try progress.lostTransaction(
                    node.place,
                    appliedNow: position.index,
                    clusterTime: report.clusterTime
                )
            }
            node.clusterTime = report.clusterTime
            for mark in report.marks where !looksAway {
                try agreement.marked(node.id, at: mark.index, digest: mark.digest)
            }
        }
        try progress.madeDurable(node.place, through: apply.durablyApplied)
        try checkState(node, position, digest)
    }

    /// Compares what a node has applied with the log and with every other node.
    func checkState(
        _ node: SimulatedNode,
        _ position: LogPosition,
        _ digest: StateDigest
    ) throws(Violation) {
        guard !looksAway else { return }
        let isGenesis = position == Genesis.position
        try agreement.applied(
            node.id,
            position,
            digest: digest,
            committed: committed.record(at: position.index)
                ?? (isGenesis ? node.log.record(at: position.index) : nil),
            durable: monitor.disks[node.place].log.record(at: position.index)
        )
        guard position.index <= model.last else { return }
        guard node.clusterTime == model.clusterTime(at: position.index) else {
            throw Violation(
                .clusterTime,
                "after \(position) cluster time is \(node.clusterTime) on node \(node.id), the log "
                    + "says \(model.clusterTime(at: position.index))"
            )
        }
    }

    func applyFinished(_ place: Int, _ reports: [AppliedReport], _ life: Int) {
        let node = nodes[place]
        guard node.life == life else { return }
        node.isBusy[Stage.apply.rawValue] = false
        if !reports.isEmpty {
            node.consensusInbox += reports.map { .applied($0) }
            wake(node, .consensus)
        }
        if !node.applyInbox.isEmpty { wake(node, .apply) }
    }
}
