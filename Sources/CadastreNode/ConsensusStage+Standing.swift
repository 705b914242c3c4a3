package import RaftCore

extension ConsensusStage {
    /// What changes from turn to turn, without what is known of peers.
    ///
    /// Cost: O(1).
    package var standing: Standing {
        Standing(role: raft.role, term: raft.term, commitIndex: raft.commitIndex)
    }

    /// The newest configuration in its log, committed or not.
    ///
    /// Cost: O(1).
    package var configuration: Configuration { raft.configuration }

    /// Where a node stands.
    package struct Standing: Hashable, Sendable {
        /// What the node is.
        package var role: RoleName
        /// The newest term it saw.
        package var term: Term
        /// Highest index known to be durable on a quorum.
        package var commitIndex: LogIndex
    }
}
