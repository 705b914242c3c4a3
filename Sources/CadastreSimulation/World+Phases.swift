internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// From the set-up through the faults to the comparison.
extension World {
    /// Goes on to the next phase, if this one is over.
    func advancePhase() throws(Violation) {
        switch phase {
        case .setUp:
            if clients.isSetUp {
                network.quality = scenario.quality
                phase = .faults(until: now + scenario.faultTime)
                if scenario.nodes == 1 { reach.mark(.singleVoter) }
                if scenario.nodes == 5 { reach.mark(.fiveVoters) }
                if scenario.witness != nil { reach.mark(.witnessAmongVoters) }
                tell(
                    "set up; faults begin, on nodes \(scenario.weak.map { $0 + 1 }): "
                        + scenario.faults.map { "\($0)" }.joined(separator: ", ")
                )
                for place in nodes.indices { seeHealth(of: nodes[place]) }
                clients.beginWorkload(self)
                plan(.fault, after: chance.draw(scenario.faultInterval))
                if let interval = scenario.rot?.runningInterval {
                    plan(.rot, after: rotChance.draw(interval))
                }
            } else if now > 120 * Span.second {
                throw Violation(.liveness, "a healthy cluster does not get through its set-up")
            }
        case .faults(let end):
            guard now >= end else { return }
            if scenario.isBeyond {
                // Whether anything goes on is nobody's promise.
                finish()
            } else {
                heal()
            }
        case .healing(let end):
            if clients.isIdle, isConverged, areMembersSettled {
                let places = Set(members.map(\.place))
                if ledger.oldestOpen(at: places.contains) == nil { return try endHealing() }
                // Nothing is left to wait for.
                convergedAt = convergedAt ?? now
                guard now < (convergedAt ?? now) + 5 * Span.second else {
                    throw Violation(.liveness, "an answer is missing: \(condition)")
                }
            }
            guard now <= end else {
                throw Violation(.liveness, "not healed in time: \(condition)")
            }
        case .comparing(let end):
            if clients.isIdle, now >= quietUntil {
                try endQuiet()
                try requireTimeWhenWell()
                phase = .digesting(until: now + 20 * Span.second)
                tell("compared; the nodes recompute their digests")
                askDigests()
            } else if now > end {
                throw Violation(.liveness, "not compared in time: \(condition)")
            }
        case .digesting(let end):
            if digestsAwaited == 0 {
                finish()
            } else if now > end {
                throw Violation(.liveness, "not all digests in time: \(condition)")
            }
        case .done: break
        }
    }

    private func finish() {
        phase = .done
        tell(scenario.isBeyond ? "nothing that was said is wrong" : "all is well")
        for node in nodes { node.stop() }
    }

    /// Mends everything that was broken.
    private func heal() {
        phase = .healing(until: now + 30 * Span.second)
        healingSince = now
        tell("faults end")
        for _ in 0..<availability.served { reach.mark(.servedBesideFaultyMinority) }
        termAtHealing = newestTerm
        if sabotage != .unmendedLinks { network.mendAll() }
        network.quality = SimulatedNetwork.Quality()
        for node in nodes {
            node.slowUntil = 0
            node.wallJump = 0
            node.interruption = nil
            node.disk.forgetFaults()
            node.disk.capacity = nil
            takeOldDiskOut(of: node)
            reconnect(node)
            // Whoever has not noticed it yet is to notice it now, and be mended.
            if node.rotten != nil { kill(node) }
        }
        beginCountingInstalls()
        clients.beginFarewell(self)
    }

    private var newestTerm: Term { nodes.map(\.term).max() ?? .zero }

    private func endHealing() throws(Violation) {
        guard newestTerm.value <= termAtHealing.value + 20 else {
            throw Violation(
                .liveness,
                "healing took the terms from \(termAtHealing) to \(newestTerm)"
            )
        }
        beginQuiet()
        phase = .comparing(until: max(now, quietUntil) + 20 * Span.second)
        tell("healed; the clients compare")
        clients.beginComparison(self)
    }

    /// One leader whose log all have committed and applied.
    private var isConverged: Bool {
        guard
            let leader = nodes.filter({ $0.isUp && $0.role == .leader })
                .max(by: { $0.term < $1.term })
        else { return false }
        return members.allSatisfy { node in
            guard let status = node.consensus?.status, status.leader == leader.id else {
                return false
            }
            return status.lastIndex == leader.log.last && status.commitIndex == leader.log.last
                && status.appliedIndex == leader.log.last
        }
    }

    private var condition: String {
        let lines = nodes.map { node -> String in
            guard let status = node.consensus?.status else { return "node \(node.id) is down" }
            return
                "node \(node.id) is \(status.role) in term \(status.term), log \(status.lastIndex)"
                + ", committed \(status.commitIndex), applied \(status.appliedIndex)"
        }
        let wanted = owner.steps.last.map { "; the operator wants to \($0)" } ?? ""
        let open =
            ledger.oldestOpen.map { number in
                "; attempt \(number), \(clients.attempts[Int(clamping: number)]), waits for its answer"
            } ?? ""
        return lines.joined(separator: "; ") + wanted + open + "; " + clients.condition
    }

    private func askDigests() {
        for node in members where node.isUp && node.apply != nil {
            digestsAwaited += 1
            let key = RequestKey(connection: .max, request: UInt64(node.place))
            node.applyInbox.append(.digest(key, atLeast: committed.last))
            wake(node, .apply)
        }
    }

    // MARK: Whether the world is well enough to be served

    /// How a node is, for the checker of availability.
    func seeHealth(of node: SimulatedNode) {
        let isWell =
            node.isUp && now >= node.pausedUntil && now >= node.slowUntil
            // What it lacks may come slowly; that it comes at all is asked for after the faults.
            && node.disk.capacity == nil && node.snapshot?.isFetching != true
            && network.quality.lossPerMille <= min(150, scenario.quality.lossPerMille)
        availability.sees(node.place, isWell: isWell, at: now)
        for other in nodes where other.place != node.place {
            availability.sees(
                from: node.place,
                to: other.place,
                isCut: network.isCut(from: node.place, to: other.place)
                    || network.isClogged(from: node.place, to: other.place, at: now),
                at: now
            )
        }
    }
}
