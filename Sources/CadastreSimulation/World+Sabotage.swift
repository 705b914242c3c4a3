internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// Where each planted bug comes in. Nothing happens here in a world without one.
extension World {
    /// `reportBeforeSync`: consensus hears of durability before the journal has begun.
    func reportEarly(_ events: [JournalEvent], _ node: SimulatedNode) {
        for case .write(let number, _) in events where plants(.reportBeforeSync, once: false) {
            node.consensusInbox.append(.persisted(number))
            wake(node, .consensus)
        }
    }

    /// `silentDisk`: node 1 never hears of durability.
    func isSilenced(_ node: SimulatedNode) -> Bool {
        if sabotage == .silentDisk, isSabotaged, node.place == 0 { return true }
        return node.place == 0 && plants(.silentDisk)
    }

    /// `skippedCommands`, `unseenDivergence`: an entry reaches a follower's state machine empty.
    func robbed(_ events: [ApplyEvent], _ node: SimulatedNode) -> [ApplyEvent] {
        guard let bug = sabotage, bug == .skippedCommands || bug == .unseenDivergence,
            node.role == .follower
        else { return events }
        return events.map { event in
            guard case .entries(var all) = event,
                let place = all.firstIndex(where: { $0.keys.isEmpty && $0.entry.hasCommands }),
                plants(bug)
            else { return event }
            let entry = all[place].entry
            let empty = Entry.make(
                cluster: genesis.cluster,
                group: .directory,
                position: entry.position,
                kind: .noOp,
                featureLevel: Genesis.featureLevel,
                now: entry.now,
                random: entry.random,
                previousHash: .zero
            )
            all[place] = CommittedEntry(entry: empty, keys: [])
            return .entries(all)
        }
    }

    /// `unseenDivergence`: once states differ, only the nodes compare them.
    var looksAway: Bool { sabotage == .unseenDivergence && isSabotaged }

    /// `applyBeforeCommit`: what was just put into the log goes to the state machine.
    func applyEarly(_ entry: Entry, _ node: SimulatedNode) {
        guard sabotage == .applyBeforeCommit, node.applyInbox.isEmpty, let apply = node.apply,
            !node.isBusy[Stage.apply.rawValue],
            entry.position.index == apply.digest.position.index.next,
            plants(.applyBeforeCommit)
        else { return }
        node.applyInbox.append(.entries([CommittedEntry(entry: entry, keys: [])]))
        wake(node, .apply)
    }

    /// `doubledCommand`: what came once is there twice.
    func doubled(_ command: WaitingCommand) -> [WaitingCommand] {
        plants(.doubledCommand) ? [command, command] : [command]
    }

    /// `refusedProposal`: a command that was just put into a block is refused.
    func refuseProposed(_ events: [JournalEvent], _ node: SimulatedNode) throws(Violation) {
        guard sabotage == .refusedProposal else { return }
        for case .write(_, let writes) in events {
            for case .entry(let entry) in writes {
                guard let number = ledger.firstAttempt(at: entry.position),
                    plants(.refusedProposal)
                else { continue }
                let client = clients.attempts[Int(clamping: number)].client
                try send(
                    OutgoingReply(
                        key: RequestKey(connection: UInt64(client), request: number),
                        appliedIndex: .zero,
                        content: .refused(.notLeader, leader: .none)
                    ),
                    from: node
                )
            }
        }
    }

    /// `lostAnswer`, `wrongReply`, `wrongAnswer`, `foreignAnswer`: nil is an answer that never leaves.
    func falsified(_ reply: OutgoingReply) -> OutgoingReply? {
        var reply = reply
        switch reply.content {
        case .command(var said):
            if plants(.lostAnswer) { return nil }
            guard said.refusal == nil, plants(.wrongReply) else { return reply }
            said.sequence += 1
            reply.content = .command(said)
        case .answer(let bytes):
            guard let sabotage, sabotage == .wrongAnswer || sabotage == .foreignAnswer,
                case .object(var object)? = Answer(lenient: bytes), plants(sabotage)
            else { return reply }
            let attempt = clients.attempts[Int(clamping: reply.key.request)]
            let other = ((clients.tenant(of: attempt.content) ?? 0) + 1) % scenario.tenants
            object.etag += sabotage == .wrongAnswer ? [0] : clients.taint.markers[other]
            reply.content = .answer(Answer.object(object).encode())
        case .page, .digest, .transferred, .memberPlan, .policyPlan, .forbidden, .refused,
            .unknown:
            break
        }
        return reply
    }

