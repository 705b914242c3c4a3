/// The commitment rule (Raft §5.3, §5.4.2), on one page.
extension Raft {
    /// The leader counts: an index is committed once a quorum has it durably, itself included only
    /// as far as its own disk, *and* its entry is of the leader's own term.
    ///
    /// Entries of older terms are committed by what comes after them, never by counting (Raft
    /// figure 8).
    func countedCommitIndex(_ leadership: Leadership) -> LogIndex? {
        let index = quorum.committedIndex { voter in
            if voter == id { return durability.persistedIndex }
            guard let place = leadership.place(of: voter) else { return .zero }
            return leadership.progress[place].matchIndex
        }
        guard index > commitIndex, log.term(at: index) == term else { return nil }
        return index
    }

    /// Counts again after a match moved; reads that waited for it may begin.
    mutating func advanceCommitIndex(
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) {
        guard let index = countedCommitIndex(leadership) else { return }
        leadership.uncommittedSize -= log.size(of: commitIndex.next..<index.next)
        commitIndex = index
        startReadRound(&leadership, into: &effects)
    }

    /// The leader's own entries became durable.
    mutating func ownMatchMoved(into effects: inout Effects) {
        guard var leadership = takeLeadership() else { return }
        advanceCommitIndex(&leadership, into: &effects)
        current = .leader(leadership)
    }

    /// A follower learns what is committed; `index` is proven to match the leader's log.
    mutating func advanceCommitIndex(to index: LogIndex) {
        precondition(
            index <= log.lastIndex,
            "commit index \(index) is beyond the end of the log, \(log.last)"
        )
        commitIndex = max(commitIndex, index)
    }

    /// Hands out what is committed and durable here, once, in order.
    mutating func releaseCommitted(into effects: inout Effects) {
        guard releaseInstall(into: &effects) else { return }
        let through = min(commitIndex, durability.persistedIndex)
        guard through > releasedIndex else { return }
        let first = effects.committed?.lowerBound ?? releasedIndex.next
        if let range = effects.committed {
            precondition(
                range.upperBound == releasedIndex,
                "entries through \(releasedIndex) were released, these effects end at \(range.upperBound)"
            )
        }
        effects.committed = first...through
        releasedIndex = through
    }
}
