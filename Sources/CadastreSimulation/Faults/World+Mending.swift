internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// The mending of a journal, as the host of a node does it: no stage runs, and what is missing is
/// asked of others until the journal is whole.
extension World {
    /// Whether a start finds a journal that is to be mended.
    func isToBeMended(_ node: SimulatedNode) -> Bool {
        guard node.rotten != nil else { return false }
        do throws(StorageError) {
            _ = try openJournal(of: node, on: copy(of: node.disk))
        } catch {
            return true
        }
        return false
    }

    /// A start has succeeded: what was mended is in its place, and a crash takes it back no more.
    func isMended(_ node: SimulatedNode) {
        guard node.rotten != nil else { return }
        node.rotten = nil
        reach.mark(.journalMended)
        tell("the journal of node \(node.id) is whole again")
    }

    /// The start is refused for what is damaged, and the mending begins.
    func beginMending(_ node: SimulatedNode) throws(Violation) {
        if let rot = scenario.rot, case .faults = phase, rotChance.oneIn(rot.interruptionOneIn) {
            interruptMending(node)
        }
        do throws(NodeError) {
            let refusal = try refusalToStart(node)
            guard refusal.exitCode == .damaged else { throw refusal }
            tell("node \(node.id) does not start: \(refusal)")
            let damaged = try NodeFolder.damaged(
                SimulatedNode.folder,
                on: node.watched,
                founding: genesis.configuration,
                settings: scenario.settings,
                seed: rotChance.bits()
            )
            guard let damaged else {
                throw NodeError(.configuration, "nothing of its journal is damaged")
            }
            tell("node \(node.id): \(damaged.description)")
            node.mending = damaged
            node.roster = MemberRoster(damaged.configuration, of: damaged.identity)
            // It lets no stranger in, as if it heard a leader.
            node.leader = node.id
        } catch {
            try mendingEnds(node, error)
            return
        }
        plan(.mending(node.place, life: node.life), after: rotChance.draw(Self.quick))
    }

    private static let quick: ClosedRange<UInt64> = 20 * Span.microsecond...300 * Span.microsecond
    private static let quiet: ClosedRange<UInt64> = 1 * Span.millisecond...10 * Span.millisecond

    /// Lets the mending meet the end of its machine or process, or a fault of the disk.
    private func interruptMending(_ node: SimulatedNode) {
        let operation = 1 + rotChance.below(rotChance.pick([60, 120, 200]))
        switch rotChance.below(3) {
        case 0: node.disk.crash(atOperation: operation)
        case 1: node.disk.endProcess(atOperation: operation)
        case _:
            node.disk.fail(
                rotChance.pick(SimulatedDisk.Fallible.allCases),
                nth: 1 + rotChance.below(8)
            )
        }
    }

    /// Opens the node's folder, which must be refused.
    private func refusalToStart(_ node: SimulatedNode) throws(NodeError) -> NodeError {
        do throws(NodeError) {
            let open = try NodeFolder.open(
                SimulatedNode.folder,
                on: node.watched,
                cluster: genesis.cluster,
                node: node.id,
                settings: scenario.settings,
                seed: rotChance.bits()
            )
            open.lock.release()
        } catch {
            return error
        }
        return NodeError(.configuration, "a journal that is damaged is opened without a word")
    }

    /// A turn of the mending.
    func mendingTurn(_ place: Int, _ life: Int) throws(Violation) {
        let node = nodes[place]
        guard node.life == life, let mending = node.mending else { return }
        guard !node.disk.isCrashed else {
            try mendingEnds(node, NodeError(.inputOutput, "its machine stopped"))
            return
        }
        var events = node.repairInbox + [.resume]
        node.repairInbox = []
        var output = RepairOutput()
        do throws(NodeError) {
            try mending.repair.turn(&events, at: node.moment(at: now), into: &output)
        } catch {
            try mendingEnds(node, error)
            return
        }
        for note in output.notes { tell("node \(node.id): \(note)") }
        if let fault = output.peerFaults.first {
            throw Violation(
                .unexpectedStop,
                "node \(node.id), being mended, complains about node \(fault.peer): \(fault.reason)"
            )
        }
        for frame in output.frames { try sendRepair(frame, from: node) }
        if isAwaitedInVain(node) {
            tell("whom node \(node.id) asks is gone")
            node.stop()
            restoreJournal(node)
            plan(.start(place), after: rotChance.draw(Self.quiet))
            return
        }
        if output.isDone {
            node.stop()
            plan(.start(place), after: rotChance.draw(Self.quiet))
            return
        }
        plan(
            .mending(place, life: life),
            after: rotChance.draw(output.hasMore ? Self.quick : Self.quiet)
        )
    }

