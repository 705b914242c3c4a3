/// Linearizable reads without the log (thesis §6.4): one round of heartbeats proves leadership for
/// all reads that waited when it began.
extension Raft {
    /// A read wants to know through which index the state must be applied to answer it.
    ///
    /// It waits until its round is confirmed or leadership ends, and Raft does not count how long: a
    /// deadline is the asker's. What is bounded is how many wait.
    mutating func readIndex(_ request: RequestID, into effects: inout Effects) {
        guard var leadership = takeLeadership() else {
            effects.refusedReads.append(request)
            return
        }
        if leadership.reads.add(request) {
            startReadRound(&leadership, into: &effects)
        } else {
            effects.refusedReads.append(request)
        }
        current = .leader(leadership)
    }

    /// Begins the next round if none is under way and reads wait for it.
    ///
    /// Not before an entry of the own term is committed: until then the leader does not know what
    /// was committed before it.
    func startReadRound(_ leadership: inout Leadership, into effects: inout Effects) {
        guard log.term(at: commitIndex) == term, leadership.reads.begin(at: commitIndex)
        else { return }
        if quorum.isAlone(id) {
            leadership.reads.grant(into: &effects)
        } else {
            sendHeartbeats(&leadership, into: &effects)
        }
    }

    /// Grants the round's reads if a quorum has confirmed it, and begins the next.
    func confirmReads(_ leadership: inout Leadership, into effects: inout Effects) {
        let round = leadership.reads.round
        let isConfirmed = quorum.isReached { voter in
            if voter == id { return true }
            guard let place = leadership.place(of: voter) else { return false }
            return leadership.progress[place].readRound >= round
        }
        guard isConfirmed, leadership.reads.grant(into: &effects) else { return }
        startReadRound(&leadership, into: &effects)
    }
}

/// The reads of one leader, in the order of their arrival.
struct ReadQueue: Hashable, Sendable {
    /// The number of the newest round; heartbeats carry it.
    private(set) var round: UInt64 = 0
    /// The reads of the round under way; empty if none is.
    private var confirming: [RequestID] = []
    /// The commit index when that round began.
    private var index: LogIndex = .zero
    /// The reads that came since.
    private var waiting: [RequestID] = []

    /// Takes a read, unless too many wait already.
    mutating func add(_ request: RequestID) -> Bool {
        guard waiting.count + confirming.count < Limits.maximumWaitingReads else { return false }
        waiting.append(request)
        return true
    }

    /// Begins a round for all that wait.
    ///
    /// Says false if there is none to begin.
    mutating func begin(at commitIndex: LogIndex) -> Bool {
        guard confirming.isEmpty, !waiting.isEmpty else { return false }
        round += 1
        index = commitIndex
        swap(&confirming, &waiting)
        return true
    }

    /// The round is confirmed.
    ///
    /// Says whether one was under way.
    @discardableResult
    mutating func grant(into effects: inout Effects) -> Bool {
        guard !confirming.isEmpty else { return false }
        for request in confirming {
            effects.grantedReads.append(ReadGrant(id: request, index: index))
        }
        confirming.removeAll(keepingCapacity: true)
        return true
    }

    /// Leadership is lost: nothing can be said about any of them.
    func refuseAll(into effects: inout Effects) {
        effects.refusedReads.append(contentsOf: confirming)
        effects.refusedReads.append(contentsOf: waiting)
    }
}
