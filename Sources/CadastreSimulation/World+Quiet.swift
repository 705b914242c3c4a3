internal import CadastreNode
internal import RaftCore

/// A cluster that is well, to which nothing is done, or next to nothing: whoever leads goes on to.
extension World {
    /// All was equal once, and nobody does anything to the cluster any more: whoever leads goes on
    /// to, and no node that is no member disturbs it.
    ///
    /// In some worlds one direction between the leader and one other node is dead meanwhile: a majority
    /// hears the leader, and that is enough.
    ///
    /// Not where clocks run so differently that one node's patience is another's heartbeat, nor where
    /// leadership is wanted somewhere and goes there by itself, as from a witness.
    func beginQuiet() {
        guard scenario.nodes >= 3, scenario.witness == nil, isQuietWorld,
            !mayBeLate, scenario.clockRates.allSatisfy({ (900...1_100) ~= $0 }),
            let leader = nodes.first(where: { $0.isUp && $0.role == .leader }),
            leader.consensus?.status.configuration.policy.preferredLeaders.isEmpty == true
        else { return }
        quietLeader = (leader.id, leader.term)
        quietUntil = now + (isLongQuiet ? Self.longQuiet : 3 * scenario.electionTimeout)
        if scenario.members == nil { cutQuietly(leader) }
    }

    /// Whether what was sent under faults may arrive now: a word to take over, said then, is obeyed.
    private var mayBeLate: Bool {
        scenario.quality.replayPerMille > 0
            || now < healingSince + 50 * scenario.quality.delay.upperBound
    }

    /// Time is dear: of the worlds whose members stay who they are every third.
    private var isQuietWorld: Bool { scenario.members != nil || seed % 3 == 1 }

    /// In a few of them a follower is silent for so long that its clock does not count any more.
    var isLongQuiet: Bool {
        scenario.members == nil && scenario.liar == nil
            && (seed % 12 == 7 || sabotage == .stillClocks)
    }

    /// The leader forgets what a clock showed after 5 s.
    private static let longQuiet = 12 * Span.second

    /// One direction of one of the leader's links is dead until the quiet ends, and nobody is told.
    ///
    /// Which, the seed says, and not a draw: all else of a world is what it would be without.
    private func cutQuietly(_ leader: SimulatedNode) {
        let others = nodes.indices.filter { $0 != leader.place }
        let other = others[Int(seed / 6 % UInt64(others.count))]
        let (from, to) = seed % 2 == 0 ? (leader.place, other) : (other, leader.place)
        tell("cut: \(from + 1) → \(to + 1), while all else is quiet")
        network.cut(from: from, to: to)
        plan(.mend(.links([(from, to)])), after: quietUntil - now)
    }

    /// - Throws: If another node leads than when all became equal, or in another term.
    func endQuiet() throws(Violation) {
        guard let quietLeader else { return }
        if nodes.count > members.count { reach.mark(.strangersLeftInPeace) }
        for node in members where node.term != quietLeader.term {
            throw Violation(
                .liveness,
                "node \(quietLeader.node) led term \(quietLeader.term) of a cluster that was well; "
                    + "now node \(node.id) is in term \(node.term)"
            )
        }
    }
}
