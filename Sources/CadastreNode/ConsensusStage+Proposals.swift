internal import CadastreDisk
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

extension ConsensusStage {
    /// Queues commands, or says at once why not: a command that does not wait was not proposed.
    mutating func admit(_ commands: [WaitingCommand], into output: inout ConsensusOutput) {
        proposers.came(commands.count, at: now.monotonic)
        let commands = commands.span
        for place in commands.indices {
            if raft.role != .leader || identity.isWitness {
                refuse(commands[place].key, .notLeader, into: &output)
            } else if isDiskFull || isSpaceLow && commands[place].isGrowing {
                refuse(commands[place].key, .diskFull, into: &output)
            } else if !proposals.add(commands[place]) {
                refuse(commands[place].key, .overloaded, into: &output)
            }
        }
    }

    /// Queues queries for the read index of this turn, the leader's own or the one that it tells a
    /// follower; those that may be of some age are answered by an index of that age, if there is one.
    mutating func admit(_ queries: [WaitingQuery], into output: inout ConsensusOutput) {
        for query in queries {
            if identity.isWitness {
                refuse(query.key, .notLeader, into: &output)
            } else if let age = query.maximumAge,
                let known = reads.index(at: now.monotonic, within: age)
            {
                output.apply.append(.query(query, index: known))
            } else if raft.role != .leader, raft.leader == .none {
                refuse(query.key, .notLeader, into: &output)
            } else if reads.count >= settings.maximumWaitingQueries {
                refuse(query.key, .overloaded, into: &output)
            } else {
                reads.add(query, at: now.monotonic)
            }
        }
    }

    /// Turns what waits into blocks.
    ///
    /// Whatever came while the disk was busy is the next block, unless it is held back; a command of
    /// a caller that is alone never is.
    mutating func proposeBlocks(into output: inout ConsensusOutput) {
        while raft.canPropose, hasRoomForBlock, !isDiskFull {
            let tick = dueTick()
            guard tick != nil || !proposals.isEmpty && !isHeldBack else { return }
            // With the lengths of the commands, and a tick.
            var block = BlockBuilder(expectedSize: proposals.size + 4 * proposals.count + 256)
            var keys: [RequestKey?] = []
            keys.reserveCapacity(min(proposals.count, BlockLimits.blockOperations) + 1)
            var commands: [CommandEnvelope] = []
            commands.reserveCapacity(keys.capacity)
            if let tick {
                guard block.add(tick.encode()) else {
                    preconditionFailure("a tick does not fit into an empty block")
                }
                keys.append(nil)
                commands.append(tick)
                lastTickProposed = now.monotonic
                newestMark = nil
            }
            var expired: [WaitingCommand] = []
            proposals.draw(
                into: &block,
                keys: &keys,
                commands: &commands,
                now: now.monotonic,
                expired: &expired
            )
            for command in expired { refuse(command.key, .deadlinePassed, into: &output) }
            guard !keys.isEmpty else { continue }
            let position = LogPosition(index: raft.lastPosition.index.next, term: raft.term)
            blocks.add(position, keys: keys, at: now.monotonic)
            // Where one is not known, all are decoded when the entry is executed.
            if commands.count < keys.count { commands = [] }
            propose(.commands, block: block.finish(), commands: commands, into: &output)
        }
    }

    /// While no block is built, nothing else looks at the deadlines of what waits.
    mutating func refuseExpiredCommands(into output: inout ConsensusOutput) {
        guard !proposals.isEmpty, !raft.canPropose || !hasRoomForBlock || isHeldBack else { return }
        for command in proposals.takeExpired(at: now.monotonic) {
            refuse(command.key, .deadlinePassed, into: &output)
        }
    }

    /// Whether what waits should wait until it is as much as is not answered yet, so that two large
    /// blocks take turns instead of many small ones, and then for those who were just answered, so that
    /// the two become one: only while a commit does not take long, and each for 4 ms at most.
    private var isHeldBack: Bool {
        guard let time = blocks.commitTime, time < settings.gatherTime,
            proposals.count < BlockLimits.blockOperations, proposals.size < BlockLimits.blockSize
        else { return false }
        guard blocks.commandCount == 0 else {
            return proposals.count < blocks.commandCount
                && now.monotonic - min(now.monotonic, blocks.lastProposed) < settings.gatherTime
        }
        return proposers.areAwaited(by: proposals.count, at: now.monotonic)
    }

