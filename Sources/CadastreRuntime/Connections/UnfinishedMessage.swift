internal import CadastreProtocol

/// How long the oldest message of a connection that has not come whole has been on its way.
struct UnfinishedMessage {
    private var number: UInt64?
    private var since: UInt64 = 0

    /// Nothing is on its way.
    init() {}

    /// Looks at a connection's assembler after it has taken bytes.
    mutating func note(_ assembler: FrameAssembler, at now: UInt64) {
        guard assembler.oldestUnfinished != number else { return }
        number = assembler.oldestUnfinished
        since = now
    }

    /// Whether it has taken too long.
    func isLate(at now: UInt64) -> Bool {
        number != nil && now > since && now - since > RuntimeLimits.messageTimeout
    }
}
