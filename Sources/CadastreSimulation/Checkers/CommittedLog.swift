package import RaftCore

/// I3 and the log's half of I4: what was committed stays, on a majority of disks, in the log of
/// every later leader, and is the same for all (Raft §5.4).
package struct CommittedLog {
    /// What was committed, from index 1, and in the newest term that its first witness knew then.
    private var committed: [(record: LogView.Record, term: Term)] = []
    private let quorum: Int

    /// Nothing committed in a cluster of this many voters.
    package init(voters: Int) { quorum = voters / 2 + 1 }

    /// The last committed place that anyone has told.
    package var last: LogIndex { LogIndex(UInt64(committed.count)) }

    /// A log that begins at `start`, with nothing behind it yet.
    ///
    /// - Throws: If what the start stands for is not what was committed.
    package func log(
        beginningAt start: LogStart,
        of node: NodeID
    ) throws(Violation) -> LogView {
        let index = start.position.index
        guard index > .zero else { return LogView() }
        let known = record(at: index)
        guard known == LogView.Record(position: start.position, hash: start.hash) else {
            throw Violation(
                .stateMachineSafety,
                "the log of node \(node) begins behind \(start.position), committed there is "
                    + (known.map { "\($0.position)" } ?? "nothing")
            )
        }
        return LogView(committed.prefix(Int(index.value)).map(\.record))
    }

    /// What was committed at a place.
    package func record(at index: LogIndex) -> LogView.Record? {
        guard index.value >= 1, index <= last else { return nil }
        return committed[Int(index.value) - 1].record
    }

    /// A node holds everything through `index` for committed.
    ///
    /// - Parameters:
    ///   - node: Who says so.
    ///   - from: What it held committed before, in this life.
    ///   - index: What it holds committed now.
    ///   - term: The newest that it knows.
    ///   - log: Its log.
    ///   - disks: What is durable on each disk of the cluster.
    ///   - isQuorum: Whether enough of those who vote at the moment have a record, where that is
    ///     not simply a majority of all disks.
    /// - Returns: The records that nobody had told committed before.
    /// - Throws: If it contradicts another node, or no majority of disks has it.
    package mutating func commits(
        _ node: NodeID,
        after from: LogIndex,
        through index: LogIndex,
        term: Term,
        log: LogView,
        disks: [LogView],
        isQuorum: ((LogView.Record) -> Bool)? = nil
    ) throws(Violation) -> [LogView.Record] {
        var news: [LogView.Record] = []
        var place = from.next
        while place <= index {
            defer { place = place.next }
            guard let own = log.record(at: place) else {
                throw Violation(
                    .stateMachineSafety,
                    "node \(node) commits through \(index), its log ends at \(log.last)"
                )
            }
            if let known = record(at: place) {
                guard known == own else {
                    throw Violation(
                        .stateMachineSafety,
                        "node \(node) commits \(own.position) where \(known.position) was committed"
                    )
                }
                continue
            }
            let copies = disks.count { $0.record(at: place) == own }
            guard isQuorum?(own) ?? (copies >= quorum) else {
                throw Violation(
                    .persistBeforeSend,
                    "node \(node) commits \(own.position), which is durable on \(copies) disks"
                )
            }
            committed.append((own, term))
            news.append(own)
        }
        return news
    }

    /// A node won the election of a term.
    ///
    /// - Throws: If its log lacks what was committed in an earlier term.
    package func leads(_ node: NodeID, _ term: Term, log: LogView) throws(Violation) {
        for (record, committedTerm) in committed
        where committedTerm < term && log.record(at: record.position.index) != record {
            throw Violation(
                .leaderCompleteness,
                "node \(node) leads term \(term) without \(record.position), "
                    + "committed in term \(committedTerm)"
            )
        }
    }

    /// How many disks hold what was committed at `index`.
    package func copies(of index: LogIndex, on disks: [LogView]) -> Int {
        guard let record = record(at: index) else { return 0 }
        return disks.count { $0.record(at: index) == record }
    }

    /// Whether that many are a majority.
    package func isQuorum(_ count: Int) -> Bool { count >= quorum }
}
