internal import RaftCore

/// What a group is, but for the entries themselves; and what may follow.
struct LogState: Hashable {
    var hardState = HardState.initial
    /// What stands before the first entry that is kept.
    var start = LogStart.beginning
    /// The last entry, that of the start if none is kept.
    var last = LogPosition.zero
    /// Its hash.
    var hash = EntryHash.zero

    /// What a batch header says of the group.
    func mark(_ group: GroupID) -> GroupMark {
        GroupMark(group: group, hardState: hardState, last: last, hash: hash)
    }

    // The same rules when writing, where a breach is a bug, and when recovering, where it is damage.

    /// Why this may not follow, or `nil`.
    func objection(toAppending header: EntryHeader) -> String? {
        if header.index != last.index.next {
            return "entry \(header.position) does not follow \(last)"
        }
        if header.term < last.term { return "the term of entry \(header.position) goes back" }
        return nil
    }

    /// Why a truncation may not happen, or `nil`.
    ///
    /// What stands before the log is never taken away: of what is before that nothing is known.
    func objection(toTruncatingFrom index: LogIndex) -> String? {
        index > start.position.index && index <= last.index.next
            ? nil
            : "a truncation from \(index) of a log that follows \(start.position) and ends at \(last)"
    }

    /// Why a log may not begin here, or `nil`.
    func objection(toBeginningAt start: LogStart) -> String? {
        start.position.index > .zero && start.position.term > .zero
            ? nil : "a log that follows \(start.position) in place of another"
    }

    /// Why a hard state may not follow, or `nil`.
    ///
    /// Terms grow, and a vote is never taken back.
    func objection(to state: HardState) -> String? {
        if state.term < hardState.term { return "the term goes back to \(state.term)" }
        if state.term == hardState.term, hardState.vote != .none, state.vote != hardState.vote {
            return "a second vote in term \(state.term)"
        }
        return nil
    }
}
