/// Pre-vote, vote and tally (Raft §5.2, §5.4.1; thesis §4.2.3, §9.6).
extension Raft {
    // MARK: Terms and roles

    /// Puts the message's term beside ours (Raft §5.1).
    ///
    /// Says whether the message is still of interest then.
    mutating func adoptTerm(of message: Message, into effects: inout Effects) -> Bool {
        if message.term < term {
            answerStale(message, into: &effects)
            return false
        }
        guard message.term > term else { return true }
        switch message.body {
        case .requestVote(let request):
            // A pre-vote's term is hypothetical. Of a vote against a living leader nothing is
            // believed, not even the term (thesis §4.2.3).
            if request.purpose == .preVote { return true }
            if leaderProtects(against: request) { return false }
            enter(message.term, leader: .none, into: &effects)
        case .requestVoteReply(let reply):
            if reply.purpose == .preVote, reply.isGranted { return true }
            enter(message.term, leader: .none, into: &effects)
        case .appendEntries, .heartbeat, .heldByAll:
            enter(message.term, leader: message.from, into: &effects)
        case .appendEntriesReply, .heartbeatReply, .timeoutNow, .readIndex, .readIndexReply:
            enter(message.term, leader: .none, into: &effects)
        }
        return true
    }

    /// Follows `leader`, or nobody while it is not known, in the current term.
    mutating func becomeFollower(of leader: NodeID, into effects: inout Effects) {
        if let leadership = takeLeadership() {
            leadership.reads.refuseAll(into: &effects)
            effects.wantedEntry = nil
        }
        refuseFollowedReads(into: &effects)
        if leader != .none {
            termLeader = leader
            // Who leads is alive, whatever was seen before.
            gonePeers.removeAll { $0 == leader }
        }
        current = .follower(Following(leader: leader))
        restartElectionClock()
    }

    /// Asks whether an election would be won.
    ///
    /// The known leader is forgotten first, or the member's own protection of it would keep
    /// refusing others (etcd#9586).
    mutating func becomePreCandidate(into effects: inout Effects) {
        let isGone = leader != .none && gonePeers.contains(leader)
        var campaign = Campaign(purpose: .preVote, leaderIsGone: isGone)
        campaign.received(true, from: id)
        refuseFollowedReads(into: &effects)
        current = .preCandidate(campaign)
        restartElectionClock()
        askForVotes(campaign, into: &effects)
        tally(campaign, into: &effects)
    }

    /// Enters a new term and votes for itself; that vote counts once it is durable.
    mutating func becomeCandidate(
        _ purpose: RequestVote.Purpose,
        leaderIsGone: Bool,
        into effects: inout Effects
    ) {
        write(HardState(term: term.next, vote: id), into: &effects)
        let campaign = Campaign(purpose: purpose, leaderIsGone: leaderIsGone)
        refuseFollowedReads(into: &effects)
        current = .candidate(campaign)
        restartElectionClock()
        askForVotes(campaign, into: &effects)
    }

    /// Leads the term: says so to all, and wants a no-op, without which nothing of older terms
    /// can be committed (Raft §8).
    private mutating func becomeLeader(into effects: inout Effects) {
        precondition(
            hardState.vote == id && durability.voteNumber <= durability.durableNumber,
            "leader of term \(term) without a durable vote for itself"
        )
        termLeader = id
        preferencePause.wait(atLeast: shortestPreferencePause)
        var leadership = Leadership(
            progress: memberIDs.filter { $0 != id }
                .map { Progress(id: $0, nextIndex: log.lastIndex.next) },
            uncommittedSize: log.size(after: commitIndex),
            witnessBase: log.lastIndex
        )
        sendHeartbeats(&leadership, into: &effects)
        current = .leader(leadership)
        effects.wantedEntry = .noOp
    }

    /// Whether this member may stand: it has a vote, and a term to enter.
    ///
    /// The vote of its number may be another disk's: that of the one that was lost, before this one
    /// took its place. Two nodes with new disks must not found the group a second time.
    ///
    /// One that loses its vote stands too until that is committed: perhaps nobody else holds the
    /// entry that those who keep theirs need (thesis §4.2.2).
    var isElectable: Bool {
        guard term.value < Limits.maximumTerm, isItself else { return false }
        if quorum.isVoter(id) { return true }
        // The founding configuration follows no other one.
        guard log.configurationIndex > max(commitIndex, log.base.index, LogIndex(1)) else {
            return false
        }
        return Quorum(log.configuration(at: log.configurationIndex.previous)).isVoter(id)
    }

    /// Whether the configuration does not mean another disk by this member's number, nor one that
    /// keeps other things.
    private var isItself: Bool {
        guard let member = configuration.member(id) else { return true }
        return member.incarnation == incarnation ?? member.incarnation
            && (member.role == .witness) == isWitness
    }

    // MARK: Asking

    /// The leader chose this member as its successor (thesis §3.10): no pre-vote is needed.
    mutating func receivedTimeoutNow(from peer: NodeID, into effects: inout Effects) {
        guard role == .follower, leader == peer, isElectable else { return }
        becomeCandidate(.transfer, leaderIsGone: false, into: &effects)
    }

    /// The own vote is durable.
    mutating func countOwnVote(into effects: inout Effects) {
        guard case .candidate(var campaign) = current,
            durability.voteNumber <= durability.durableNumber
        else { return }
        campaign.received(true, from: id)
        current = .candidate(campaign)
        tally(campaign, into: &effects)
    }

