/// Leadership goes by itself to where the policy wants it (thesis §3.10: "a more suitable leader").
///
/// A leader hands over to a voter at a site that is wanted more than its own, as soon as one has its
/// log and was just heard. To strictly more wanted sites only, so two never hand over to each other;
/// and with a pause after each attempt that doubles while attempts do not last, so that a wanted
/// voter which does not keep leadership, because its disk is full or its links are bad, costs the
/// others little.
extension Raft {
    /// Begins a hand-over if there is reason for one.
    mutating func preferAnother(into effects: inout Effects) {
        // A witness passes leadership on by itself, to whoever has the most.
        guard !configuration.policy.preferredLeaders.isEmpty, !isWitness, preferencePause.isOver,
            let successor = preferredSuccessor
        else { return }
        preferencePause.begin(shortest: shortestPreferencePause)
        effects.preferredSuccessor = successor
        transferLeadership(to: successor, into: &effects)
    }

    /// Time goes by for the pause, in each role: who hands over follows afterwards.
    mutating func tickPreference() {
        if !configuration.policy.preferredLeaders.isEmpty { preferencePause.tick() }
    }

    /// A pause before the first attempt of a term: whoever was just elected leads for a moment, and
    /// a wanted voter that comes back has that moment to show that it stays.
    var shortestPreferencePause: Int { 5 * timing.maximumElectionTicks }

    /// The voter that should lead rather than this one: at the most wanted site, of several the one
    /// with the longest log, then with the lowest number; nil while anything else is under way.
    private var preferredSuccessor: NodeID? {
        guard case .leader(let leadership) = current, leadership.transfer == nil,
            leadership.wantedConfiguration == nil, configuration.outgoing.isEmpty,
            log.configurationIndex <= commitIndex, log.term(at: commitIndex) == term
        else { return nil }
        let policy = configuration.policy
        var best: (id: NodeID, rank: Int, match: LogIndex)?
        // A leader that is not wanted at all ranks behind everybody who is.
        let own = configuration.member(id).flatMap { policy.rank(of: $0.site) } ?? Int.max
        for progress in leadership.progress where isReadyToLead(progress) {
            guard let member = configuration.member(progress.id), member.role == .voter,
                let rank = policy.rank(of: member.site), rank < own
            else { continue }
            if let best, (best.rank, progress.matchIndex) >= (rank, best.match) { continue }
            best = (progress.id, rank, progress.matchIndex)
        }
        return best?.id
    }

    /// Whether a peer would lead within a moment: heard just now, with nearly the whole log and a
    /// state that keeps up with it, so that proposals and reads wait for it hardly longer than for
    /// its election.
    private func isReadyToLead(_ progress: Progress) -> Bool {
        progress.state == .replicating && progress.silentTicks <= 2 * timing.heartbeatTicks
            && !gonePeers.contains(progress.id) && !laggards.contains(progress.id)
            && progress.matchIndex.distance(to: log.lastIndex) <= Limits.maximumPromotionLag
    }
}

/// How long a leader leaves leadership where it is, in ticks.
struct PreferencePause: Hashable, Sendable {
    /// Until the next attempt may be made.
    private var remaining = 0
    /// How long the last pause was; 0 where that is long ago.
    private var length = 0
    /// Since the last pause was over, counted up to its length.
    private var calm = 0

    /// No pause doubles further than this many times the shortest.
    private static let longest = 64

    /// Whether an attempt may be made.
    var isOver: Bool { remaining == 0 }

    /// One tick.
    mutating func tick() {
        if remaining > 0 {
            remaining -= 1
        } else if calm < length {
            calm += 1
            if calm == length { (length, calm) = (0, 0) }
        }
    }

    /// A term begins.
    mutating func wait(atLeast ticks: Int) { remaining = max(remaining, ticks) }

    /// An attempt is made.
    mutating func begin(shortest: Int) {
        length = min(max(2 * length, shortest), Self.longest * shortest)
        remaining = length
        calm = 0
    }
}
