internal import CadastreProtocol
package import CadastreStorage
package import RaftCore

/// I8: no vote, no acknowledgement and no answer leaves a node before what it promises is durable.
///
/// Whatever names its sender's own term rests on that term: who forgets a term in which it spoke could
/// follow, and vote in, an older one (Raft §5.1).
///
/// Each node has a ``Record`` of what its disk has synced, kept from the bytes that the disk saw
/// synced and not from what the journal reported.
package struct PersistBeforeSend {
    /// What one disk is known to hold.
    package struct Record: Sendable {
        /// The newest durable term and vote.
        package var hardState = HardState.initial
        /// The durable log.
        package var log = LogView()
        /// Every vote that was ever durable; looked up, never iterated.
        fileprivate var votes: Set<HardState> = []
        /// Every entry that was ever durable; looked up, never iterated.
        fileprivate var entries: Set<LogView.Record> = []
    }

    /// What the other disk of each node held, and which it was: one that was lost, or is out for as
    /// long as that one is back.
    private var others: [(incarnation: Incarnation, record: Record)?]
    /// One for each node.
    package private(set) var disks: [Record]

    /// Empty disks.
    package init(nodes: Int) {
        disks = Array(repeating: Record(), count: nodes)
        others = Array(repeating: nil, count: nodes)
    }

    /// What is durable in each log.
    package var logs: [LogView] { disks.map(\.log) }

    /// A node's disk was lost, and an empty one took its place.
    package mutating func wiped(_ place: Int, incarnation: Incarnation) {
        others[place] = (incarnation, disks[place])
        disks[place] = Record()
    }

    /// A node's disk was taken out, and the one that it had before put in.
    package mutating func exchanged(_ place: Int, incarnation: Incarnation) {
        guard let other = others[place] else { return }
        others[place] = (incarnation, disks[place])
        disks[place] = other.record
    }

    /// Whether a node's disk holds a record; or its other one does, where `disk` means that one, or
    /// any of the node's.
    package func holds(_ record: LogView.Record, _ place: Int, disk: Incarnation?) -> Bool {
        let index = record.position.index
        if disks[place].log.record(at: index) == record { return true }
        guard let other = others[place], disk == nil || disk == other.incarnation else {
            return false
        }
        return other.record.log.record(at: index) == record
    }

    /// Whether a vote was ever durable on a node's disk, or on the one that was lost: the one that
    /// `disk` means, or any of the node's.
    ///
    /// - Parameters:
    ///   - vote: The term, and who got the vote in it.
    ///   - place: Whose.
    ///   - disk: With which disk it votes; nil where that does not matter.
    ///   - present: The disk that it has now.
    /// - Returns: Whether that disk kept it.
    package func hasVoted(
        _ vote: HardState,
        _ place: Int,
        disk: Incarnation?,
        present: Incarnation
    ) -> Bool {
        if disk == nil || disk == present, disks[place].votes.contains(vote) { return true }
        guard let other = others[place], disk == nil || disk == other.incarnation else {
            return false
        }
        return other.record.votes.contains(vote)
    }

    /// The disk synced these writes.
    ///
    /// - Throws: If an entry is not the one that follows, or a vote is not the first of its term.
    package mutating func synced(
        _ place: Int,
        _ writes: [JournalWrite],
        committed: CommittedLog
    ) throws(Violation) {
        for write in writes {
            switch write {
            case .start(_, let start):
                disks[place].log = try committed.log(
                    beginningAt: start,
                    of: NodeID(UInt64(place + 1))
                )
            case .truncate(_, let index): disks[place].log.truncate(from: index)
            case .entry(let entry): try add(entry.header, place)
            case .hardState(_, let state):
                try requireFirst(state, place)
                set(state, place)
            }
        }
    }

    /// A vote is given once in a term, and no term comes back (Raft §5.2).
    private func requireFirst(_ state: HardState, _ place: Int) throws(Violation) {
        let old = disks[place].hardState
        let isFirst =
            state.term > old.term
            || (state.term == old.term && (old.vote == .none || state.vote == old.vote))
        guard isFirst else {
            throw Violation(
                .oneLeaderPerTerm,
                "node \(place + 1) writes \(state) over \(old)"
            )
        }
    }

    /// A node started again and found this on its disk.
    ///
    /// - Throws: If an entry is not the one that follows.
    package mutating func recovered(
        _ place: Int,
        _ recovery: GroupRecovery,
        committed: CommittedLog
    ) throws(Violation) {
        disks[place].log = try committed.log(
            beginningAt: recovery.start,
            of: NodeID(UInt64(place + 1))
        )
        for header in recovery.headers { try add(header, place) }
        set(recovery.hardState, place)
    }

    private mutating func add(_ header: EntryHeader, _ place: Int) throws(Violation) {
        guard header.index == disks[place].log.last.next else {
            throw Violation(
                .logMatching,
                "entry \(header.position) of node \(place + 1) is synced behind index "
                    + "\(disks[place].log.last)"
            )
        }
        let record = LogView.Record(position: header.position, hash: header.hash)
        disks[place].log.append(record)
        disks[place].entries.insert(record)
    }

    private mutating func set(_ state: HardState, _ place: Int) {
        disks[place].hardState = state
        disks[place].votes.insert(state)
    }

    /// A message leaves a node.
    ///
    /// - Parameters:
    ///   - message: As it will be read at the other end.
    ///   - place: Of the sender.
    ///   - leaderLog: The log of the leader of the message's term, as far as it got; nil where
    ///     nobody was seen leading it.
    /// - Throws: If it promises what its sender's disk does not hold.
    package func sends(
        _ message: Message,
        from place: Int,
        leaderLog: LogView?
    ) throws(Violation) {
        switch message.body {
        case .requestVote(let request):
            guard request.purpose != .preVote else { return }
            try requireVote(message.term, for: message.from, place, "asks for votes")
        case .requestVoteReply(let reply):
            switch (reply.isGranted, reply.purpose) {
            // Names a term that nobody has entered.
            case (true, .preVote): return
            case (true, .election), (true, .transfer):
                try requireVote(message.term, for: message.to, place, "grants its vote")
            case (false, _): try requireTerm(message.term, place, "refuses its vote")
            }
        case .appendEntries, .heartbeat, .timeoutNow, .readIndexReply, .heldByAll:
            try requireVote(message.term, for: message.from, place, "leads")
        case .appendEntriesReply(let reply):
            try requireTerm(message.term, place, "answers entries")
            guard case .accepted(let match) = reply.outcome else { return }
            try requireEntry(match, message.term, place, leaderLog)
        case .heartbeatReply: try requireTerm(message.term, place, "answers a heartbeat")
        case .readIndex: try requireTerm(message.term, place, "asks its leader for an index")
        }
    }

    private func requireTerm(_ term: Term, _ place: Int, _ what: String) throws(Violation) {
        guard disks[place].hardState.term >= term else {
            throw Violation(
                .persistBeforeSend,
                "node \(place + 1) \(what) in term \(term); durable there is only term "
                    + "\(disks[place].hardState.term)"
            )
        }
    }

    private func requireVote(
        _ term: Term,
        for candidate: NodeID,
        _ place: Int,
        _ what: String
    ) throws(Violation) {
        guard disks[place].votes.contains(HardState(term: term, vote: candidate)) else {
            throw Violation(
                .persistBeforeSend,
                "node \(place + 1) \(what) in term \(term); no vote for node \(candidate) is "
                    + "durable there, only \(disks[place].hardState)"
            )
        }
    }

    private func requireEntry(
        _ match: LogIndex,
        _ term: Term,
        _ place: Int,
        _ leaderLog: LogView?
    ) throws(Violation) {
        guard match > .zero else { return }
        let disk = disks[place]
        // Of a term that is over, the entry may have been truncated since: it was durable once.
        let isOfNow = disk.hardState.term <= term
        if isOfNow, match > disk.log.last {
            throw Violation(
                .persistBeforeSend,
                "node \(place + 1) acknowledges \(match) in term \(term), durable is only "
                    + "\(disk.log.last)"
            )
        }
        guard let leaderLog else { return }
        guard let wanted = leaderLog.record(at: match) else {
            throw Violation(
                .logMatching,
                "node \(place + 1) acknowledges \(match) in term \(term), whose leader's log ends "
                    + "at \(leaderLog.last)"
            )
        }
        // What a snapshot stands for is where the log begins, and was never an entry there.
        let isDurable =
            disk.log.record(at: match) == wanted || !isOfNow && disk.entries.contains(wanted)
        guard isDurable else {
            throw Violation(
                .persistBeforeSend,
                "node \(place + 1) acknowledges \(wanted.position) in term \(term); that entry of "
                    + "the leader is not durable there"
            )
        }
    }
}
