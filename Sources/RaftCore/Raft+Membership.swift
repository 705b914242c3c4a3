/// Who belongs to the group, and changing that (Raft §6, thesis §4).
///
/// One change at a time. Any change of voters goes through a joint configuration, in which both the
/// old voters and the new ones must agree; when that is committed the leader proposes the new one
/// alone. A configuration is in force from the moment it is appended.
extension Raft {
    /// Why the group cannot be changed to `target` now; nil if it can.
    ///
    /// Asked by the node for a plan without effects, and by ``Input/changeConfiguration(to:)``.
    public func refusal(ofChangeTo target: Configuration) -> ConfigurationRefusal? {
        guard case .leader(let leadership) = current else { return .notLeader }
        if leadership.transfer != nil { return .transferring }
        // Without an entry of the own term the leader may not know of a change by another one
        // (the mistake in the one-server changes of the thesis, found in 2015).
        if log.term(at: commitIndex) != term { return .notReady }
        if leadership.wantedConfiguration != nil || log.configurationIndex > commitIndex
            || !configuration.outgoing.isEmpty
        {
            return .changeInProgress
        }
        guard target.isUsable, target.outgoing.isEmpty else { return .unusable }
        if target == configuration { return .unchanged }
        if let reason = configuration.policyRefusal(ofChangeTo: target) { return reason }
        let reborn = target.members.filter {
            $0.incarnation != (configuration.member($0.id) ?? $0).incarnation
        }
        // What a voter's disk has promised is gone with the disk. One at a time: then a quorum of
        // the others still holds whatever was committed with it.
        if let first = reborn.first(where: \.votes) ?? reborn.dropFirst().first {
            return .mustBeLearner(first.id)
        }
        if let reason = refusalOfWitness(in: target, leadership) { return reason }
        for member in target.members where member.role == .voter && !quorum.isVoter(member.id) {
            guard let place = leadership.place(of: member.id) else {
                return .notCaughtUp(member.id, missing: log.last.index.value)
            }
            let missing = log.lastIndex.value - leadership.progress[place].matchIndex.value
            if missing > UInt64(Limits.maximumPromotionLag) || laggards.contains(member.id) {
                return .notCaughtUp(member.id, missing: missing)
            }
        }
        let voters = target.voters
        let heard = voters.count { canElect($0, leadership) }
        let needed = Quorum.majority(of: voters.count)
        return heard < needed ? .wouldLoseQuorum(heard: heard, needed: needed) : nil
    }

    /// Begins a change: the node is asked for the joint entry, or for the plain one where the voters
    /// stay the same.
    mutating func changeConfiguration(to target: Configuration, into effects: inout Effects) {
        guard refusal(ofChangeTo: target) == nil else { return }
        var next = target
        if target.voters != configuration.voters { next.outgoing = configuration.voters }
        want(next, into: &effects)
    }

    /// What a committed configuration entails for its leader: a joint one is left; a leader that has
    /// no vote any more gives way to the voter with the longest log (thesis §4.2.2).
    mutating func settleMembership(into effects: inout Effects) {
        guard isLeader, log.configurationIndex <= commitIndex, log.last.term == term else { return }
        if !configuration.outgoing.isEmpty {
            guard case .leader(let leadership) = current, leadership.wantedConfiguration == nil,
                leadership.transfer == nil
            else { return }
            var next = configuration
            next.outgoing = []
            want(next, into: &effects)
        } else if !quorum.isVoter(id) {
            leaveLeadership(into: &effects)
        }
    }

    /// The log ends with another configuration than before.
    mutating func configurationChanged(into effects: inout Effects) {
        let before = configuration
        configuration = log.configuration
        quorum = Quorum(configuration)
        memberIDs = Self.memberIDs(of: configuration)
        gonePeers.removeAll { !memberIDs.contains($0) }
        laggards.removeAll { !memberIDs.contains($0) }
        effects.configuration = configuration
        guard case .leader(var leadership) = current else { return }
        leadership.progress.removeAll { progress in
            // A node whose disk is a new one has nothing of what the old one acknowledged.
            !memberIDs.contains(progress.id)
                || configuration.member(progress.id)?.incarnation
                    != before.member(progress.id)?.incarnation
        }
        for peer in memberIDs where peer != id && leadership.place(of: peer) == nil {
            // The first probe brings the entry that names it.
            leadership.progress.append(Progress(id: peer, nextIndex: log.lastIndex))
        }
        leadership.progress.sort { $0.id < $1.id }
        // Whoever is left may have confirmed the round, or nobody is left to do so.
        confirmReads(&leadership, into: &effects)
        current = .leader(leadership)
    }

    private mutating func want(_ next: Configuration, into effects: inout Effects) {
        guard var leadership = takeLeadership() else { return }
        leadership.wantedConfiguration = next
        current = .leader(leadership)
        effects.wantedEntry = .configuration(next)
    }

    private mutating func leaveLeadership(into effects: inout Effects) {
        guard case .leader(let leadership) = current else { return }
        var best: Progress?
        for progress in leadership.progress
        where configuration.member(progress.id)?.role == .voter
            && progress.matchIndex > (best?.matchIndex ?? .zero)
        {
            best = progress
        }
        if let best { sendAsLeader(.timeoutNow(TimeoutNow()), to: best.id, into: &effects) }
        becomeFollower(of: .none, into: &effects)
    }

    /// Whether a member may be counted on to vote in what is changed next: it is heard, and if it votes
    /// already, it has acknowledged something in this term.
    ///
    /// Silence is counted from the term's beginning, when everybody passes for heard. Who was away may
    /// know none of those who stand next, takes them for strangers, and lets them in only once they lead.
    private func canElect(_ member: NodeID, _ leadership: Leadership) -> Bool {
        guard member != id, let place = leadership.place(of: member) else { return member == id }
        return isHeard(member, leadership)
            && (!quorum.isVoter(member) || leadership.progress[place].matchIndex > .zero)
    }

    /// Whether a member was heard within an election timeout; oneself always is.
    func isHeard(_ member: NodeID, _ leadership: Leadership) -> Bool {
        if member == id { return true }
        guard let place = leadership.place(of: member) else { return false }
        return leadership.progress[place].silentTicks < timing.minimumElectionTicks
    }
}

/// Why a group cannot be changed now.
public enum ConfigurationRefusal: Hashable, Sendable {
    /// Ask the leader.
    case notLeader
    /// Nothing of this leader's term is committed yet: ask again in a moment.
    case notReady
    /// Leadership is being handed over: ask again in a moment.
    case transferring
    /// The last change is not finished.
    case changeInProgress
    /// It is so already.
    case unchanged
    /// No full voter, two witnesses, too many members, or one twice.
    case unusable
    /// What a node's disk keeps is settled when it is founded: a witness has no state to lead with,
    /// and nobody gives up the state that it has.
    case keepsItsRole(NodeID)
    /// A node with a new incarnation begins as a learner, and one at a time: it does not know any
    /// more what it voted for and acknowledged.
    case mustBeLearner(NodeID)
    /// A new voter must first be a learner, and lack no more than
    /// ``Limits/maximumPromotionLag`` entries; nor may its state be far behind its log, since it may
    /// have to lead in a moment.
    case notCaughtUp(NodeID, missing: UInt64)
    /// The policy allows nobody where these members stand, ascending.
    case outsidePolicy([NodeID])
    /// The loss of one of these sites would leave no quorum, and the policy wants that of any to
    /// leave one.
    case spreadBroken(sites: [String])
    /// Of the new voters too few are heard at the moment to decide anything.
    case wouldLoseQuorum(heard: Int, needed: Int)
}
