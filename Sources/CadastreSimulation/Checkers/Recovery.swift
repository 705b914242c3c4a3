package import CadastreStorage
package import RaftCore

/// What comes back from a disk is what was durable, and beyond it only what was being written.
package enum Recovery {
    /// Compares a journal after a crash with what was known of it before.
    ///
    /// - Parameters:
    ///   - node: Whose it is.
    ///   - durable: What the disk had synced.
    ///   - written: Every entry that was ever handed to the journal, synced or not.
    ///   - truncatedFrom: The lowest truncation handed over since the last sync, if any.
    ///   - found: What the journal recovered.
    /// - Throws: If something durable is lost, or something appears that nobody wrote.
    package static func check(
        _ node: NodeID,
        durable: PersistBeforeSend.Record,
        written: Set<LogView.Record>,
        truncatedFrom: LogIndex?,
        found: GroupRecovery
    ) throws(Violation) {
        let state = found.hardState
        guard
            state.term > durable.hardState.term
                || (state.term == durable.hardState.term
                    && (durable.hardState.vote == .none || state.vote == durable.hardState.vote))
        else {
            throw Violation(
                .recovery,
                "node \(node) comes back with \(state), \(durable.hardState) was durable"
            )
        }
        for header in found.headers {
            let record = LogView.Record(position: header.position, hash: header.hash)
            let isOld = durable.log.record(at: header.index) == record
            guard isOld || written.contains(record) else {
                throw Violation(
                    .recovery,
                    "node \(node) comes back with \(header.position), which was not written there"
                )
            }
        }
        let end = LogIndex(UInt64(found.headers.count))
        let kept = truncatedFrom.map { min($0.previous, durable.log.last) } ?? durable.log.last
        guard end >= kept else {
            throw Violation(
                .recovery,
                "node \(node) comes back with a log through \(end), durable was \(kept)"
            )
        }
        for record in durable.log.records where record.position.index <= kept {
            let header = found.headers[Int(record.position.index.value) - 1]
            guard header.position == record.position, header.hash == record.hash else {
                throw Violation(
                    .recovery,
                    "node \(node) comes back with \(header.position) instead of \(record.position)"
                )
            }
        }
    }
}
