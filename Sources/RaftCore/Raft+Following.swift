/// The follower's side of replication: check, append, acknowledge (Raft §5.3).
extension Raft {
    /// Entries of the term's leader.
    ///
    /// An entry is acknowledged once it is durable *as this entry*.
    mutating func received(
        _ append: AppendEntries,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard follow(peer, into: &effects), isWellFormed(append) else { return }
        let previous = append.previous
        guard previous.index >= log.base.index else {
            // Below what was compacted everything is committed: it matches, and is not appended
            // again. The leader goes on from there.
            let base = log.base.index
            send(
                .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: base))),
                to: peer,
                after: durability.number(of: base),
                into: &effects
            )
            return
        }
        guard let term = log.term(at: previous.index), term == previous.term else {
            if previous.index <= commitIndex {
                effects.alarm = .committedEntryContradicted(position: previous, from: peer)
            } else {
                rejectAppend(
                    after: previous.index,
                    termAtMost: previous.term,
                    to: peer,
                    into: &effects
                )
            }
            return
        }
        guard log.hash(at: previous.index) == append.previousHash else {
            effects.alarm = .divergentHash(position: previous, from: peer)
            return
        }
        guard store(append.entries, from: peer, into: &effects) else { return }
        let match = append.entries.last?.index ?? previous.index
        advanceCommitIndex(to: min(append.commitIndex, match))
        send(
            .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: match))),
            to: peer,
            after: durability.number(of: match),
            into: &effects
        )
    }

    /// The leader is alive.
    ///
    /// The commit index counts only as far as this leader's log is known to be here: a log whose
    /// last entry is of the term came whole from the term's leader (log matching, Raft §5.3), any
    /// other proves nothing (scylladb#9965).
    mutating func received(
        _ heartbeat: Heartbeat,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard follow(peer, into: &effects) else { return }
        if log.last.term == term {
            advanceCommitIndex(to: min(heartbeat.commitIndex, log.lastIndex))
        }
        let reply = HeartbeatReply(readRound: heartbeat.readRound)
        send(.heartbeatReply(reply), to: peer, into: &effects)
    }

    /// Says that the log does not hold what the message builds on, and where it may agree.
    mutating func rejectAppend(
        after previous: LogIndex,
        to peer: NodeID,
        into effects: inout Effects
    ) {
        rejectAppend(after: previous, termAtMost: term, to: peer, into: &effects)
    }

    private mutating func rejectAppend(
        after previous: LogIndex,
        termAtMost limit: Term,
        to peer: NodeID,
        into effects: inout Effects
    ) {
        let hint = log.lastPosition(notAfter: previous, termAtMost: limit)
        let outcome = AppendEntriesReply.Outcome.rejected(previous: previous, hint: hint)
        send(.appendEntriesReply(AppendEntriesReply(outcome: outcome)), to: peer, into: &effects)
    }

    /// Takes the sender as the term's leader, unless there is another.
    mutating func follow(_ peer: NodeID, into effects: inout Effects) -> Bool {
        guard termLeader == .none || termLeader == peer else {
            effects.alarm = .twoLeaders(term: term, known: termLeader, other: peer)
            return false
        }
        if case .follower(let following) = current, following.leader == peer {
            electionElapsed = 0
        } else {
            becomeFollower(of: peer, into: &effects)
        }
        return true
    }

    /// Appends what is new, in place of a tail that contradicts it.
    ///
    /// Says false upon an alarm.
    private mutating func store(
        _ entries: [EntryHeader],
        from peer: NodeID,
        into effects: inout Effects
    ) -> Bool {
        var known = 0
        while known < entries.count, let mine = log.header(at: entries[known].index) {
            if mine.term != entries[known].term { break }
            guard mine.hash == entries[known].hash else {
                effects.alarm = .divergentHash(position: mine.position, from: peer)
                return false
            }
            known += 1
        }
        guard known < entries.count else { return true }
        let first = entries[known].index
        guard first <= log.lastIndex else {
            write(entries[known...], truncatingFrom: nil, into: &effects)
            return true
        }
        guard first > commitIndex else {
            effects.alarm = .committedEntryContradicted(
                position: entries[known].position,
                from: peer
            )
            return false
        }
        write(entries[known...], truncatingFrom: first, into: &effects)
        return true
    }

    /// Whether the entries are contiguous, in order, of possible terms and sizes.
    ///
    /// The node has checked their bytes; a message that fails here is of a broken peer and is
    /// dropped.
    private func isWellFormed(_ append: AppendEntries) -> Bool {
        guard append.previous.index.value <= Limits.maximumTerm,
            append.entries.count <= Limits.maximumEntriesPerMessage
        else { return false }
        var last = append.previous
        for entry in append.entries {
            guard entry.index == last.index.next, entry.term >= last.term, entry.term <= term,
                entry.size >= 0, entry.size <= Limits.maximumEntrySize
            else { return false }
            if case .configuration(let configuration) = entry.kind {
                guard configuration.isUsable else { return false }
            }
            last = entry.position
        }
        return last.term <= term
    }
}
