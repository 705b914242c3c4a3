/// Linearizable reads without the log (thesis §6.4): one round of heartbeats proves leadership for
/// all reads that waited when it began.
extension Raft {
    /// A read wants to know through which index the state must be applied to answer it.
    ///
    /// It waits until its round is confirmed or leadership ends, and Raft does not count how long: a
    /// deadline is the asker's. What is bounded is how many wait.
    mutating func readIndex(_ request: RequestID, into effects: inout Effects) {
        if case .follower(let following) = current {
            readIndex(request, following, into: &effects)
            return
        }
        guard var leadership = takeLeadership() else {
            effects.refusedReads.append(request)
            return
        }
        if leadership.reads.add(.own(request)) {
            startReadRound(&leadership, into: &effects)
        } else {
            effects.refusedReads.append(request)
        }
        current = .leader(leadership)
    }

    /// A follower asks for its reads: they wait here as if they had come from its clients.
    ///
    /// What does not fit is not answered; the follower asks again.
    mutating func received(
        _ question: ReadIndex,
        from peer: NodeID,
        into effects: inout Effects
    ) {
        guard var leadership = takeLeadership() else { return }
        if leadership.reads.add(.follower(peer, round: question.round)) {
            startReadRound(&leadership, into: &effects)
        }
        current = .leader(leadership)
    }

    /// Begins the next round if none is under way and reads wait for it.
    ///
    /// Not before an entry of the own term is committed: until then the leader does not know what
    /// was committed before it.
    mutating func startReadRound(_ leadership: inout Leadership, into effects: inout Effects) {
        guard log.term(at: commitIndex) == term, leadership.reads.begin(at: commitIndex)
        else { return }
        if quorum.isAlone(id) {
            grantReads(&leadership, into: &effects)
        } else {
            sendHeartbeats(&leadership, into: &effects)
        }
    }

    /// Grants the round's reads if a quorum has confirmed it, and begins the next.
    mutating func confirmReads(_ leadership: inout Leadership, into effects: inout Effects) {
        let round = leadership.reads.round
        let isConfirmed = quorum.isReached { voter in
            if voter == id { return true }
            guard let place = leadership.place(of: voter) else { return false }
            return leadership.progress[place].readRound >= round
        }
        guard isConfirmed, grantReads(&leadership, into: &effects) else { return }
        startReadRound(&leadership, into: &effects)
    }

    /// Ends the round: own reads are granted, followers told.
    ///
    /// Says whether one was under way.
    @discardableResult
    private mutating func grantReads(
        _ leadership: inout Leadership,
        into effects: inout Effects
    ) -> Bool {
        let (readers, index) = leadership.reads.finish()
        for reader in readers {
            switch reader {
            case .own(let request):
                effects.grantedReads.append(ReadGrant(id: request, index: index))
            case .follower(let peer, let round):
                let reply = ReadIndexReply(round: round, index: index)
                send(.readIndexReply(reply), to: peer, into: &effects)
            }
        }
        return !readers.isEmpty
    }
}

/// The reads of one leader, in the order of their arrival.
struct ReadQueue: Hashable, Sendable {
    /// The number of the newest round; heartbeats carry it.
    private(set) var round: UInt64 = 0
    /// The reads of the round under way; empty if none is.
    private var confirming: [Reader] = []
    /// The commit index when that round began.
    private var index: LogIndex = .zero
    /// The reads that came since.
    private var waiting: [Reader] = []

    /// Who waits for an index.
    enum Reader: Hashable, Sendable {
        /// The node asked for reads of its own.
        case own(RequestID)
        /// A follower asked for its.
        case follower(NodeID, round: UInt64)
    }

    /// Takes a read, unless too many wait already.
    ///
    /// A follower that asks the same again waits no second time.
    mutating func add(_ reader: Reader) -> Bool {
        guard waiting.count + confirming.count < Limits.maximumWaitingReads else { return false }
        if case .follower = reader, waiting.contains(reader) || confirming.contains(reader) {
            return true
        }
        waiting.append(reader)
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
    /// Gives back its reads, none if none was under way, and their index.
    mutating func finish() -> ([Reader], LogIndex) {
        defer { confirming.removeAll() }
        return (confirming, index)
    }

    /// Leadership is lost: nothing can be said about any of them.
    ///
    /// Followers notice by themselves.
    func refuseAll(into effects: inout Effects) {
        for case .own(let request) in confirming + waiting { effects.refusedReads.append(request) }
    }
}
