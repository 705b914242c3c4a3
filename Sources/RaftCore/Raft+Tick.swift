/// Time, as each role feels it.
extension Raft {
    /// One tick went by.
    mutating func tick(into effects: inout Effects) {
        tickPreference()
        switch current {
        case .follower(var following):
            electionElapsed += 1
            if following.reads.tick(asksAgainAfter: timing.heartbeatTicks) {
                send(.readIndex(following.reads.question), to: following.leader, into: &effects)
            }
            current = .follower(following)
            if let ticks = following.hurryTicks {
                following.hurryTicks = ticks > 1 ? ticks - 1 : nil
                current = .follower(following)
                if ticks <= 1 { electionElapsed = electionTimeout }
            }
            standIfTimeIsUp(into: &effects)
        case .preCandidate, .candidate:
            electionElapsed += 1
            standIfTimeIsUp(into: &effects)
        case .leader:
            tickLeader(into: &effects)
        }
    }

    /// Draws the next wait and starts it (Raft §5.2: randomized, so that split votes are rare).
    mutating func restartElectionClock() {
        electionElapsed = 0
        electionTimeout = generator.draw(from: electionWaits)
    }

    /// The peer's process refused a reconnect.
    ///
    /// If it leads, there is nothing to wait for: this member asks for pre-votes after a few ticks,
    /// in an order that keeps followers apart.
    mutating func peerIsGone(_ peer: NodeID) {
        guard peer != id, memberIDs.contains(peer), !gonePeers.contains(peer) else { return }
        gonePeers.append(peer)
        gonePeers.sort()
        guard case .follower(var following) = current, following.leader == peer else { return }
        let isBefore: (NodeID) -> Bool = { [isWitness, id] in isWitness || $0 < id }
        let turn = quorum.incoming.count { $0 != peer && $0 != id && isBefore($0) }
        following.hurryTicks = turn * Self.hurrySpacing + generator.draw(from: 1...2)
        current = .follower(following)
    }

    /// The peer said how its state stands to its log.
    mutating func peerLags(_ peer: NodeID, _ lags: Bool) {
        guard peer != id, memberIDs.contains(peer), laggards.contains(peer) != lags else { return }
        laggards.removeAll { $0 == peer }
        guard lags else { return }
        laggards.append(peer)
        laggards.sort()
    }

    /// A connection to the peer stands again.
    ///
    /// What was on its way to it is lost.
    mutating func peerIsBack(_ peer: NodeID, into effects: inout Effects) {
        gonePeers.removeAll { $0 == peer }
        switch current {
        case .follower(var following):
            if following.leader == peer {
                following.hurryTicks = nil
                current = .follower(following)
            }
        case .leader:
            guard var leadership = takeLeadership() else { return }
            defer { current = .leader(leadership) }
            guard let place = leadership.place(of: peer) else { return }
            leadership.progress[place].reconnected(base: log.base.index)
            sendHeartbeat(to: place, &leadership, into: &effects)
            sendEntries(to: place, &leadership, evenIfNone: true, into: &effects)
        case .preCandidate, .candidate: break
        }
    }

    /// Ticks between the turns of followers that saw their leader's process go.
    static var hurrySpacing: Int { 3 }

    private mutating func standIfTimeIsUp(into effects: inout Effects) {
        guard electionElapsed >= electionTimeout else { return }
        if isElectable {
            becomePreCandidate(into: &effects)
        } else {
            // Who may not stand must not go on protecting, or naming, a leader that is silent.
            becomeFollower(of: .none, into: &effects)
        }
    }

    private mutating func tickLeader(into effects: inout Effects) {
        guard var leadership = takeLeadership() else { return }
        leadership.heartbeatElapsed += 1
        for place in leadership.progress.indices { leadership.progress[place].silentTicks += 1 }
        if let transfer = leadership.transfer {
            // Thesis §3.10: a hand-over that takes longer than an election is given up.
            leadership.transfer?.elapsed += 1
            if transfer.elapsed + 1 >= timing.minimumElectionTicks {
                leadership.transfer = nil
                leadership.passedOver = transfer.target
            }
        }
        let isHeard = hearsQuorum(leadership)
        if isHeard {
            if leadership.heartbeatElapsed >= timing.heartbeatTicks {
                leadership.heartbeatElapsed = 0
                for place in leadership.progress.indices {
                    leadership.progress[place].intervalPassed()
                }
                sendHeartbeats(&leadership, into: &effects)
                tellWitness(&leadership, into: &effects)
            } else {
                tellCommitIndex(&leadership, into: &effects)
            }
        }
        current = .leader(leadership)
        if isHeard {
            preferAnother(into: &effects)
        } else {
            becomeFollower(of: .none, into: &effects)
        }
    }

    /// Check-quorum (thesis §6.2): who does not hear a quorum within an election timeout has
    /// perhaps been replaced, and must not keep clients waiting.
    private func hearsQuorum(_ leadership: Leadership) -> Bool {
        quorum.isReached { voter in
            if voter == id { return true }
            guard let place = leadership.place(of: voter) else { return false }
            return leadership.progress[place].silentTicks < timing.minimumElectionTicks
        }
    }
}
