package import CadastreStateMachine
internal import RaftCore

extension ApplyStage {
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
