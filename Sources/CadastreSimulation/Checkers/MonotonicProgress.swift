package import RaftCore

/// I5: on one node term, commit index, applied index and cluster time never go back; and what has
/// been made durable, or told to a client, not even across restarts.
///
/// What a lost transaction takes from the applied index, it gives back.
package struct MonotonicProgress {
    /// What a node tells of itself.
    package struct Reading: Hashable, Sendable {
        /// The newest term it saw.
        package var term: Term
        /// Committed through here.
        package var commit: LogIndex
        /// Applied through here, as the state machine says.
        package var applied: LogIndex
        /// Cluster time there.
        package var clusterTime: UInt64

        /// Composes a reading.
        package init(term: Term, commit: LogIndex, applied: LogIndex, clusterTime: UInt64) {
            self.term = term
            self.commit = commit
            self.applied = applied
            self.clusterTime = clusterTime
        }
    }

    private struct Node {
        /// In this life.
        var last: Reading?
        /// The newest term that was ever durable.
        var durableTerm = Term.zero
        /// What the state machine said that a crash keeps, in any life.
        var durablyApplied = LogIndex.zero
        /// The same in this life: one that begins without room knows of nothing yet.
        var durablyAppliedNow = LogIndex.zero
        /// The newest index in an answer, in any life.
        var answered = LogIndex.zero
    }

    private var nodes: [Node]
    /// What is known of each node's other disk.
    private var others: [Node]

    /// Nodes of whom nothing is known.
    package init(nodes: Int) {
        self.nodes = Array(repeating: Node(), count: nodes)
        others = self.nodes
    }

    /// The process of a node ended with this term durable.
    package mutating func ended(_ place: Int, durableTerm: Term) {
        nodes[place].last = nil
        nodes[place].durablyAppliedNow = .zero
        nodes[place].durableTerm = max(nodes[place].durableTerm, durableTerm)
    }

    /// A node's disk was lost: it begins again.
    package mutating func wiped(_ place: Int) {
        others[place] = nodes[place]
        nodes[place] = Node()
    }

    /// A node's disk was taken out, and the one that it had before put in.
    package mutating func exchanged(_ place: Int) { swap(&nodes[place], &others[place]) }

    /// The state machine of a node says that a crash keeps what is applied through here.
    ///
    /// - Throws: If it said more before, in this life.
    package mutating func madeDurable(_ place: Int, through index: LogIndex) throws(Violation) {
        let known = nodes[place].durablyAppliedNow
        guard index >= known else {
            throw back(place, "durably applied index", "\(known)", "\(index)")
        }
        nodes[place].durablyAppliedNow = index
        nodes[place].durablyApplied = max(nodes[place].durablyApplied, index)
    }

    /// A node's state was none, and is built anew: only what is in the log is still known.
    package mutating func rebuilt(_ place: Int) {
        nodes[place].durablyApplied = .zero
        nodes[place].answered = .zero
    }

    /// The process of a node begins with this much applied.
    ///
    /// - Throws: If the crash took what was said to be durable.
    package func begins(_ place: Int, appliedThrough index: LogIndex) throws(Violation) {
        guard index >= nodes[place].durablyApplied else {
            throw back(place, "durable state", "\(nodes[place].durablyApplied)", "\(index)")
        }
    }

    /// An answer made at this index leaves a node.
    ///
    /// - Throws: If an earlier one was made at a later index.
    package mutating func answers(_ place: Int, at index: LogIndex) throws(Violation) {
        guard index >= nodes[place].answered else {
            throw back(place, "index of answers", "\(nodes[place].answered)", "\(index)")
        }
        nodes[place].answered = index
    }

    /// The state machine lost a transaction and says so: it begins again from there.
    ///
    /// - Throws: If it lost what it had called durable.
    package mutating func lostTransaction(
        _ place: Int,
        appliedNow: LogIndex,
        clusterTime: UInt64
    ) throws(Violation) {
        nodes[place].last?.applied = appliedNow
        nodes[place].last?.clusterTime = clusterTime
        try begins(place, appliedThrough: appliedNow)
    }

    /// A node tells where it is.
    ///
    /// - Throws: If it was further before.
    package mutating func reads(_ place: Int, _ reading: Reading) throws(Violation) {
        guard reading.term >= nodes[place].durableTerm else {
            throw back(place, "term", "\(nodes[place].durableTerm)", "\(reading.term)")
        }
        if let last = nodes[place].last {
            guard reading.term >= last.term else {
                throw back(place, "term", "\(last.term)", "\(reading.term)")
            }
            guard reading.commit >= last.commit else {
                throw back(place, "commit index", "\(last.commit)", "\(reading.commit)")
            }
            guard reading.applied >= last.applied else {
                throw back(place, "applied index", "\(last.applied)", "\(reading.applied)")
            }
            guard reading.clusterTime >= last.clusterTime else {
                throw back(place, "cluster time", "\(last.clusterTime)", "\(reading.clusterTime)")
            }
        }
        nodes[place].last = reading
    }

    private func back(_ place: Int, _ what: String, _ from: String, _ to: String) -> Violation {
        Violation(
            .monotonicProgress,
            "the \(what) of node \(place + 1) goes back: \(from) to \(to)"
        )
    }
}
