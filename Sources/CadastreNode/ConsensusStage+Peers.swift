internal import CadastreDisk
internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

extension ConsensusStage {
    /// Checks a peer's message to the last byte before Raft hears of it: whose it is, that its
    /// entries are whole and can be executed, and that their hashes chain.
    mutating func received(
        _ bytes: [UInt8],
        from peer: NodeID,
        group: GroupID,
        into output: inout ConsensusOutput
    ) {
        // What an old disk has said counts for who leads, or wants to. A follower hears everybody that
        // the door lets in: the log that it is catching up with may name a new disk of the very leader
        // that sends it, over a connection that is long since that disk's.
        guard raft.role == .follower || !unconfirmedPeers.contains(peer) else { return }
        let decoded: PeerMessage
        do throws(ProtocolError) {
            decoded = try PeerMessage(decoding: bytes, group: group)
        } catch {
            output.peerFaults.append(PeerFault(peer: peer, reason: "\(error)"))
            return
        }
        var message = decoded.message
        guard message.from == peer, message.to == identity.node, group == self.group else {
            output.peerFaults.append(
                PeerFault(
                    peer: peer,
                    reason: "a message from node \(message.from) to node \(message.to)"
                )
            )
            return
        }
        clocks.heard(peer, wall: decoded.wallMilliseconds, at: now)
        if decoded.isStateBehind != raft.laggards.contains(peer) {
            step(.peerLags(peer, decoded.isStateBehind), into: &output)
        }
        incoming.removeAll(keepingCapacity: true)
        incomingCommands.removeAll(keepingCapacity: true)
        if case .appendEntries(var append) = message.body {
            do throws(StorageError) {
                incoming = try verifiedEntries(decoded.entries, after: append)
            } catch {
                output.peerFaults.append(PeerFault(peer: peer, reason: "\(error)"))
                return
            }
            append.entries = incoming.map(\.header)
            message.body = .appendEntries(append)
        }
        step(.received(message), into: &output)
    }

    private mutating func verifiedEntries(
        _ encoded: [[UInt8]],
        after append: AppendEntries
    ) throws(StorageError) -> [Entry] {
        var entries: [Entry] = []
        entries.reserveCapacity(encoded.count)
        var previous = append.previousHash
        var index = append.previous.index
        let hasher = SHA256()
        var size = 0
        for bytes in encoded {
            let entry = try Entry(decoding: bytes)
            index = index.next
            guard entry.cluster == identity.cluster, entry.group == group,
                entry.header.index == index, entry.verifies(after: previous, using: hasher)
            else {
                throw .malformedEntry(
                    reason:
                        "entry \(entry.header.position) does not follow \(append.previous) by its chain"
                )
            }
            // What this node stores it must be able to execute: better a peer that is told so than
            // a log that stops every start.
            var commands: [CommandEnvelope] = []
            try entry.decodeCommands(into: &commands)
            size += entry.rawSize
            incomingCommands.append(size <= DecodedCommands.maximumSize ? commands : [])
            previous = entry.header.hash
            entries.append(entry)
        }
        return entries
    }

    /// Sends a message; one with entries as soon as their bytes are at hand.
    ///
    /// Appends to one peer leave in the order in which they were made: one that overtook another
    /// would be rejected, and all would be sent again.
    mutating func send(_ message: Message, into output: inout ConsensusOutput) {
        guard case .appendEntries(let append) = message.body else {
            emit(message, [], into: &output)
            return
        }
        guard appendQueues.isClear(for: message.to) else {
            appendQueues.hold(message)
            return
        }
        guard let first = append.entries.first else {
            emit(message, [], into: &output)
            return
        }
        let range = first.index..<first.index.advanced(by: append.entries.count)
        if let entries = cache.entries(in: range) {
            emit(message, entries, into: &output)
        } else if first.index <= raft.persistedIndex {
            // What is not yet durable is left out; Raft's pipeline sends it after the reply.
            let end = min(range.upperBound, raft.persistedIndex.next)
            appendQueues.block(message.to)
            output.journal.append(.read(group, first.index..<end, .send(message)))
        }
    }

    /// The journal brought the entries of an older message, perhaps not all of them.
    mutating func sendWithEntries(
        _ message: Message,
        _ entries: [Entry],
        into output: inout ConsensusOutput
    ) {
        guard case .appendEntries(var append) = message.body, message.term == raft.term,
            raft.role == .leader
        else { return }
        defer { for held in appendQueues.release(message.to) { send(held, into: &output) } }
        // A read is bounded by bytes: the follower takes what came, Raft's pipeline sends the
        // rest again once the reply shows that it is missing.
        append.entries = entries.map(\.header)
        var shortened = message
        shortened.body = .appendEntries(append)
        emit(shortened, entries, into: &output)
    }

    private func emit(
        _ message: Message,
        _ entries: [Entry],
        into output: inout ConsensusOutput
    ) {
        let encoded = PeerMessage(
            message: message,
            wallMilliseconds: now.wall,
            isStateBehind: isStateBehind,
            entries: entries.map(\.bytes)
        )
        output.frames.append(
            PeerFrame(
                to: message.to,
                group: group,
                bytes: encoded.encode(),
                isUrgent: !message.body.isAppend
            )
        )
    }

    mutating func connected(_ peer: NodeID, into output: inout ConsensusOutput) {
        if !connectedPeers.contains(peer) {
            connectedPeers.append(peer)
            connectedPeers.sort()
        }
        unconfirmedPeers.removeAll { $0 == peer }
        step(.peerIsBack(peer), into: &output)
    }

    /// Begins to hand leadership over (thesis §3.10).
    mutating func transferLeadership(
        to target: NodeID?,
        key: RequestKey?,
        into output: inout ConsensusOutput
    ) {
        guard raft.role == .leader else {
            if let key { refuse(key, .notLeader, into: &output) }
            return
        }
        guard let successor = target ?? furthestVoter, successor != identity.node,
            raft.configuration.fullVoters.contains(successor)
        else {
            if let key { refuse(key, .notAVoter, into: &output) }
            return
        }
        guard transfer == nil else {
            if let key { refuse(key, .transferFailed, into: &output) }
            return
        }
        transfer = Transfer(key: key, deadline: now.monotonic + 2 * longestElection)
        step(.transferLeadership(to: successor), into: &output)
    }

    /// The connected voter with the longest durable log, the lowest id among equals.
    private var furthestVoter: NodeID? {
        var best: (id: NodeID, match: LogIndex)?
        for voter in raft.configuration.fullVoters
        where voter != identity.node && connectedPeers.contains(voter) {
            let match = raft.peers.first { $0.id == voter }?.matchIndex ?? .zero
            if best.map({ match > $0.match }) ?? true { best = (voter, match) }
        }
        return best?.id
    }

    /// Ends a hand-over that Raft gave up, or that was told and led to nothing.
    mutating func failLateTransfer(into output: inout ConsensusOutput) {
        guard let transfer else { return }
        let isGivenUp = raft.role == .leader && raft.transferTarget == .none
        guard isGivenUp || now.monotonic >= transfer.deadline else { return }
        self.transfer = nil
        if let key = transfer.key { refuse(key, .transferFailed, into: &output) }
    }
}
