package import CadastreStateMachine
internal import RaftCore

extension ApplyStage {
    /// What nobody should wait for: the last turn's entries get their share of storing.
    ///
    /// Hosts call it after what the turn put out was handed over.
    ///
    /// - Parameters:
    ///   - moment: Of the turn.
    ///   - output: As of ``turn(_:at:into:)``; a report only where the consensus stage should know
    ///     of it: of a transaction that was lost, or of a checkpoint.
    /// - Throws: As ``turn(_:at:into:)``.
    package func followUp(
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) {
        guard owesStoring else { return }
        let (durable, hadNoSpace) = (stateMachine.durablyApplied, stateMachine.isOutOfSpace)
        var lost: LogIndex?
        try leavingMark { () throws(StateMachineError) in lost = try storeWhatIsOwed() }
        guard
            lost != nil || durable != stateMachine.durablyApplied
                || hadNoSpace != stateMachine.isOutOfSpace
        else { return }
        finish(lost, at: moment, into: &output)
    }

    /// One bounded step of idle work, and then a turn without events: queries whose time is over are
    /// refused, and a transaction that the work lost is reported.
    ///
    /// Hosts call this and not ``idle()`` alone, so that a loss has one way to the consensus stage.
    ///
    /// - Parameters:
    ///   - moment: Of the turn.
    ///   - output: As of ``turn(_:at:into:)``.
    /// - Throws: As ``turn(_:at:into:)``.
    package func idle(
        at moment: Moment,
        into output: inout ApplyOutput
    ) throws(StateMachineError) {
        let lost = try idle()
        var none: [ApplyEvent] = []
        try turn(&none, at: moment, into: &output)
        guard let lost else { return }
        let reported = output.report?.reapplyFrom ?? lost
        output.report?.reapplyFrom = min(reported, lost)
    }
}
