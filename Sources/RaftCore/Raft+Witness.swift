/// The log-only witness: a voter without a state, so that two full voters and a small machine at a third
/// site outlive the loss of any one.
///
/// It keeps what is not known to be durable on *every* full voter; so whatever a quorum of disks holds
/// is whole: of any two quorums one member is in both, and if that is the witness, the full voter
/// beside it has all that the witness forgot. Hence its log never begins beyond what each full voter
/// holds, which the rules here see to when it forgets, when it begins anew, and when the voters change.
extension Raft {
    /// Whether this member keeps the log alone.
    public var isWitness: Bool { !keepsState }

    // MARK: Leading for a passage

    /// How long a member listens before it stands.
    ///
    /// A witness is the last: after any full voter that may win.
    var electionWaits: ClosedRange<Int> {
        let longest = timing.maximumElectionTicks
        guard isWitness else { return timing.minimumElectionTicks...longest }
        // Far from the largest number there is, whatever a setting says.
        return longest...longest + min(longest, 1 << 20)
    }

    /// A full voter lacks what is here, and cannot win: this member leads it there, without waiting
    /// until its own time is up.
    mutating func standInstead() {
        guard isWitness, isElectable, case .follower(var following) = current,
            following.hurryTicks == nil
        else { return }
        following.hurryTicks = Self.hurrySpacing
        current = .follower(following)
    }

    /// A witness that leads gives leadership to the full voter with the longest log of those that
    /// answered it (thesis §3.10); the transfer brings that one up to date first.
    ///
    /// If it leads to nothing, another one is tried where there is one; if none answers, it leads on
    /// and serves nobody.
    mutating func passLeadershipOn(into effects: inout Effects) {
        guard isWitness, case .leader(let leadership) = current, leadership.transfer == nil,
            log.last.term == term
        else { return }
        let candidates = leadership.progress.filter { progress in
            // Who is alive is known by its answer: one that is gone would cost an election timeout.
            configuration.member(progress.id)?.role == .voter && progress.matchIndex > .zero
                && progress.silentTicks < timing.minimumElectionTicks
        }
        let others = candidates.filter { $0.id != leadership.passedOver }
        var best: Progress?
        for progress in others.isEmpty ? candidates : others
        where progress.matchIndex > (best?.matchIndex ?? .zero) {
            best = progress
        }
        if let best { transferLeadership(to: best.id, into: &effects) }
    }

    // MARK: What it keeps

    /// Tells the witness through where it may forget.
    func tellWitness(_ leadership: inout Leadership, into effects: inout Effects) {
        let witness = configuration.witness
        guard witness != .none, witness != id else { return }
        let through = heldByAll(leadership)
        guard through > leadership.witnessBase else { return }
        leadership.witnessBase = through
        sendAsLeader(.heldByAll(HeldByAll(through: through)), to: witness, into: &effects)
    }

    /// What is committed and durable on every full voter; of voters that leave, too.
    private func heldByAll(_ leadership: Leadership) -> LogIndex {
        var result = commitIndex
        for voter in memberIDs where quorum.isVoter(voter) {
            if configuration.member(voter)?.role == .witness { continue }
            if voter == id {
                result = min(result, durability.persistedIndex)
            } else {
                let match = leadership.place(of: voter).map { leadership.progress[$0].matchIndex }
                result = min(result, match ?? .zero)
            }
        }
        return result
    }

    /// The leader says what need not be kept.
    mutating func received(
        _ held: HeldByAll,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard follow(peer, into: &effects), isWitness else { return }
        effects.heldByAll = held.through
    }

    /// Whether a peer that lacks what was compacted here may begin its log anew behind it.
    ///
    /// Always, if it has a state to fetch. A witness while no change of members is under way: what it
    /// has not acknowledged was then committed by full voters alone, who were a quorum, and the same
    /// is true of the change that brought it in.
    ///
    /// While one is under way the same is true of the voters before it; of those after it enough must
    /// be known to hold all that is committed. The change may need the witness to become committed, so
    /// to wait for its end would be to wait for ever.
    func mayBeginAnew(_ peer: NodeID, _ leadership: Leadership) -> Bool {
        guard configuration.witness == peer else { return true }
        guard !configuration.outgoing.isEmpty || log.configurationIndex > commitIndex else {
            return true
        }
        guard configuration.outgoing.isEmpty || configuration.outgoing.contains(peer) else {
            return false
        }
        let behind = fullVoters(of: configuration, behind: commitIndex, leadership)
        return behind.count <= Self.dispensable(in: configuration)
    }

    /// Full voters that are not known to hold everything through an index.
    private func fullVoters(
        of configuration: Configuration,
        behind index: LogIndex,
        _ leadership: Leadership
    ) -> [(id: NodeID, match: LogIndex)] {
        configuration.fullVoters.compactMap { voter in
            let match =
                voter == id
                ? durability.persistedIndex
                : leadership.place(of: voter).map { leadership.progress[$0].matchIndex } ?? .zero
            return match < index ? (voter, match) : nil
        }
    }

    /// So many full voters may lack what the witness forgot: with it they are no quorum.
    private static func dispensable(in configuration: Configuration) -> Int {
        Quorum.majority(of: configuration.voters.count) - 2
    }

    /// A witness acknowledged what it was not sent: it began anew, no further than there.
    func noteStart(of place: Int, match: LogIndex, _ leadership: inout Leadership) {
        let progress = leadership.progress[place]
        guard progress.id == configuration.witness,
            progress.state != .replicating || match >= progress.nextIndex
        else { return }
        leadership.witnessBase = max(leadership.witnessBase, match)
    }

    /// Why the voters cannot be changed so because of what a witness does not keep.
    func refusalOfWitness(
        in target: Configuration,
        _ leadership: Leadership
    ) -> ConfigurationRefusal? {
        for member in target.members {
            guard let now = configuration.member(member.id), now.incarnation == member.incarnation
            else { continue }
            if (now.role == .witness) != (member.role == .witness) {
                return .keepsItsRole(member.id)
            }
        }
        guard target.witness != .none, target.voters != configuration.voters else { return nil }
        let behind = fullVoters(of: target, behind: leadership.witnessBase, leadership)
        // One that comes in may come back, and have forgotten already: all full voters are asked.
        // Of few voters each counts for more: who was dispensable may decide now.
        let isNew = target.witness != configuration.witness
        let areTooMany = behind.count > Self.dispensable(in: target)
        return behind.first { isNew || areTooMany || !quorum.isVoter($0.id) }
            .map { .notCaughtUp($0.id, missing: leadership.witnessBase.value - $0.match.value) }
    }
}