    /// Notes that so many commands were answered.
    mutating func noteAnswered(_ count: Int) {
        let gatherTime = settings.gatherTime
        // About what is won if they come, so that little is lost if they do not.
        let limit = max(gatherTime / 4, 2 * min(blocks.commitTime ?? 0, gatherTime / 2))
        proposers.answered(count, until: now.monotonic + limit, at: now.monotonic)
    }

    /// Whether something waits for nothing but that what is on its way is answered.
    var isHoldingBack: Bool {
        areReadsHeldBack || delivery.isFull || blocks.commandCount > 0 && areCommandsHeldBack
    }

    private var areCommandsHeldBack: Bool {
        !proposals.isEmpty && raft.canPropose && hasRoomForBlock && !isDiskFull && isHeldBack
    }

    /// The monotonic moment at which a turn is due even if nothing comes; nil: none is.
    ///
    /// What waits for callers to come back must not wait for ever.
    var nextTurn: UInt64? {
        areCommandsHeldBack && blocks.commandCount == 0 ? proposers.end : nil
    }

    /// The same for reads, which are answered within less.
    var areReadsHeldBack: Bool {
        reads.isHeldBack(at: now.monotonic, limit: settings.gatherTime / 4)
    }

    private var hasRoomForBlock: Bool {
        raft.lastPosition.index.value - raft.persistedIndex.value < settings.maximumUnsyncedBlocks
    }

    /// The Tick that opens the next block, when cluster time has stood long enough.
    private mutating func dueTick() -> CommandEnvelope? {
        let age = lastTickProposed.map { now.monotonic - $0 }
        if let age, age < settings.tickWithWork { return nil }
        let isEarly = proposals.isEmpty && age.map { $0 < settings.tickWhenIdle } ?? false
        if isEarly {
            // Not each turn that has only reads.
            let look = lastLookAtClocks.map { now.monotonic - $0 }
            if let look, look < settings.tickWithWork { return nil }
            lastLookAtClocks = now.monotonic
        }
        guard
            var tick = clocks.tick(of: raft.configuration.voters, own: identity.node, at: now)
        else { return nil }
        if isEarly, !isBehind(tick) { return nil }
        // Every node compares it with its own when it applies the tick, this one too.
        tick.mark = newestMark.map {
            TickMark(
                index: $0.index.value,
                digestHigh: $0.digest.high,
                digestLow: $0.digest.low
            )
        }
        return CommandEnvelope(
            principal: .node(identity.node.value),
            tenant: .none,
            identity: .none,
            command: .tick(tick)
        )
    }

    /// Whether one tick does not bring cluster time up to the clocks: after a standstill it takes
    /// several, and they come as fast as with work to do.
    private func isBehind(_ tick: Tick) -> Bool {
        guard clusterTime > 0, let median = tick.median,
            median <= StateLimits.maximumClusterTime
        else { return false }
        return median > clusterTime + StateLimits.maximumTickMilliseconds
    }

    /// Builds the entry that Raft itself wants and proposes it.
    mutating func propose(_ kind: EntryKind, into output: inout ConsensusOutput) {
        noteProposal(of: kind)
        propose(kind, block: nil, commands: [], into: &output)
    }

    /// Builds the entry that follows the log's end and proposes it.
    private mutating func propose(
        _ kind: EntryKind,
        block: Block?,
        commands: [CommandEnvelope],
        into output: inout ConsensusOutput
    ) {
        let entry = Entry.make(
            cluster: identity.cluster,
            group: group,
            position: LogPosition(index: raft.lastPosition.index.next, term: raft.term),
            kind: kind,
            featureLevel: raft.configuration.featureLevel,
            now: now.wall,
            random: (generator.next(), generator.next()),
            previousHash: raft.lastHash,
            block: block
        )
        incoming = [entry]
        incomingCommands = [commands]
        step(.propose(entry.header), into: &output)
        // What follows from it may be a further entry already: a new leader's first one is enough for
        // leaving a joint configuration that is known to be committed.
        precondition(
            raft.header(at: entry.header.index)?.position == entry.header.position,
            "Raft refused entry \(entry.header.position), for which it had room: \(effects.refusals)"
        )
    }
}
