import Foundation

/// What a fixed stream of commands costs in writes, bytes, syncs, frames and turns.
///
/// Every number follows from the code and from one seed: no clock, no thread, no real disk takes
/// part, so two runs of one commit print the same. Benchmarks/check compares them with
/// Benchmarks/Thresholds/steps.txt.
@main
enum Counts {
    static func main() throws {
        var table = Table()
        try JournalCounts.take(into: &table)
        try StateCounts.take(into: &table)
        MessageCounts.take(into: &table)
        try NodeCounts.take(into: &table)
        print(table.text)
    }
}

/// Names and numbers, in the order in which they were taken.
struct Table {
    private var lines: [String] = []

    /// Writes down how much there was for each of so many.
    mutating func add(_ name: String, _ amount: Int, per count: Int) {
        precondition(count > 0, "\(name) was measured over nothing")
        lines.append(String(format: "%@ %.3f", name, Double(amount) / Double(count)))
    }

    /// One line for each: name, blank, number.
    var text: String { lines.joined(separator: "\n") }
}
