/// The one door in: everything that can happen to a ``Raft``.
public enum Input: Sendable {
    /// One tick of time went by; how long one is, is the node's affair.
    case tick
    /// A peer's message arrived. The node has checked the sender's identity and incarnation, the
    /// entries' bytes and that their hashes chain.
    case received(Message)
    /// The node built an entry to follow ``Raft/lastPosition`` in the current term. Refused in
    /// ``Effects/refusals`` where the leader cannot take it.
    case propose(EntryHeader)
    /// A linearizable read wants an index (thesis §6.4).
    case readIndex(RequestID)
    /// Everything asked through this number is durable.
    case persisted(PersistNumber)
    /// The leader is to hand over to this voter (thesis §3.10).
    case transferLeadership(to: NodeID)
    /// A reconnect was *refused* just after the connection to the peer broke: its process is gone. A
    /// lost connection alone is no such evidence.
    case peerIsGone(NodeID)
    /// A connection to the peer stands again.
    case peerIsBack(NodeID)
    /// The peer's state is so far behind its log that it could not serve in a moment; or is not any
    /// more.
    case peerLags(NodeID, Bool)
    /// The group is to consist of these members from now on (Raft §6). Ignored where
    /// ``Raft/refusal(ofChangeTo:)`` names a reason.
    case changeConfiguration(to: Configuration)
    /// The log through this index, which was applied, is not needed any more (Raft §7).
    case compact(through: LogIndex)
    /// The node holds, verified, the state as of this place: it may stand for the log up to there.
    case installSnapshot(LogStart)
    /// The snapshot that the peer needed did not reach it.
    case snapshotFailed(NodeID)
}
