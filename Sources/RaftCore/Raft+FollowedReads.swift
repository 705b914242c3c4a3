/// Linearizable reads at a follower, through the leader's read index (thesis §6.4): the leader proves
/// its leadership once for all that wait here, and the follower answers from its own state.
extension Raft {
    /// A follower's read: it joins the question that is asked next.
    ///
    /// The leader answers members alone.
    mutating func readIndex(
        _ request: RequestID,
        _ following: Following,
        into effects: inout Effects
    ) {
        var following = following
        guard following.leader != .none, memberIDs.contains(id), following.reads.add(request)
        else {
            effects.refusedReads.append(request)
            return
        }
        askReadIndex(&following, into: &effects)
        current = .follower(following)
    }

    /// The leader answered: the reads of that question are granted, and those that came since ask
    /// theirs.
    ///
    /// Whatever else comes under this number is an answer that came twice.
    mutating func received(
        _ reply: ReadIndexReply,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard case .follower(var following) = current, following.leader == peer else { return }
        for request in following.reads.answered(reply.round) {
            effects.grantedReads.append(ReadGrant(id: request, index: reply.index))
        }
        askReadIndex(&following, into: &effects)
        current = .follower(following)
    }

    /// The leader is another one, or none: who waited for its word asks anew.
    mutating func refuseFollowedReads(into effects: inout Effects) {
        guard case .follower(let following) = current else { return }
        effects.refusedReads.append(contentsOf: following.reads.all)
    }

    private mutating func askReadIndex(
        _ following: inout Following,
        into effects: inout Effects
    ) {
        guard following.reads.ask(lastReadRound + 1) else { return }
        lastReadRound += 1
        send(.readIndex(following.reads.question), to: following.leader, into: &effects)
    }
}

/// The reads of one follower of one leader, in the order of their arrival.
struct FollowedReads: Hashable, Sendable {
    /// The question that is under way, or the last one.
    private(set) var question = ReadIndex(round: 0)
    /// The reads that it was asked for; empty if none is under way.
    private var asked: [RequestID] = []
    /// The reads that came since.
    private var waiting: [RequestID] = []
    /// Ticks since it was asked last.
    private var elapsed = 0

    /// Everybody who waits.
    var all: [RequestID] { asked + waiting }

    /// Takes a read, unless too many wait already.
    mutating func add(_ request: RequestID) -> Bool {
        guard waiting.count + asked.count < Limits.maximumWaitingReads else { return false }
        waiting.append(request)
        return true
    }

    /// Begins a question for all that wait.
    ///
    /// Says false if one is under way, or nobody waits.
    mutating func ask(_ round: UInt64) -> Bool {
        guard asked.isEmpty, !waiting.isEmpty else { return false }
        question = ReadIndex(round: round)
        elapsed = 0
        swap(&asked, &waiting)
        return true
    }

    /// The leader answered a question.
    ///
    /// Gives back its reads; none if it is not the one under way.
    mutating func answered(_ round: UInt64) -> [RequestID] {
        guard round == question.round else { return [] }
        defer { asked.removeAll() }
        return asked
    }

    /// One tick went by.
    ///
    /// Says whether the question is to be asked again: it, or its answer, may be lost.
    mutating func tick(asksAgainAfter interval: Int) -> Bool {
        guard !asked.isEmpty else { return false }
        elapsed += 1
        guard elapsed >= interval else { return false }
        elapsed = 0
        return true
    }
}