    /// Whoever might have what is missing may have left the cluster meanwhile, and a node that is
    /// mended cannot know: it asks for ever, and says so, until an operator founds it anew.
    private func isAwaitedInVain(_ node: SimulatedNode) -> Bool {
        guard scenario.members != nil, case .healing(let end) = phase else { return false }
        return now + 20 * Span.second > end
    }

    /// The mending could not go on: its process ends, and is started again.
    private func mendingEnds(_ node: SimulatedNode, _ error: NodeError) throws(Violation) {
        markFailures(of: node)
        tell("node \(node.id) is not mended: \(error)")
        let hadFault = node.takeExcuse()
        if node.disk.isCrashed || hadFault {
            reach.mark(.mendingInterrupted)
        } else if error.exitCode == .damaged {
            giveUpMending(node)
        } else if error.exitCode != .inputOutput || node.disk.capacity == nil {
            throw Violation(.unexpectedStop, "node \(node.id) is not mended: \(error)")
        }
        if !node.disk.isCrashed { node.disk.endProcess() }
        node.wasKilled = node.disk.end == .process
        node.disk.forgetFaults()
        node.stop()
        plan(
            .start(node.place),
            after: rotChance.draw(5 * Span.millisecond...400 * Span.millisecond)
        )
    }

    /// Nobody has what is missing: the node comes back with an empty disk where one more may be lost;
    /// elsewhere the disk has to give back what it held.
    ///
    /// Where no log is ever compacted and another disk holds what was asked for last, it is asked
    /// again at the next start. The only member of a cluster has nobody to ask.
    private func giveUpMending(_ node: SimulatedNode) {
        guard !scenario.isBeyond, let rotten = node.rotten, let mending = node.mending else {
            return
        }
        if let asked = rotten.asked {
            let holders = nodes.filter {
                $0.place != node.place
                    && monitor.disks[$0.place].log.record(at: asked.index)?.hash == asked.hash
            }
            let forgetsNothing =
                scenario.members == nil && scenario.settings.snapshotInterval >= 256 << 20
            if forgetsNothing, !holders.isEmpty { return }
        } else {
            guard mending.configuration.members.allSatisfy({ $0.id == node.id }) else { return }
        }
        guard rotChance.oneIn(2) else { return }
        if case .faults = phase, scenario.members?.wipes == true, owner.steps.isEmpty,
            !owner.isWaiting, let configuration = newestConfiguration
        {
            node.rotten = nil
            if mayWipe(configuration), configuration.member(node.id) != nil {
                node.stop()
                wipe(node)
                repair()
                return
            }
            node.rotten = rotten
        }
        restoreJournal(node)
    }

    // MARK: Questions and answers

    /// They go over the connections of snapshots, and get lost, doubled and late as all else.
    func sendRepair(_ frame: PeerFrame, from node: SimulatedNode) throws(Violation) {
        let message: RepairMessage
        do throws(ProtocolError) {
            message = try RepairMessage(decoding: frame.bytes)
        } catch {
            throw Violation(.unexpectedStop, "node \(node.id) sends what cannot be read: \(error)")
        }
        if node.mending != nil { node.rotten?.asked = message }
        let words =
            switch message.body {
            case .fetch: "what leads to entry \(message.index)?"
            case .unavailable: "do not have entry \(message.index)"
            case .entries(let entries, _): "\(entries.count) entries through \(message.index)"
            }
        tell("\(node.id) → \(frame.to)  \(words)")
        guard let to = place(of: frame.to), !network.isCut(from: node.place, to: to),
            let letter = letter(frame.bytes, from: node, to: to)
        else { return }
        for arrival in network.arrivals(of: now, from: node.place, to: to, &rotChance) {
            queue.add(.repairMessage(letter), at: arrival)
        }
    }

    /// A question or an answer gets to the other end.
    func repairMessage(_ letter: Letter) {
        let (from, node) = (nodes[letter.from], nodes[letter.to])
        // Entries go to members as the configuration names them, and to nobody else.
        guard !network.isCut(from: letter.from, to: letter.to), isRead(letter, isOfLeader: false)
        else { return }
        mix(UInt64(Checksum.crc32c(letter.bytes)) << 16)
        if node.mending != nil {
            node.repairInbox.append(
                .received(from: from.id, group: .directory, bytes: letter.bytes)
            )
        } else {
            node.journalInbox.append(
                .repair(from: from.id, group: .directory, bytes: letter.bytes)
            )
            wake(node, .journal)
        }
    }
}
