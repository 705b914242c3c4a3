package import RaftCore

/// What the consensus stage can tell of itself at one moment.
package struct ConsensusStatus: Sendable {
    /// Which node this is.
    package var node: NodeID
    /// What the node is.
    package var role: RoleName
    /// The newest term it saw.
    package var term: Term
    /// The leader it knows, or ``NodeID/none``.
    package var leader: NodeID
    /// Highest index known to be durable on a quorum.
    package var commitIndex: LogIndex
    /// The end of the log.
    package var lastIndex: LogIndex
    /// The end of what is durable here.
    package var persistedIndex: LogIndex
    /// Everything through here is applied.
    package var appliedIndex: LogIndex
    /// Milliseconds since 1970; 0 before the first tick.
    package var clusterTime: UInt64
    /// Commands that wait for a block.
    package var waitingCommands: Int
    /// Their bytes.
    package var waitingSize: Int
    /// Bytes of entries kept in memory.
    package var cachedSize: Int
    /// Who belongs to the group.
    package var configuration: Configuration
    /// The others, ascending.
    package var peers: [PeerStanding]
}

/// What is known of a peer; the numbers only on a leader.
package struct PeerStanding: Sendable {
    /// Which.
    package var node: NodeID
    /// Highest index known to be durable there.
    package var match: LogIndex
    /// The next entry to send.
    package var next: LogIndex
    /// Probing, replicating; "unknown" where this node does not lead.
    package var state: String
    /// A connection to it stands.
    package var isConnected: Bool
}
