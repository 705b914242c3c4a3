/// Appending at both ends: proposals, entries, answers, backing up, heartbeats (Raft §5.3).
extension Raft {
    /// Takes the leader's data out of the role, so that it can be changed in place beside the rest
    /// of the value; whoever takes it puts it back.
    ///
    /// Nil unless leader.
    mutating func takeLeadership() -> Leadership? {
        guard case .leader(let leadership) = current else { return nil }
        current = .listening
        return leadership
    }

    // MARK: The leader's side

    /// Appends the node's entry and sends it to all at once, while it is being written here.
    mutating func propose(_ header: EntryHeader, into effects: inout Effects) {
        precondition(
            header.size >= 0 && header.size <= Limits.maximumEntrySize,
            "an entry of \(header.size) bytes; the limit is \(Limits.maximumEntrySize)"
        )
        if let reason = refusal(of: header) {
            effects.refusals.append(ProposalRefusal(position: header.position, reason: reason))
            return
        }
        write([header], truncatingFrom: nil, into: &effects)
        guard var leadership = takeLeadership() else { return }
        leadership.uncommittedSize += header.size
        leadership.wantedConfiguration = nil
        for place in leadership.progress.indices {
            sendEntries(to: place, &leadership, evenIfNone: false, into: &effects)
        }
        current = .leader(leadership)
    }

    private func refusal(of header: EntryHeader) -> ProposalRefusal.Reason? {
        guard case .leader(let leadership) = current else { return .notLeader }
        guard header.term == term, header.index == log.lastIndex.next else { return .outOfPlace }
        switch header.kind {
        case .noOp: return nil
        case .configuration(let configuration):
            // Membership changes have rules of their own, and were judged by them.
            return leadership.wantedConfiguration == configuration ? nil : .outOfPlace
        case .commands: break
        }
        return refusalOfCommands
    }

    /// Why an entry of commands that follows the log would not be taken now, whatever its size; nil
    /// if it would.
    ///
    /// Asked before the entry is built too, so that one that is built is taken: it may go past the
    /// limit by its own size.
    var refusalOfCommands: ProposalRefusal.Reason? {
        guard case .leader(let leadership) = current, keepsState else { return .notLeader }
        // A term begins with its no-op.
        if log.last.term != term { return .outOfPlace }
        if leadership.transfer != nil { return .transferring }
        let isTooMuch = leadership.uncommittedSize >= Limits.maximumUncommittedSize
        return isTooMuch ? .tooMuchUncommitted : nil
    }

    /// Sends what the peer lacks, as far as its window is open.
    ///
    /// `evenIfNone` sends an empty message if there is nothing to send, which asks whether the peer
    /// has what was sent before.
    func sendEntries(
        to place: Int,
        _ leadership: inout Leadership,
        evenIfNone: Bool,
        into effects: inout Effects
    ) {
        if asksForSnapshot(place, &leadership, into: &effects) { return }
        var isWanted = evenIfNone
        while leadership.progress[place].hasRoom {
            let next = leadership.progress[place].nextIndex
            guard isWanted || next <= log.lastIndex else { return }
            isWanted = false
            sendAppend(from: next, to: place, &leadership, into: &effects)
        }
        if isWanted, leadership.progress[place].state == .replicating {
            sendEmptyAppend(to: place, &leadership, into: &effects)
        }
    }

    /// A follower's answer.
    mutating func received(
        _ reply: AppendEntriesReply,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard var leadership = takeLeadership() else { return }
        defer { current = .leader(leadership) }
        guard let place = leadership.place(of: peer) else { return }
        leadership.progress[place].silentTicks = 0
        switch reply.outcome {
        case .accepted(let match):
            // Further than our log is no answer to anything that we sent.
            guard match <= log.lastIndex else { return }
            noteStart(of: place, match: match, &leadership)
            if leadership.progress[place].accepted(match: match) {
                advanceCommitIndex(&leadership, into: &effects)
                tellSuccessor(&leadership, into: &effects)
            }
        case .rejected(let previous, let hint):
            let agreement = log.lastPosition(notAfter: hint.index, termAtMost: hint.term)
            guard
                leadership.progress[place].rejected(
                    previous: previous,
                    agreement: agreement.index
                )
            else { return }
        }
        let isProbing = leadership.progress[place].state == .probing
        sendEntries(to: place, &leadership, evenIfNone: isProbing, into: &effects)
    }

