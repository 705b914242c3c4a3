package import RaftCore

/// Whose database it is: a file of another cluster, node or life of a disk is refused.
package struct StateMachineIdentity: Hashable, Sendable {
    /// The cluster.
    package var cluster: ClusterID
    /// The node.
    package var node: NodeID
    /// The life of the node's disk.
    package var incarnation: Incarnation

    /// Names a node's state.
    package init(cluster: ClusterID, node: NodeID, incarnation: Incarnation) {
        self.cluster = cluster
        self.node = node
        self.incarnation = incarnation
    }
}

/// When the state machine commits and checkpoints, and how much memory it keeps.
package struct StateMachineSettings: Hashable, Sendable {
    /// A transaction is committed once it changed this many rows, which are in memory until then.
    ///
    /// Twice this many may be: those that are being stored, and those that change meanwhile.
    package var maximumDirtyRows: Int
    /// A transaction is committed once its changes have this many bytes, counted as memory holds them.
    package var maximumDirtyBytes: Int
    /// Memory in bytes for rows as they were stored last, so that a change of one need not read it.
    package var rememberedBytes: Int
    /// A checkpoint is made once the write-ahead log has this size in bytes.
    package var checkpointSizeBytes: Int
    /// SQLite's page cache in bytes.
    package var cacheSizeBytes: Int
    /// The size in bytes that the write-ahead log may reach while an image is held.
    ///
    /// Past it the image is given up. At least `checkpointSizeBytes`: what is less counts as that.
    /// Bounds the disk that a slow copy costs, and the one long checkpoint at its end.
    package var maximumImageLogBytes: Int

    /// Defaults are the measured ones.
    package init(
        maximumDirtyRows: Int = 32_768,
        maximumDirtyBytes: Int = 16 << 20,
        rememberedBytes: Int = 15 << 20,
        checkpointSizeBytes: Int = 64 << 20,
        cacheSizeBytes: Int = 5 << 20,
        maximumImageLogBytes: Int = 256 << 20
    ) {
        self.maximumDirtyRows = maximumDirtyRows
        self.maximumDirtyBytes = maximumDirtyBytes
        self.rememberedBytes = rememberedBytes
        self.checkpointSizeBytes = checkpointSizeBytes
        self.cacheSizeBytes = cacheSizeBytes
        self.maximumImageLogBytes = maximumImageLogBytes
    }
}

/// What was done since the start, for metrics.
package struct StateMachineStatistics: Hashable, Sendable {
    /// Entries applied, of any kind.
    package var entriesApplied: UInt64 = 0
    /// Commands executed, retries and refusals included.
    package var commandsApplied: UInt64 = 0
    /// Commands refused, stored or not.
    package var commandsRefused: UInt64 = 0
    /// Queries answered or refused.
    package var queriesAnswered: UInt64 = 0
    /// Transactions committed.
    package var commits: UInt64 = 0
    /// Checkpoints made.
    package var checkpoints: UInt64 = 0
    /// Pages that checkpoints moved from the write-ahead log into the main file.
    package var checkpointedPages: UInt64 = 0
    /// Images that ended because their file had to be written.
    package var imagesGivenUp: UInt64 = 0
    /// Frames now in the write-ahead log.
    package var logPages: UInt64 = 0
    /// Times the transaction was lost and its entries had to be applied again.
    package var reapplications: UInt64 = 0
    /// Objects of all tenants, now.
    package var objects: UInt64 = 0
    /// Rows changed in the open transaction.
    package var dirtyRows: Int = 0
}
