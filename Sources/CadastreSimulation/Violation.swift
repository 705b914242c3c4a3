/// A promise of the cluster that did not hold.
package struct Violation: Error, Hashable, Sendable, CustomStringConvertible {
    /// Which promise; the letters are those of the list of oracles.
    package enum Rule: String, Hashable, Sendable, CaseIterable {
        /// At most one leader in a term.
        case oneLeaderPerTerm = "I1 one leader per term"
        /// Same index and term, same bytes and same history.
        case logMatching = "I2 log matching"
        /// What was committed is in the log of every later leader.
        case leaderCompleteness = "I3 leader completeness"
        /// One entry, one digest at an index, on all nodes.
        case stateMachineSafety = "I4 state-machine safety"
        /// Nothing that a node has told goes back.
        case monotonicProgress = "I5 monotonic progress"
        /// Acknowledged once and present, refused and absent, unknown at most once.
        case acknowledgedWrites = "I6 acknowledged writes"
        /// The clients' history has a linear order.
        case linearizability = "I7 linearizability"
        /// Members change one at a time, and each node goes by those that its log names.
        case membership = "membership"
        /// No promise leaves before it is durable.
        case persistBeforeSend = "I8 persist before send"
        /// The digest kept is the digest of the rows.
        case digest = "I9 digest"
        /// No tenant is told what another one wrote.
        case tenantIsolation = "I12 tenant isolation"
        /// After the faults end the cluster works, and its members become equal.
        case liveness = "L1 liveness"
        /// While a majority is well and connected, entries are committed.
        case availability = "L3 availability under faults"
        /// Cluster time is that of most clocks.
        case clusterTime = "cluster time"
        /// What was durable came back from the disk.
        case recovery = "recovery"
        /// A node stopped, or complained about a peer, for no reason of the simulation's making.
        case unexpectedStop = "unexpected stop"
    }

    /// Which promise.
    package var rule: Rule
    /// What was seen.
    package var what: String
    /// The seed that shows it again; 0 outside a world.
    package var seed: UInt64 = 0
    /// The world lost more than can be survived.
    package var isBeyond = false
    /// How many things had been done to the world, those that were left out included: the numbers of
    /// ``FaultChoice`` go so far.
    package var faults = 0
    /// The last steps before it.
    package var story: [String] = []

    /// Describes a violation.
    package init(_ rule: Rule, _ what: String) {
        self.rule = rule
        self.what = what
    }

    /// Everything, the story first.
    package var description: String {
        let command = "cadastre-sim --seed \(seed)" + (isBeyond ? " --beyond" : "")
        let end = "VIOLATION of \(rule.rawValue): \(what)\nagain with: \(command)"
        return (story + [end]).joined(separator: "\n")
    }
}
