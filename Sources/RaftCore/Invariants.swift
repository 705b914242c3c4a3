/// What is true between any two steps. Checked after each, in release too: all of it is O(1) but
/// the leader's peers, who are few.
extension Raft {
    /// Stops the process upon a bug of ours, before it can reach a disk or a peer.
    func checkInvariants() {
        precondition(
            commitIndex <= log.lastIndex,
            "committed through \(commitIndex), but the log ends at \(log.last)"
        )
        precondition(
            durability.persistedIndex <= log.lastIndex,
            "durable through \(durability.persistedIndex), but the log ends at \(log.last)"
        )
        precondition(
            releasedIndex <= commitIndex,
            "released \(releasedIndex) to be applied, committed only \(commitIndex)"
        )
        precondition(
            log.last.term <= term,
            "the log ends in term \(log.last.term), which is after the current term \(term)"
        )
        precondition(
            termLeader == .none || leader == .none || termLeader == leader,
            "term \(term) is led by \(termLeader), not by \(leader)"
        )
        switch current {
        case .follower, .preCandidate: break
        case .candidate:
            precondition(
                hardState.vote == id,
                "candidate of term \(term) whose vote is for \(hardState.vote)"
            )
        case .leader(let leadership):
            check(leadership)
        }
    }

    private func check(_ leadership: Leadership) {
        precondition(
            hardState.vote == id && termLeader == id,
            "leads term \(term) with a vote for \(hardState.vote)"
        )
        precondition(
            leadership.uncommittedSize >= 0,
            "\(leadership.uncommittedSize) bytes are uncommitted"
        )
        for progress in leadership.progress {
            precondition(
                progress.matchIndex < progress.nextIndex
                    && progress.nextIndex <= log.lastIndex.next,
                "peer \(progress.id): match \(progress.matchIndex), next \(progress.nextIndex), log through \(log.last)"
            )
        }
    }
}
