internal import ArgumentParser
internal import CadastreSimulation

/// Numbers of faults as one writes them: `3,17-20`, or `none`.
struct FaultNumbers: ExpressibleByArgument, CustomStringConvertible {
    private let numbers: [Int]

    /// No story has more.
    private static let most = 100_000

    /// These, ascending.
    init(_ numbers: [Int]) { self.numbers = numbers }

    /// Reads them; nil if they are not numbers of at least 1, each range ascending.
    init?(argument: String) {
        guard argument != "none" else {
            numbers = []
            return
        }
        var numbers: [Int] = []
        for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard ends.count <= 2, let first = ends.first ?? nil, let last = ends.last ?? nil,
                first >= 1, first <= last, last <= Self.most
            else { return nil }
            numbers += first...last
        }
        self.numbers = numbers
    }

    /// What of all that is done to a world is done.
    var choice: FaultChoice { FaultChoice(only: numbers) }

    /// As one writes them.
    var description: String {
        guard !numbers.isEmpty else { return "none" }
        return numbers.map(String.init).joined(separator: ",")
    }
}
