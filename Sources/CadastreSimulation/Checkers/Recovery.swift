package import CadastreStorage
package import RaftCore

/// What comes back from a disk is what was durable, and of what was being written a beginning: never
/// the middle, never two histories mixed.
package enum Recovery {
    /// What came back.
    package struct Found: Hashable, Sendable {
        /// How many of the unsynced writes came back.
        package var unsyncedWrites: Int
    }

    /// Compares a journal after the end of its process with what was known of it before.
    ///
    /// - Parameters:
    ///   - node: Whose it is.
    ///   - durable: What the disk had synced.
    ///   - unsynced: What was handed to the journal since, in this order.
    ///   - found: What the journal recovered.
    ///   - committed: What stands before the start of a log.
    /// - Returns: How much of the unsynced it kept.
    /// - Throws: If it is not what was durable followed by the first few of the unsynced writes.
    package static func check(
        _ node: NodeID,
        durable: PersistBeforeSend.Record,
        unsynced: [JournalWrite],
        found: GroupRecovery,
        committed: CommittedLog
    ) throws(Violation) -> Found {
        var log = try committed.log(beginningAt: found.start, of: node)
        for header in found.headers {
            log.append(LogView.Record(position: header.position, hash: header.hash))
        }
        var expected = durable.log
        var state = durable.hardState
        if log == expected, found.hardState == state { return Found(unsyncedWrites: 0) }
        for (place, write) in unsynced.enumerated() {
            switch write {
            case .hardState(_, let newer): state = newer
            case .start(_, let start):
                expected = try committed.log(beginningAt: start, of: node)
            case .truncate(_, let index): expected.truncate(from: index)
            case .entry(let entry):
                expected.append(LogView.Record(position: entry.position, hash: entry.hash))
            }
            if log == expected, found.hardState == state {
                return Found(unsyncedWrites: place + 1)
            }
        }
        throw Violation(
            .recovery,
            "node \(node) comes back with \(found.hardState) and a log through "
                + "\(describe(log)); durable was \(durable.hardState) and "
                + "\(describe(durable.log)), and no beginning of the \(unsynced.count) writes "
                + "under way gives that"
        )
    }

    private static func describe(_ log: LogView) -> String {
        log.record(at: log.last).map { "\($0.position)" } ?? "nothing"
    }
}
