internal import CadastreProtocol
package import CadastreStateMachine
package import CadastreStorage
package import RaftCore

/// What happens to the snapshot stage.
package enum SnapshotEvent: Sendable {
    /// The consensus stage wants something.
    case request(SnapshotRequest)
    /// The body of a peer's frame of kind ``FrameKind/snapshot``.
    case received(from: NodeID, group: GroupID, bytes: [UInt8])
    /// Nothing happened, but time went by (``SnapshotOutput/isWaiting``), or the last turn left
    /// something to do (``SnapshotOutput/hasMore``).
    case resume
}

/// What the consensus stage asks of the snapshot stage.
package enum SnapshotRequest: Sendable {
    /// Make a snapshot of the image; the log has this start where it ends. Answered by `built` or
    /// `notBuilt`, once.
    case build(StateImage, LogStart)
    /// The peer lacks entries that are gone: offer it the newest snapshot, if that stands for the log
    /// at least through here; an older one would not lead it to where the log begins.
    case offer(NodeID, atLeast: LogIndex)
    /// The image was held until all was read: it is a snapshot.
    case finish
    /// Give up the image that is being read, if there is one: `notBuilt`, or `built` if it was done.
    case abandon(String)
    /// The state goes on from here: what was staged for it is used, or of no use.
    case settled(LogPosition)
}

/// What the snapshot stage tells the consensus stage.
package enum SnapshotResult: Sendable {
    /// The whole image was read; `finish` or `abandon` is awaited.
    case read
    /// A snapshot of the state at this place is on the disk.
    case built(LogPosition)
    /// The image did not become one, for this reason.
    case notBuilt(String)
    /// A peer's snapshot is here, verified, and can take the place of log and state.
    case staged(LogStart, VerifiedState)
    /// Of a witness: a peer's snapshot stands for the log up to here.
    case started(LogStart)
    /// A peer that was offered a snapshot is done with it, or did not take it: Raft is to ask it what
    /// it has.
    case settledOffer(NodeID)
    /// A peer is to be offered one, and there is none.
    case wanted
}

/// What the snapshot stage wants done after a turn.
///
/// Emptied by the host.
package struct SnapshotOutput: Sendable {
    /// For the consensus stage.
    package var results: [SnapshotResult] = []
    /// Bodies of frames of kind ``FrameKind/snapshot``, for the bulk connections.
    package var frames: [PeerFrame] = []
    /// The peer sent what no peer sends: its connection is to be closed.
    package var peerFaults: [PeerFault] = []
    /// Something is left to do: the host is to give ``SnapshotEvent/resume`` at once, behind what
    /// came meanwhile.
    package var hasMore = false
    /// Something waits for time to go by: the host is to give ``SnapshotEvent/resume`` within some
    /// 20 ms.
    package var isWaiting = false
    /// The host may give ``SnapshotEvent/resume`` within a second or so: something is due by then.
    package var isDue = false
    /// What an operator should know, in words.
    package var notes: [String] = []
    /// What this node has durably written is not there any more: it must stop.
    package var failure: StorageError?

    /// Nothing to do.
    package init() {}

    /// Empties the value and keeps its storage.
    package mutating func removeAll() {
        results.removeAll(keepingCapacity: true)
        frames.removeAll(keepingCapacity: true)
        peerFaults.removeAll(keepingCapacity: true)
        notes.removeAll(keepingCapacity: true)
        hasMore = false
        isWaiting = false
        isDue = false
        failure = nil
    }
}
