/// Why bytes or a value from outside were not taken: the refusal to answer with, and a sentence
/// for people that never repeats what the sender sent.
package struct ProtocolError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What to answer.
    package var refusal: Refusal
    /// What was wrong, for people; no names, no bytes of the sender.
    package var detail: String

    /// Composes an error.
    package init(_ refusal: Refusal, _ detail: String) {
        self.refusal = refusal
        self.detail = detail
    }

    /// For logs.
    package var description: String { "\(refusal.name): \(detail)" }

    /// The bytes do not follow the format.
    static func malformed(_ detail: String) -> ProtocolError {
        ProtocolError(.malformed, detail)
    }

    /// The bytes end before what they announced.
    static func truncated(_ what: StaticString) -> ProtocolError {
        ProtocolError(.malformed, "\(what) ends too early")
    }

    /// Something is larger than its limit.
    static func outOfBounds(
        _ refusal: Refusal,
        _ what: StaticString,
        _ size: Int,
        _ allowed: ClosedRange<Int>,
        unit: StaticString = "bytes"
    ) -> ProtocolError {
        ProtocolError(
            refusal,
            "\(what) has \(size) \(unit); "
                + "\(allowed.lowerBound) to \(allowed.upperBound) are allowed"
        )
    }
}