    /// Heartbeats to all, with the newest read round.
    func sendHeartbeats(_ leadership: inout Leadership, into effects: inout Effects) {
        for place in leadership.progress.indices {
            sendHeartbeat(to: place, &leadership, into: &effects)
        }
    }

    /// One heartbeat.
    ///
    /// Names no more as committed than the peer is known to have.
    func sendHeartbeat(
        to place: Int,
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) {
        let commit = min(commitIndex, leadership.progress[place].matchIndex)
        leadership.progress[place].toldCommitIndex = commit
        let heartbeat = Heartbeat(commitIndex: commit, readRound: leadership.reads.round)
        sendAsLeader(.heartbeat(heartbeat), to: leadership.progress[place].id, into: &effects)
    }

    /// The commit index to those who have heard of it neither with entries nor with a heartbeat:
    /// at most a tick late, and for nothing while entries flow.
    func tellCommitIndex(_ leadership: inout Leadership, into effects: inout Effects) {
        for place in leadership.progress.indices {
            let match = leadership.progress[place].matchIndex
            if leadership.progress[place].toldCommitIndex < min(commitIndex, match) {
                sendHeartbeat(to: place, &leadership, into: &effects)
            }
        }
    }

    /// A follower confirms that it follows: reads move on, and so does what was paused.
    mutating func received(
        _ reply: HeartbeatReply,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard var leadership = takeLeadership() else { return }
        defer { current = .leader(leadership) }
        guard let place = leadership.place(of: peer) else { return }
        leadership.progress[place].silentTicks = 0
        let isStuck = leadership.progress[place].resume(last: log.lastIndex)
        if isStuck, leadership.progress[place].state == .probing,
            !asksForSnapshot(place, &leadership, into: &effects)
        {
            // The first probe brought entries, and a slow disk may still be at them: the second
            // one only asks.
            sendEmptyAppend(to: place, &leadership, into: &effects)
            leadership.progress[place].probed()
        } else {
            sendEntries(to: place, &leadership, evenIfNone: isStuck, into: &effects)
        }
        guard reply.readRound <= leadership.reads.round else { return }
        if leadership.progress[place].readRound < reply.readRound {
            leadership.progress[place].readRound = reply.readRound
            confirmReads(&leadership, into: &effects)
        }
    }

    private func sendAppend(
        from first: LogIndex,
        to place: Int,
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) {
        let (entries, size) = log.batch(from: first)
        let last = LogIndex(first.previous.value + UInt64(entries.count))
        compose(previous: first.previous, entries, to: place, &leadership, into: &effects)
        leadership.progress[place].sent(through: last, size: size)
    }

    private func sendEmptyAppend(
        to place: Int,
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) {
        let previous = leadership.progress[place].nextIndex.previous
        compose(previous: previous, [], to: place, &leadership, into: &effects)
    }

    private func compose(
        previous: LogIndex,
        _ entries: [EntryHeader],
        to place: Int,
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) {
        guard let term = log.term(at: previous), let hash = log.hash(at: previous) else {
            preconditionFailure("entries after \(previous) are sent from a log through \(log.last)")
        }
        let last = LogIndex(previous.value + UInt64(entries.count))
        let told = max(leadership.progress[place].toldCommitIndex, min(commitIndex, last))
        leadership.progress[place].toldCommitIndex = told
        let append = AppendEntries(
            previous: LogPosition(index: previous, term: term),
            previousHash: hash,
            entries: entries,
            commitIndex: commitIndex
        )
        sendAsLeader(.appendEntries(append), to: leadership.progress[place].id, into: &effects)
    }

    /// A leader's term is durable, or its own vote would not have counted: nothing to wait for.
    func sendAsLeader(_ body: MessageBody, to peer: NodeID, into effects: inout Effects) {
        effects.messages.append(
            Message(group: group, from: id, to: peer, term: term, body: body)
        )
    }
}
