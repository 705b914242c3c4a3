internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import RaftCore
internal import Synchronization

/// What a node shows of itself to its doors: written by the stages, read by anyone.
final class NodeView: Sendable {
    /// The parts.
    struct Content: Sendable {
        /// What the node is.
        var role = RoleName.follower
        /// Its term.
        var term = Term.zero
        /// The leader it knows, or none.
        var leader = NodeID.none
        /// It leads, and has applied everything that was in its log when it began to.
        var isSettledLeader = false
        /// Journal, state machine and queues.
        var numbers = StageNumbers()
        /// The node takes nothing new any more.
        var isStopping = false
    }

    private let content = Mutex(Content())

    /// A copy of everything.
    var now: Content { content.withLock { $0 } }

    /// Changes something.
    func update(_ change: (inout sending Content) -> Void) {
        content.withLock { change(&$0) }
    }
}