    /// Counts a vote or a pre-vote.
    mutating func received(
        _ reply: RequestVoteReply,
        _ message: Message,
        into effects: inout Effects
    ) {
        switch current {
        case .preCandidate(var campaign):
            // A grant names the term that would be, a refusal the refuser's own.
            let isCurrent = message.term == (reply.isGranted ? term.next : term)
            guard reply.purpose == .preVote, isCurrent else { return }
            campaign.received(reply.isGranted, from: message.from)
            current = .preCandidate(campaign)
            tally(campaign, into: &effects)
        case .candidate(var campaign):
            guard reply.purpose == campaign.purpose, message.term == term else { return }
            campaign.received(reply.isGranted, from: message.from)
            current = .candidate(campaign)
            // No question went out before the own vote was durable, so no honest answer is early.
            if campaign.vote(of: id) != nil { tally(campaign, into: &effects) }
        case .follower, .leader: break
        }
    }

    private mutating func askForVotes(_ campaign: Campaign, into effects: inout Effects) {
        let request = MessageBody.requestVote(
            RequestVote(
                purpose: campaign.purpose,
                last: log.last,
                leaderIsGone: campaign.leaderIsGone
            )
        )
        for peer in memberIDs where peer != id && quorum.isVoter(peer) {
            if campaign.purpose == .preVote {
                sendHypothetical(request, to: peer, term: term.next, into: &effects)
            } else {
                send(request, to: peer, into: &effects)
            }
        }
    }

    private mutating func tally(_ campaign: Campaign, into effects: inout Effects) {
        switch (quorum.outcome { campaign.vote(of: $0) }, campaign.purpose) {
        case (.won, .preVote):
            becomeCandidate(.election, leaderIsGone: campaign.leaderIsGone, into: &effects)
        case (.won, .election), (.won, .transfer): becomeLeader(into: &effects)
        case (.lost, _): becomeFollower(of: .none, into: &effects)
        case (.pending, _): break
        }
    }

    // MARK: Answering

    /// Answers a request for a vote or a pre-vote: first come, first served, once per term, and
    /// only to whose log is at least as up to date (Raft §5.2, §5.4.1).
    mutating func received(
        _ request: RequestVote,
        _ message: Message,
        into effects: inout Effects
    ) {
        let peer = message.from
        let isUpToDate = request.last >= log.last
        let isFree = hardState.vote == peer || (hardState.vote == .none && termLeader == .none)
        switch request.purpose {
        case .preVote:
            let isGranted =
                isUpToDate && (message.term > term || isFree)
                && !leaderProtects(against: request)
            let reply = MessageBody.requestVoteReply(
                RequestVoteReply(purpose: .preVote, isGranted: isGranted)
            )
            if isGranted {
                giveWay()
                sendHypothetical(reply, to: peer, term: message.term, into: &effects)
            } else {
                send(reply, to: peer, into: &effects)
                if !isUpToDate, !leaderProtects(against: request) { standInstead() }
            }
        case .election, .transfer:
            // A pre-candidate has promised nothing in this term yet, and gives way.
            let mayVote = role == .follower || role == .preCandidate
            let isGranted = isUpToDate && isFree && mayVote
            if isGranted {
                if hardState.vote == .none {
                    write(HardState(term: term, vote: peer), into: &effects)
                }
                if role == .preCandidate { becomeFollower(of: .none, into: &effects) }
                restartElectionClock()
            }
            send(
                .requestVoteReply(
                    RequestVoteReply(purpose: request.purpose, isGranted: isGranted)
                ),
                to: peer,
                after: isGranted ? durability.voteNumber : .zero,
                into: &effects
            )
        }
    }

    /// Whether a living leader speaks against giving a vote (thesis §4.2.3).
    ///
    /// Not where that leader asked for the election itself, or where both sides saw its process go.
    private func leaderProtects(against request: RequestVote) -> Bool {
        if request.purpose == .transfer || leader == .none { return false }
        if request.leaderIsGone, gonePeers.contains(leader) { return false }
        return isLeader || electionElapsed < timing.minimumElectionTicks
    }

    /// Another member was faster after the leader went: its election comes first.
    private mutating func giveWay() {
        guard case .follower(var following) = current, let ticks = following.hurryTicks
        else { return }
        following.hurryTicks = ticks + 2 * Self.hurrySpacing
        current = .follower(following)
    }

    private mutating func enter(_ newTerm: Term, leader: NodeID, into effects: inout Effects) {
        write(HardState(term: newTerm, vote: .none), into: &effects)
        becomeFollower(of: leader, into: &effects)
    }

    /// Tells a member of the past which term it is, so that a deposed leader steps down and a
    /// candidate catches up.
    private mutating func answerStale(_ message: Message, into effects: inout Effects) {
        switch message.body {
        case .requestVote(let request):
            let reply = RequestVoteReply(purpose: request.purpose, isGranted: false)
            send(.requestVoteReply(reply), to: message.from, into: &effects)
        case .appendEntries(let append):
            rejectAppend(after: append.previous.index, to: message.from, into: &effects)
        case .heartbeat:
            rejectAppend(after: .zero, to: message.from, into: &effects)
        case .requestVoteReply, .appendEntriesReply, .heartbeatReply, .timeoutNow, .readIndex,
            .readIndexReply, .heldByAll:
            break
        }
    }
}
