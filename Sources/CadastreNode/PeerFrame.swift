package import CadastreProtocol
package import RaftCore

/// The body of a frame for one peer.
package struct PeerFrame: Sendable {
    /// To whom.
    package var to: NodeID
    /// About which group.
    package var group: GroupID
    /// What the body is: ``FrameKind/peer`` for consensus, others for the bulk connections.
    package var kind = FrameKind.peer
    /// The body of a frame of this kind.
    package var bytes: [UInt8]
    /// Small and urgent: goes before pieces of large ones.
    package var isUrgent: Bool
}
