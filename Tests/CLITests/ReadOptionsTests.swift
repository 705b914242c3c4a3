import CadastreClient
import Testing

@testable import cadastre

/// How fresh an answer is asked to be.
struct ReadOptionsTests {
    @Test(arguments: [
        ("linearizable", Freshness.linearizable), ("any", .any),
        ("at-least:42", .atLeast(index: 42)), ("within:1500", .bounded(milliseconds: 1_500)),
    ])
    func `each freshness has its words`(_ words: String, _ freshness: Freshness) throws {
        #expect(try ReadOptions.freshness(words) == freshness)
    }

    @Test(arguments: ["", "newest", "any:1", "at-least", "at-least:", "within:-1", "within:1s"])
    func `anything else is refused with the four that there are`(_ words: String) {
        #expect {
            try ReadOptions.freshness(words)
        } throws: { error in
            "\(error)".contains("at-least:INDEX, within:MILLISECONDS or any, not '\(words)'")
        }
    }
}
