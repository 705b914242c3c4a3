/// Every bound of the algorithm, with its reason.
public enum Limits {
    /// Bytes of one encoded entry: a command may be 4 MiB, and its envelope comes on top.
    public static let maximumEntrySize = 4 * 1_048_576 + 65_536
    /// Entries in one ``AppendEntries``.
    public static let maximumEntriesPerMessage = 1_024
    /// Bytes of entries in one ``AppendEntries``: one large entry, or many small ones.
    public static let maximumAppendSize = 1_048_576
    /// Messages with entries on the way to one follower.
    public static let maximumInflightMessages = 256
    /// Bytes of entries on the way to one follower: what a slow peer may cost the leader.
    public static let maximumInflightSize = 16 * 1_048_576
    /// Bytes proposed and not committed, from which on a leader takes no more (etcd#10167); the last
    /// entry before may go past it.
    public static let maximumUncommittedSize = 64 * 1_048_576
    /// Reads waiting for their quorum round, or for the first commit of the term, which may take as
    /// long as a quorum answers heartbeats without making entries durable.
    public static let maximumWaitingReads = 65_536
    /// Members of a group; quorums are computed in place.
    public static let maximumMembers = 16
    /// Countries that a policy may name: more than Europe has.
    public static let maximumCountries = 64
    /// Sites that a policy may prefer.
    public static let maximumPreferredSites = 16
    /// Bytes of a preferred site: as in a certificate.
    public static let maximumPreferredSiteSize = 255
    /// A learner that is promoted may lack this many entries at most: some hundredths of a second of
    /// writes, so that the quorum that counts it does not wait for it (thesis §4.2.1).
    public static let maximumPromotionLag = 256
    /// A term from outside may be ahead of ours by this much; further is a broken peer.
    public static let maximumTermAdvance: UInt64 = 1 << 20
    /// No term or index from outside may be above this, so that sums cannot overflow.
    public static let maximumTerm: UInt64 = 1 << 62
}
