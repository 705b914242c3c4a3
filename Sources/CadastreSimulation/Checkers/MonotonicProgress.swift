package import RaftCore

/// I5: on one node term, commit index, applied index and cluster time never go back; the term not
/// even across a restart.
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

    private var last: [Reading?]
    /// The newest term that was durable in the life before.
    private var durableTerms: [Term]

    /// Nodes of whom nothing is known.
    package init(nodes: Int) {
        last = Array(repeating: nil, count: nodes)
        durableTerms = Array(repeating: .zero, count: nodes)
    }

    /// The process of a node ended with this term durable.
    package mutating func ended(_ place: Int, durableTerm: Term) {
        last[place] = nil
        durableTerms[place] = max(durableTerms[place], durableTerm)
    }

    /// The state machine lost a transaction and says so: it begins again from there.
    package mutating func lostTransaction(_ place: Int, appliedNow: LogIndex, clusterTime: UInt64) {
        last[place]?.applied = appliedNow
        last[place]?.clusterTime = clusterTime
    }

    /// A node tells where it is.
    ///
    /// - Throws: If it was further before.
    package mutating func reads(_ place: Int, _ reading: Reading) throws(Violation) {
        guard reading.term >= durableTerms[place] else {
            throw back(place, "term", "\(durableTerms[place])", "\(reading.term)")
        }
        if let last = last[place] {
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
        last[place] = reading
    }

    private func back(_ place: Int, _ what: String, _ from: String, _ to: String) -> Violation {
        Violation(
            .monotonicProgress,
            "the \(what) of node \(place + 1) goes back: \(from) to \(to)"
        )
    }
}
