package import RaftCore

/// What an entry of the log says about itself: all that varies comes from here.
package struct EntryContext: Sendable {
    /// Where the entry stands.
    package var position: LogPosition
    /// What it is for; a configuration says who votes.
    package var kind: EntryKind
    /// The leader's clock when it made the entry, milliseconds since 1970.
    ///
    /// Never moves cluster time.
    package var now: UInt64
    /// 16 random bytes that the leader drew for this entry.
    package var random: (UInt64, UInt64)
    /// What every member of the group was able to do when the entry was made.
    package var featureLevel: UInt32

    /// Describes one entry.
    package init(
        position: LogPosition,
        kind: EntryKind,
        now: UInt64,
        random: (UInt64, UInt64),
        featureLevel: UInt32
    ) {
        self.position = position
        self.kind = kind
        self.now = now
        self.random = random
        self.featureLevel = featureLevel
    }
}
