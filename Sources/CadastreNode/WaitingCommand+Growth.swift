internal import CadastreProtocol
internal import CadastreStateMachine

extension WaitingCommand {
    /// Whether the command takes room for what tenants store (``CommandTag/isGrowing``).
    ///
    /// By the tag in the envelope, which the door has encoded.
    var isGrowing: Bool {
        guard bytes.count > CommandEnvelope.fixedSize, let tag = CommandTag(rawValue: bytes[5])
        else { return true }
        return tag.isGrowing
    }
}
