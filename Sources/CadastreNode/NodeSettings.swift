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

    /// Names a node.
    package init(cluster: ClusterID, node: NodeID, incarnation: Incarnation) {
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
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
    package var entryCacheSize = 16 * 1_048_576
    /// Commands that may wait for a block; past it clients are told to come back later.
    package var maximumWaitingCommands = 16_384
    /// Their bytes.
    package var maximumWaitingSize = 32 * 1_048_576
    /// Queries that may wait for a quorum, and again for an index; past it clients are told to come
    /// back later.
    ///
    /// A client that hangs up leaves its own waiting until their deadline.
    package var maximumWaitingQueries = 16_384
    /// Blocks proposed and not yet durable here: while one is being synced the next one fills.
    package var maximumUnsyncedBlocks: UInt64 = 2
    /// With work to do, cluster time moves at least this often, in nanoseconds.
    package var tickWithWork: UInt64 = 250_000_000
    /// Without, this often.
    package var tickWhenIdle: UInt64 = 10_000_000_000

    /// The defaults.
    package init() {}
}
