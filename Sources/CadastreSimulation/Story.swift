/// What happened, in lines for people.
///
/// Only kept when asked for: a run that fails is simply run again with a story, since its seed
/// makes it the same run.
struct Story {
    /// How many lines are kept; nil: none are even composed.
    private let capacity: Int?
    private var lines: [String] = []
    /// Called with each line as it happens.
    private let print: ((String) -> Void)?

    /// Keeps the last `capacity` lines.
    init(capacity: Int?, print: ((String) -> Void)? = nil) {
        self.capacity = capacity
        self.print = print
    }

    /// Adds a line.
    mutating func tell(_ time: UInt64, _ line: @autoclosure () -> String) {
        guard let capacity else { return }
        let digits = String(time / Span.microsecond)
        let padding = String(repeating: " ", count: max(0, 10 - digits.count))
        let text = "\(padding)\(digits) µs  \(line())"
        print?(text)
        lines.append(text)
        if lines.count > 2 * capacity { lines.removeFirst(lines.count - capacity) }
    }

    /// The last lines, oldest first.
    var ending: [String] { Array(lines.suffix(capacity ?? 0)) }
}
