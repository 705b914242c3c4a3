internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Turns of the snapshot stage, and what snapshots travel in.
extension World {
    /// Puts something into a node's snapshot inbox.
    func give(_ event: SnapshotEvent, to node: SimulatedNode) {
        node.snapshotInbox.append(event)
        wake(node, .snapshot)
    }

    func snapshotTurn(_ node: SimulatedNode) throws(Violation) {
        guard let stage = node.snapshot else { return }
        var events = node.snapshotInbox
        node.snapshotInbox = []
        node.isSnapshotWaiting = false
        var output = SnapshotOutput()
        let wasFetching = stage.isFetching
        stage.turn(&events, at: node.moment(at: now), into: &output)
        if stage.isFetching != wasFetching { seeHealth(of: node) }
        for note in output.notes { tell("node \(node.id): \(note)") }
        if node.disk.isCrashed {
            try diskStopped(node, "the disk crashed under a snapshot")
            return
        }
        // What fails here is tried again or given up, and no reason to stop.
        markFailures(of: node)
        if !output.notes.isEmpty { _ = node.takeExcuse() }
        if let fault = output.peerFaults.first {
            throw Violation(
                .unexpectedStop,
                "node \(node.id) complains about node \(fault.peer): \(fault.reason)"
            )
        }
        if let failure = output.failure {
            guard node.rotten != nil else {
                throw Violation(.unexpectedStop, "node \(node.id) finds damage: \(failure)")
            }
            reach.mark(.damageFoundByScrub)
            try diskStopped(node, "\(failure)")
            return
        }
        for frame in output.frames { try sendSnapshot(frame, from: node) }
        if output.hasMore { node.snapshotInbox.append(.resume) }
        node.isSnapshotWaiting = output.isWaiting
        plan(
            .snapshotFinished(node.place, output.results, life: node.life),
            after: chance.draw(scenario.paces.snapshotTime ?? scenario.applyTime)
        )
    }

    func snapshotFinished(_ place: Int, _ results: [SnapshotResult], _ life: Int) {
        let node = nodes[place]
        guard node.life == life else { return }
        node.isBusy[Stage.snapshot.rawValue] = false
        for result in results {
            switch result {
            case .built(let position):
                tell("node \(node.id) has a snapshot through \(position)")
                reach.mark(.snapshotBuilt)
            case .notBuilt(let reason):
                tell("node \(node.id) makes no snapshot: \(reason)")
                reach.mark(.snapshotNotBuilt)
            case .staged(let start, _):
                tell(
                    "node \(node.id) has fetched and verified a snapshot through \(start.position)"
                )
                reach.mark(.snapshotStaged)
            case .started(let start):
                tell("node \(node.id), the witness, may begin behind \(start.position)")
                reach.mark(.witnessBeganAnew)
            case .settledOffer(let peer):
                tell("node \(node.id) hears that node \(peer) is done with its snapshot")
            case .wanted, .read: break
            }
            give(.snapshot(result), to: place)
        }
        if !node.snapshotInbox.isEmpty { wake(node, .snapshot) }
    }

    /// A snapshot durably stands for the log, and the state is still the old one: a rare moment, in
    /// which the process often ends.
    func interruptInstall(_ node: SimulatedNode) {
        guard case .faults = phase, scenario.weak.contains(node.place), !chance.oneIn(3)
        else { return }
        plan(.crash(node.place, life: node.life), after: chance.draw(0...200 * Span.microsecond))
    }

    /// Snapshots go over connections of their own, which lose nothing but break: here whole messages
    /// are lost, doubled and late as all others.
    private func sendSnapshot(_ frame: PeerFrame, from node: SimulatedNode) throws(Violation) {
        let message: SnapshotMessage
        do throws(ProtocolError) {
            message = try SnapshotMessage(decoding: frame.bytes)
        } catch {
            throw Violation(.unexpectedStop, "node \(node.id) sends what cannot be read: \(error)")
        }
        tell("\(node.id) → \(frame.to)  \(message.words)")
        switch message.body {
        case .offer(let position):
            reach.mark(.snapshotOffered)
            try requireUseful(position, from: node)
        case .declined: reach.mark(.snapshotDeclined)
        default: break
        }
        let to = Int(frame.to.value) - 1
        guard nodes.indices.contains(to), !network.isCut(from: node.place, to: to),
            let letter = letter(frame.bytes, from: node, to: to)
        else { return }
        for arrival in network.arrivals(of: now, from: node.place, to: to, &chance) {
            queue.add(.snapshotMessage(letter), at: arrival)
        }
    }

    func snapshotMessage(_ letter: Letter) {
        let (from, to, bytes) = (letter.from, letter.to, letter.bytes)
        let node = nodes[to]
        // On these connections strangers are heard wholly: consensus decides what comes of it.
        guard !network.isCut(from: from, to: to), isRead(letter, isOfLeader: true),
            node.isUp
        else { return }
        mix(UInt64(Checksum.crc32c(bytes)) << 16 | UInt64(from) << 8 | UInt64(to))
        give(.received(from: nodes[from].id, group: .directory, bytes: bytes), to: node)
    }
}
