/// What Raft knows of an entry: everything but the payload.
public struct EntryHeader: Hashable, Sendable {
    /// Where and in which era.
    public var position: LogPosition
    /// What it is for.
    ///
    /// The content of a configuration entry is part of the algorithm and stands here.
    public var kind: EntryKind
    /// Bytes of the whole encoded entry, at most ``Limits/maximumEntrySize``.
    public var size: Int
    /// Fixes this entry's bytes and all before it: equal position implies equal hash.
    public var hash: EntryHash

    /// Describes one entry.
    public init(position: LogPosition, kind: EntryKind, size: Int, hash: EntryHash) {
        self.position = position
        self.kind = kind
        self.size = size
        self.hash = hash
    }

    /// The place.
    public var index: LogIndex { position.index }
    /// The era.
    public var term: Term { position.term }
}

/// What an entry is for.
public enum EntryKind: Hashable, Sendable {
    /// A block of commands for the state machine.
    case commands
    /// Opens a leader's term, so that it may commit and serve reads (Raft §8, thesis §6.4).
    case noOp
    /// Who belongs to the group from here on (Raft §6). Index 1 of every group is one.
    case configuration(Configuration)
}
