package import RaftCore

/// How one value changed along the log.
package struct Timeline<Value> {
    /// Ascending by index, each once.
    private var changes: [(at: LogIndex, value: Value?)] = []

    /// Never set.
    package init() {}

    /// The entry at `index`, which is not before the last one, sets the value, or takes it away.
    package mutating func set(_ value: Value?, at index: LogIndex) {
        if let last = changes.last, last.at == index {
            changes[changes.count - 1].value = value
        } else {
            changes.append((index, value))
        }
    }

    /// What stands after everything.
    package var newest: Value? { changes.last?.value }

    /// What stood after the entry at `index`.
    ///
    /// Cost: O(changes since).
    package func value(at index: LogIndex) -> Value? {
        changes.last { $0.at <= index }?.value
    }
}
