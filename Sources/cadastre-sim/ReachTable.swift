internal import CadastreSimulation

/// The rare paths and how often they were taken, for people.
struct ReachTable {
    private let reach: Reach

    /// Of one run or of many.
    init(_ reach: Reach) { self.reach = reach }

    /// One line for each path.
    var text: String {
        Reach.Mark.allCases.map { mark in
            let count = String(reach[mark])
            return String(repeating: " ", count: max(1, 9 - count.count)) + "\(count)  \(mark.name)"
        }.joined(separator: "\n")
    }
}
