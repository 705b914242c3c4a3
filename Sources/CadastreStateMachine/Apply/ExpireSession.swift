internal import CadastreProtocol

extension Applier {
    /// Closes a session of the same principal, with all its slots.
    func apply(
        _ command: ExpireSession,
        of principal: Principal
    ) throws(StateMachineError) -> Reply {
        guard let session = rows.session(command.session), session.principal == principal else {
            return .refused(.noSuchSession)
        }
        try rows.delete(session)
        return .done(number: 1, sequence: nextSequence())
    }
}
