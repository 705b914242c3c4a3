import Foundation

/// Finds loops and chains over what is declared in the same file as a dictionary or a set.
///
/// A line that sorts is in order; so is what counts, asks whether, adds up, or takes the least or the
/// greatest. Cheap, and only as good as names: what another file declares is not known here.
enum UnorderedIteration {
    /// A place.
    struct Place {
        /// From 1.
        var line: Int
        /// What is gone through.
        var name: String
    }

    private static let declaration =
        #"\b(?:var|let)\s+(\w+)\s*(?::\s*(?:\[(?!\()[^\[\]]*(?:\[[^\]]*\])?\s*:\s|Set<|Dictionary<)|=\s*(?:\[[\w\.<>\[\]]+\s*:\s*[^\]]*\]\(\)|Set<))"#

    /// What follows a name where its elements come one after the other.
    ///
    /// Filtering alone gives another dictionary or set.
    private static let steps =
        #"(?:\.(?:keys|values)\.filter\b|(?:\.(?:keys|values))?(?:\.filter\b.*[\)\}])?"#
        + #"\.(?:map|flatMap|compactMap|forEach|first|last|prefix|dropFirst|enumerated|joined)\b)"#

    /// Whether the statement on a line sorts, there or where it goes on.
    private static func isSorted(_ number: Int, _ lines: [String]) -> Bool {
        if lines[number].contains(".sorted") { return true }
        return lines[(number + 1)...].prefix(6).contains { line in
            let code = line.trimmingCharacters(in: .whitespaces)
            return (code.hasPrefix("}") || code.hasPrefix(".")) && code.contains(".sorted")
        }
    }

    /// The places in a file.
    static func places(in lines: [String]) throws -> [Place] {
        let declaration = try Regex(declaration)
        let names = Set(
            lines.compactMap { line -> String? in
                guard let match = line.firstMatch(of: declaration) else { return nil }
                return match.output[1].substring.map(String.init)
            }
        ).sorted()
        let patterns = try names.map { name in
            // As a whole, its own or of self: `other.table` and `table[key]` are something else.
            let root = #"(?:self\.)?\#(name)"#
            let part = #"(?:\.(?:keys|values))?"#
            return (
                name,
                try Regex(
                    #"\bfor\b.*\bin\s+\#(root)\#(part)\s*(?:\{|where\b|$)"#
                        + #"|(?:^|[^\w\.])\#(root)\#(steps)|\bArray\(\#(root)\#(part)\)"#
                )
            )
        }
        var places: [Place] = []
        for (number, line) in lines.enumerated() where !isSorted(number, lines) {
            for (name, pattern) in patterns where line.firstMatch(of: pattern) != nil {
                places.append(Place(line: number + 1, name: name))
            }
        }
        return places
    }
}
