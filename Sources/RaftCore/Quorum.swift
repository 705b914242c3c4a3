/// Who decides in a group, and the arithmetic of deciding (Raft §5.2, §5.4, §6).
///
/// A plain configuration needs a majority of its voters; a joint one needs a majority of the
/// incoming *and* one of the outgoing voters. An empty half decides nothing by itself: it agrees
/// with whatever the other half says.
struct Quorum: Hashable, Sendable {
    /// The voters of the configuration, ascending.
    let incoming: [NodeID]
    /// The voters of the configuration that is being left, ascending; empty when not joint.
    let outgoing: [NodeID]

    /// Takes both halves from a configuration.
    init(_ configuration: Configuration) {
        incoming = configuration.voters
        outgoing = configuration.outgoing
    }

    /// What a tally of votes amounts to.
    enum Outcome: Hashable, Sendable {
        /// A quorum says yes.
        case won
        /// No quorum can say yes any more.
        case lost
        /// It depends on those who have not answered.
        case pending
    }

    /// Whether this node's vote counts.
    func isVoter(_ id: NodeID) -> Bool { incoming.contains(id) || outgoing.contains(id) }

    /// Whether this node decides alone.
    func isAlone(_ id: NodeID) -> Bool {
        incoming == [id] && (outgoing.isEmpty || outgoing == [id])
    }

    /// Whether those of whom `claim` holds are a quorum.
    func isReached(by claim: (NodeID) -> Bool) -> Bool {
        Self.tally(incoming, claim) == .won
            && (outgoing.isEmpty || Self.tally(outgoing, claim) == .won)
    }

    /// What the votes amount to; `vote` is nil for who has not answered.
    func outcome(of vote: (NodeID) -> Bool?) -> Outcome {
        let first = Self.tally(incoming, vote)
        if outgoing.isEmpty { return first }
        let second = Self.tally(outgoing, vote)
        if first == .lost || second == .lost { return .lost }
        return first == .won && second == .won ? .won : .pending
    }

    /// The highest index that a quorum has reached, where `match` is what each voter has.
    func committedIndex(of match: (NodeID) -> LogIndex) -> LogIndex {
        let first = Self.reached(incoming, match)
        if outgoing.isEmpty { return first }
        return min(first, Self.reached(outgoing, match))
    }

    /// How many of `count` voters are a majority.
    static func majority(of count: Int) -> Int { count / 2 + 1 }

    private static func tally(_ voters: [NodeID], _ vote: (NodeID) -> Bool?) -> Outcome {
        var granted = 0
        var refused = 0
        for voter in voters {
            switch vote(voter) {
            case true?: granted += 1
            case false?: refused += 1
            case nil: break
            }
        }
        let needed = majority(of: voters.count)
        if granted >= needed { return .won }
        return voters.count - refused < needed ? .lost : .pending
    }

    /// The majority's index of one half, by insertion sort in place: nothing is allocated.
    private static func reached(_ voters: [NodeID], _ match: (NodeID) -> LogIndex) -> LogIndex {
        if voters.isEmpty { return .zero }
        precondition(
            voters.count <= Limits.maximumMembers,
            "\(voters.count) voters; a group has at most \(Limits.maximumMembers)"
        )
        var descending = InlineArray<16, UInt64>(repeating: 0)
        for (count, voter) in voters.enumerated() {
            let value = match(voter).value
            var place = count
            while place > 0, descending[place - 1] < value {
                descending[place] = descending[place - 1]
                place -= 1
            }
            descending[place] = value
        }
        return LogIndex(descending[majority(of: voters.count) - 1])
    }
}
