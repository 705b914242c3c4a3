package import CadastreStateMachine
package import CadastreStorage
package import RaftCore

/// Who this node is: written in its folder when it was founded, carried by each connection.
package struct NodeIdentity: Hashable, Sendable {
    /// Which cluster.
    package var cluster: ClusterID
    /// Which member.
    package var node: NodeID
    /// Which life of its disk.
    package var incarnation: Incarnation
    /// In which life its journal and its state were founded, which both say of themselves: the same,
    /// unless it was given a new one with its files (``QuorumRecovery``).
    package var filesIncarnation: Incarnation
    /// Which life the configuration named before it was given this one; the same where that is over.
    package var previousIncarnation: Incarnation
    /// It keeps the log alone, and no state: settled when its folder is founded.
    package var isWitness: Bool

    /// Names a node.
    package init(
        cluster: ClusterID,
        node: NodeID,
        incarnation: Incarnation,
        isWitness: Bool = false
    ) {
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
        filesIncarnation = incarnation
        previousIncarnation = incarnation
        self.isWitness = isWitness
    }
}

extension NodeIdentity {
    /// The same, as the state machine names its owner.
    var ofState: StateMachineIdentity {
        StateMachineIdentity(cluster: cluster, node: node, incarnation: filesIncarnation)
    }
}

/// The bounds and times of one node.
package struct NodeSettings: Sendable {
    /// Elections and heartbeats.
    package var timing: Timing = .standard
    /// One tick of `timing`, in milliseconds.
    package var tickMilliseconds = 10
    /// The journal.
    package var journal = JournalSettings()
    /// SQLite.
    package var stateMachine = StateMachineSettings()
    /// Bytes of entries kept in memory for peers and the state machine.
    package var entryCacheSize = 4 * 1_048_576
    /// Commands that may wait for a block; past it clients are told to come back later.
    package var maximumWaitingCommands = 16_384
    /// Their bytes.
    package var maximumWaitingSize = 32 * 1_048_576
    /// Queries that may wait for a quorum, and again for an index; past it clients are told to come
    /// back later.
    ///
    /// Of those that wait for an index, a tenant has as many as it leaves free.
    package var maximumWaitingQueries = 16_384
    /// Blocks proposed and not yet durable here: while one is being synced the next one fills.
    package var maximumUnsyncedBlocks: UInt64 = 1
    /// Where the last block was committed within this, in nanoseconds, what waits is held back while
    /// more than that is not answered yet; 0: it never is.
    ///
    /// For reads a quarter of it. A block costs three nodes some 30 switches of threads, however few
    /// commands it has. Longer than a commit takes among near nodes, and shorter than the way to a
    /// far site and back, for which nobody should wait twice.
    package var gatherTime: UInt64 = 4_000_000
    /// With work to do, cluster time moves at least this often, in nanoseconds.
    package var tickWithWork: UInt64 = 250_000_000
    /// Without, this often, unless cluster time is behind the clocks: several times as often as one
    /// tick can bridge (``StateLimits/maximumTickMilliseconds``), or time would fall behind.
    package var tickWhenIdle: UInt64 = 2_000_000_000
    /// Rows that the apply stage steps over for queries in one turn, before it hands over the answers
    /// and sees whether entries came; an answer counts for eight rows more.
    ///
    /// As many as some 20 reads have, or one list: who asked has its answer while the next turn goes
    /// on, so that clients and nodes work at the same time instead of in turn.
    package var maximumRowsPerTurn: UInt64 = 160
    /// Bytes of the answers of one turn.
    package var maximumAnswersPerTurn = 4 * 1_048_576
    /// Objects of which the apply stage recomputes the digest in one turn; a 32nd of it while queries
    /// wait.
    package var maximumVerifiedPerTurn = 8_192
    /// The digests at indices that this divides are reported, to be compared between nodes.
    package var digestInterval: UInt64 = 1_024
    /// Bytes of entries after which a new snapshot is made, small entries counting 1 KiB each; the
    /// log keeps at least as many behind it, for peers that are a little behind, and about twice as
    /// many at most; while a peer fetches a snapshot, nine times.
    package var snapshotInterval = 256 * 1_048_576
    /// Bytes of the state in one piece of a snapshot.
    package var snapshotChunkSize = SnapshotManifest.usualChunkSize
    /// Bytes a second that snapshots may take of the network, to all peers together.
    package var snapshotRate = 64 * 1_048_576
    /// From one reading of old files to the next, in nanoseconds; 0: they are not read again.
    ///
    /// The first begins after a 24th of it.
    package var scrubInterval: UInt64 = 24 * 3_600 * 1_000_000_000
    /// Bytes a second that it may read.
    package var scrubRate = 8 * 1_048_576
    /// Bytes that are kept free for deleting and administration; below it what grows is refused.
    ///
    /// As much as may be written before a refusal takes effect: what waits and is outstanding, two
    /// segments, a write-ahead log and its checkpoint.
    package var diskReserve = 512 * 1_048_576

    /// The defaults.
    package init() {}

    /// The journal's, with its part of the reserve: half is left to the state, which needs room to
    /// apply what gives room back.
    var reservingJournal: JournalSettings {
        var journal = journal
        journal.reserveSize = diskReserve / 2
        return journal
    }
}
