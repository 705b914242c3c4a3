/// What a node is at the moment, with the data that only this role has (Raft §5.1).
enum Role: Hashable, Sendable {
    /// Listens.
    case follower(Following)
    /// Asks whether an election would be won; changes nothing yet (thesis §9.6).
    case preCandidate(Campaign)
    /// Stands for election.
    case candidate(Campaign)
    /// Leads the term.
    case leader(Leadership)

    /// A follower of nobody known.
    static let listening = Role.follower(Following(leader: .none))
}

/// A follower's data.
struct Following: Hashable, Sendable {
    /// The leader of the term, or none while unknown.
    var leader: NodeID
    /// The leader's process is gone: ticks until a pre-vote, instead of a whole election timeout.
    var hurryTicks: Int?
    /// Reads that wait for the leader's word.
    var reads = FollowedReads()
}

/// A pre-candidate's or candidate's data.
struct Campaign: Hashable, Sendable {
    private struct Vote: Hashable {
        let voter: NodeID
        let isGranted: Bool
    }

    /// What the votes are asked for.
    let purpose: RequestVote.Purpose
    /// Whether the leader before was seen to be gone.
    let leaderIsGone: Bool
    /// The answers, in the order of their arrival, one for each voter: the first counts.
    private var votes: [Vote] = []

    /// Starts with no answer, not even the own one.
    init(purpose: RequestVote.Purpose, leaderIsGone: Bool) {
        self.purpose = purpose
        self.leaderIsGone = leaderIsGone
    }

    /// Notes an answer.
    mutating func received(_ isGranted: Bool, from voter: NodeID) {
        if vote(of: voter) == nil { votes.append(Vote(voter: voter, isGranted: isGranted)) }
    }

    /// The answer of one voter, nil if it has not answered.
    func vote(of voter: NodeID) -> Bool? {
        for vote in votes where vote.voter == voter { return vote.isGranted }
        return nil
    }
}

/// A leader's data.
struct Leadership: Hashable, Sendable {
    /// One for each other member, ascending by node id.
    var progress: [Progress]
    /// Ticks since the last heartbeat interval began; read rounds do not shorten it.
    var heartbeatElapsed = 0
    /// Bytes of entries that are not committed.
    var uncommittedSize: Int
    /// Reads that wait for a proof of leadership.
    var reads = ReadQueue()
    /// The hand-over in progress.
    var transfer: Transfer?
    /// A configuration that the node was asked to build an entry for.
    var wantedConfiguration: Configuration?
    /// The witness's log begins at or before this: what it was told to forget, or took instead of
    /// what it lacked, and whatever earlier leaders may have told it.
    var witnessBase: LogIndex
    /// To whom the last hand-over led to nothing.
    var passedOver: NodeID = .none

    /// The place of a peer in `progress`.
    func place(of id: NodeID) -> Int? { progress.firstIndex { $0.id == id } }
}

/// A hand-over of leadership in progress (thesis §3.10).
struct Transfer: Hashable, Sendable {
    /// Who is to lead next.
    let target: NodeID
    /// Ticks since it began.
    var elapsed = 0
    /// The target has the whole log and was told to stand.
    var isTold = false
}
