internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import NIOConcurrencyHelpers
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

    private let content = NIOLockedValueBox(Content())
    private let appliedIndex = Atomic<UInt64>(0)
    private let level: UInt32

    /// What a node of this feature level shows before its stages have said anything.
    ///
    /// - Parameter featureLevel: The cluster's, by the configuration that the node has: it does not
    ///   change while the node runs as long as configurations do not.
    init(featureLevel: UInt32) {
        level = featureLevel
    }

    /// The cluster's feature level: nothing that needs a higher one may be proposed.
    var featureLevel: UInt32 { level }

    /// Everything through here is applied.
    var applied: UInt64 { appliedIndex.load(ordering: .relaxed) }

    /// The apply stage has done a turn.
    func applied(_ state: StageNumbers.State, _ statistics: StateMachineStatistics) {
        appliedIndex.store(state.index.value, ordering: .relaxed)
        content.withLockedValue { content in
            content.numbers.applied = state
            content.numbers.stateMachine = statistics
        }
    }

    /// A copy of everything.
    var now: Content { content.withLockedValue { $0 } }

    /// Changes something.
    func update(_ change: (inout sending Content) -> Void) {
        content.withLockedValue { change(&$0) }
    }
}