    /// `lonelyClock`: node 1 hears its own clock from everybody; `stillClocks`: all hear the beginning
    /// of time.
    func forged(_ bytes: [UInt8], to node: SimulatedNode) throws(Violation) -> [UInt8] {
        let wall: UInt64
        switch sabotage {
        case .lonelyClock where node.place == 0: wall = node.moment(at: now).wall
        case .stillClocks: wall = Scenario.start
        default: return bytes
        }
        do throws(ProtocolError) {
            var message = try PeerMessage(decoding: bytes, group: .directory)
            message.wallMilliseconds = wall
            return message.encode()
        } catch {
            throw Violation(.unexpectedStop, "a message cannot be read: \(error)")
        }
    }

    /// `lostSegment`, `lostBlocks`, `rottenJournal`, `tornSnapshot`: the disk loses what it had synced.
    func damage(_ node: SimulatedNode) {
        if let chunks = node.disk.paths.last(where: { $0.hasSuffix(".chunks") }),
            plants(.tornSnapshot)
        {
            node.disk.flipBit(chunks, at: 9, bit: 1)
        }
        let segments = node.disk.paths.filter { $0.hasSuffix(".cadastre") }
        guard let newest = segments.last(where: { Self.end(of: $0, on: node.disk) > Self.block }),
            let first = segments.first
        else { return }
        let end = Self.end(of: newest, on: node.disk)
        if plants(.lostSegment) {
            lose(newest, of: node.disk)
        } else if end > 2 * Self.block, plants(.lostBlocks) {
            node.disk.zero(newest, end - 2 * Self.block..<end)
        } else if plants(.rottenJournal) {
            node.disk.flipBit(first, at: Self.block + 200, bit: 3)
        }
    }

    private func lose(_ path: String, of disk: SimulatedDisk) {
        disk.restart()
        do throws(DiskError) {
            try disk.remove(path)
            try disk.syncDirectory("\(SimulatedNode.folder)/journal")
        } catch {
            tell("the segment could not be taken away: \(error)")
        }
        disk.crash()
    }

    private static let block = 4_096

    /// The end of the last block of a file that is not all zeros.
    private static func end(of path: String, on disk: SimulatedDisk) -> Int {
        guard let bytes = disk.contents(path), let last = bytes.lastIndex(where: { $0 != 0 }) else {
            return 0
        }
        return (last / block + 1) * block
    }
}

extension Scenario {
    /// Makes a world in which the bug has its occasion.
    mutating func prepare(for sabotage: Sabotage) {
        if nodes == 1 {
            nodes = 3
            clockRates = Array(repeating: 1_000, count: 3)
            wallStarts = Array(repeating: wallStarts[0], count: 3)
            liar = nil
        }
        weak = Array(0..<nodes)
        quality = SimulatedNetwork.Quality()
        // So that the nodes compare at every entry.
        if sabotage == .unseenDivergence { settings.digestInterval = 1 }
        switch sabotage {
        case .lostSegment, .lostBlocks, .rottenJournal: faults = [.crash]
        case .unmendedLinks: faults = [.isolation]
        case .lonelyClock:
            faults = [.transfer]
            liar = 0
            wallStarts = wallStarts.indices.map { _ in Self.start }
            wallStarts[0] += 36_000_000
        case .stillClocks:
            faults = [.transfer]
            liar = nil
            clockRates = clockRates.map { _ in 1_000 }
        case .tornSnapshot:
            faults = [.crash]
            settings.snapshotInterval = 2_000
        case .readWithoutIndex: faults = [.isolation, .pause]
        case .reportBeforeSync, .wrongAnswer, .foreignAnswer, .wrongReply, .secondAnswer,
            .lostAnswer, .refusedProposal, .doubledCommand, .skippedCommands, .unseenDivergence,
            .applyBeforeCommit, .silentDisk:
            faults = [.crash, .isolation]
        }
    }
}

extension Entry {
    /// Whether a client's or a node's commands are in it.
    fileprivate var hasCommands: Bool {
        if case .commands = header.kind { true } else { false }
    }
}

extension Answer {
    /// The answer in these bytes, if it can be read.
    fileprivate init?(lenient bytes: [UInt8]) {
        do throws(ProtocolError) {
            try self.init(decoding: bytes)
        } catch {
            // Whoever looks at the answer itself will say what is wrong with it.
            return nil
        }
    }
}
