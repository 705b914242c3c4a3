internal import ArgumentParser
internal import CadastreClient

/// How fresh what is read must be.
struct ReadOptions: ParsableArguments {
    @Option(
        name: .customLong("read"),
        help: ArgumentHelp(
            "How fresh the answer must be.",
            discussion: """
                linearizable  it holds every write acknowledged before it was asked for
                at-least:N    as of applied index N or later
                within:MS     what was acknowledged so many milliseconds ago is in it
                any           what the nearest node has, however old
                """,
            valueName: "freshness"
        ),
        completion: .list(["linearizable", "any", "within:1000", "at-least:"]),
        transform: Self.freshness
    )
    var freshness: Freshness = .linearizable

    /// Reads one of the four.
    static func freshness(_ text: String) throws -> Freshness {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        let number = parts.count == 2 ? UInt64(parts[1]) : nil
        switch (parts.first, parts.count, number) {
        case ("linearizable", 1, _): return .linearizable
        case ("any", 1, _): return .any
        case ("at-least", 2, let index?): return .atLeast(index: index)
        case ("within", 2, let milliseconds?): return .bounded(milliseconds: milliseconds)
        default:
            throw ValidationError(
                "--read takes linearizable, at-least:INDEX, within:MILLISECONDS or any, "
                    + "not '\(text)'"
            )
        }
    }
}
