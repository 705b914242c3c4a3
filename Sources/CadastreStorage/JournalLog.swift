internal import CadastreDisk
internal import RaftCore

/// Where an entry's record lies: 16 bytes for each entry kept.
struct EntryPlace: Hashable {
    var segment: UInt64
    var offset: UInt32
    /// Bytes of the entry, without the record's header.
    var size: UInt32
}

/// What the journal keeps in memory of one group.
struct JournalLog: Hashable {
    var hardState = HardState.initial
    /// The last entry, or zero.
    var last = LogPosition.zero
    /// Its hash, or zero.
    var hash = EntryHash.zero
    /// The place of each entry; the first is that of index 1.
    var places: [EntryPlace] = []

    /// The place of an index.
    func place(of index: LogIndex) -> EntryPlace? {
        guard index.value >= 1, index.value <= UInt64(places.count) else { return nil }
        return places[Int(index.value) - 1]
    }

    /// What a batch header says of the group.
    func mark(_ group: GroupID) -> GroupMark {
        GroupMark(group: group, hardState: hardState, last: last, hash: hash)
    }

    /// Why this may not follow, or `nil`.
    ///
    /// The same rules when writing, where a breach is a bug, and when recovering, where it is
    /// damage.
    func objection(toAppending header: EntryHeader) -> String? {
        if header.index != last.index.next {
            return "entry \(header.position) does not follow \(last)"
        }
        if header.term < last.term { return "the term of entry \(header.position) goes back" }
        return nil
    }

    /// Why a truncation may not happen, or `nil`.
    func objection(toTruncatingFrom index: LogIndex) -> String? {
        index >= LogIndex(1) && index <= last.index.next
            ? nil : "a truncation from \(index) of a log that ends at \(last)"
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
