package import RaftCore

/// I2: where index and term are equal, so is the entry and, by its chain hash, the whole log
/// before it (Raft §5.3).
package struct LogMatching {
    /// Looked up, never iterated.
    private var hashes: [LogPosition: EntryHash] = [:]

    /// Nothing seen yet.
    package init() {}

    /// A node put an entry behind another one.
    ///
    /// - Throws: If the position was seen with another hash, or the place before is missing.
    package mutating func appended(
        _ record: LogView.Record,
        to log: LogView,
        of node: NodeID
    ) throws(Violation) {
        guard record.position.index == log.last.next else {
            throw Violation(
                .logMatching,
                "node \(node) puts entry \(record.position) behind index \(log.last)"
            )
        }
        if let known = hashes[record.position], known != record.hash {
            throw Violation(
                .logMatching,
                "entry \(record.position) of node \(node) has hash \(record.hash), elsewhere \(known)"
            )
        }
        hashes[record.position] = record.hash
    }
}
