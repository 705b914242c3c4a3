package import RaftCore

/// I1: at most one node leads in a term (Raft §5.2).
package struct OneLeaderPerTerm {
    /// Looked up, never iterated.
    private var leaders: [Term: NodeID] = [:]
    /// How many terms had a leader.
    package var terms: Int { leaders.count }

    /// No term yet.
    package init() {}

    /// A node leads a term.
    ///
    /// - Returns: Whether that is news.
    /// - Throws: If another one was seen leading it.
    package mutating func leads(_ node: NodeID, _ term: Term) throws(Violation) -> Bool {
        guard let known = leaders[term] else {
            leaders[term] = node
            return true
        }
        guard known == node else {
            throw Violation(.oneLeaderPerTerm, "nodes \(known) and \(node) both lead term \(term)")
        }
        return false
    }
}
