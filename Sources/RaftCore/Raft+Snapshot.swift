/// Compacting the log, and a snapshot in its place (Raft §7).
///
/// A snapshot holds committed state alone, so it is true in any term and from any peer: the node
/// fetches and verifies it, and only then speaks of it here.
extension Raft {
    /// Forgets what was applied and is not needed any more.
    mutating func compact(through index: LogIndex) {
        precondition(
            index <= releasedIndex,
            "compaction through \(index), but only \(releasedIndex) was released to be applied"
        )
        log.compact(through: index)
    }

    /// The state as of `start` is at hand.
    ///
    /// A log that holds the entry there goes on, and learns that it is committed; any other is
    /// replaced as a whole: what it holds contradicts, or does not reach, what is committed (Raft
    /// figure 13; hashicorp/raft#697).
    mutating func installSnapshot(_ start: LogStart, into effects: inout Effects) {
        let position = start.position
        // A leader holds whatever is committed, and learns by counting how far that is.
        guard position.index > commitIndex, !isLeader, let incoming = start.configuration
        else { return }
        if let term = log.term(at: position.index), term == position.term {
            guard log.hash(at: position.index) == start.hash else {
                effects.alarm = .divergentHash(position: position, from: leader)
                return
            }
            advanceCommitIndex(to: position.index)
            return
        }
        if position.term > term {
            write(HardState(term: position.term, vote: .none), into: &effects)
            becomeFollower(of: .none, into: &effects)
        }
        log = Log(start: start, headers: [])
        commitIndex = position.index
        releasedIndex = position.index
        let number = durability.willReset(to: position.index)
        effects.persists.append(Persist(number: number, start: start))
        pendingInstall = PendingInstall(number: number, start: start)
        effects.committed = nil
        if configuration != incoming { configurationChanged(into: &effects) }
        guard leader != .none else { return }
        send(
            .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: position.index))),
            to: leader,
            after: number,
            into: &effects
        )
    }

    /// Hands an installed snapshot out once it durably stands for the log.
    ///
    /// Says whether entries may be handed out: not before.
    mutating func releaseInstall(into effects: inout Effects) -> Bool {
        guard let pending = pendingInstall else { return true }
        guard pending.number <= durability.durableNumber else { return false }
        pendingInstall = nil
        effects.installed = pending.start
        return true
    }

    /// Whether the peer lacks what is compacted here; then nothing but a snapshot helps it.
    func asksForSnapshot(
        _ place: Int,
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) -> Bool {
        if leadership.progress[place].state == .snapshotting,
            leadership.progress[place].nextIndex > log.base.index
        {
            return true
        }
        guard leadership.progress[place].nextIndex <= log.base.index else { return false }
        guard mayBeginAnew(leadership.progress[place].id, leadership) else { return true }
        if leadership.progress[place].state != .snapshotting {
            leadership.progress[place].becomeSnapshotting(base: log.base.index)
            effects.neededSnapshots.append(leadership.progress[place].id)
        }
        return true
    }

    /// The peer is asked again where it stands, and offered another snapshot if it still needs one.
    mutating func snapshotFailed(_ peer: NodeID, into effects: inout Effects) {
        guard var leadership = takeLeadership() else { return }
        if let place = leadership.place(of: peer) {
            leadership.progress[place].snapshotFailed(base: log.base.index)
        }
        current = .leader(leadership)
    }
}

/// A snapshot on its way to the disk.
struct PendingInstall: Hashable, Sendable {
    /// The write after which it stands for the log.
    let number: PersistNumber
    /// Where the log begins then.
    let start: LogStart
}
