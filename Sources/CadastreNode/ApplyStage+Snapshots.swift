internal import CadastreStateMachine
internal import RaftCore

/// Images of the state for snapshots, and a peer's snapshot in the place of the state.
extension ApplyStage {
    /// Holds an image, if that is possible now.
    ///
    /// - Returns: Where application must begin again, if the transaction was lost.
    func beginImage() throws(StateMachineError) -> LogIndex? {
        var image: StateImage?
        let lost = try surviving { () throws(StateMachineError) in
            image = try stateMachine.beginImage()
        }
        begunImage = image
        hasNoImage = image == nil
        return lost
    }

    /// Puts the staged snapshot in the place of the state.
    ///
    /// Digests that were asked for begin anew; queries wait on, for indices that the new state has.
    func install(
        _ state: VerifiedState,
        into output: inout ApplyOutput
    ) throws(StateMachineError) {
        try stateMachine.install(state)
        // Whether these are in it cannot be known any more.
        for position in droppedKeys.keys.sorted() {
            for key in (droppedKeys[position] ?? []).compactMap(\.self) {
                output.replies.append(reply(to: key, .unknown))
            }
        }
        let index = stateMachine.applied.index
        awaitsReapplication = false
        droppedKeys.removeAll()
        furthest = max(furthest, index)
        digests.applied(through: index) { stateMachine.digest }
    }
}
