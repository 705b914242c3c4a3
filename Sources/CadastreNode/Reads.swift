internal import DequeModule
internal import RaftCore

/// Linearizable queries that wait for a quorum to confirm the leader.
///
/// All that arrive in one turn share one request to Raft, and all requests of one round share its
/// messages.
struct Reads: Sendable {
    private struct Batch: Sendable {
        var id: RequestID
        var queries: [WaitingQuery]
        var askedAt: UInt64
    }

    /// Arrived, and not asked of Raft yet.
    private var arrived: [WaitingQuery] = []
    /// Since when the first of them waits; monotonic.
    private var arrivedSince: UInt64 = 0
    /// Asked of Raft, ascending by id.
    private var asked: Deque<Batch> = []
    private var lastID: UInt64 = 0
    /// The newest index that was granted, and when it was asked for: what was committed by then is
    /// applied there, whoever leads by now.
    private var newest: (index: LogIndex, askedAt: UInt64)?
    /// How long the last round took, in nanoseconds; nil: there was none.
    private var roundTime: UInt64?
    /// Queries in all of them.
    private(set) var count = 0
    /// Queries that were granted, and are not known to be answered.
    private(set) var unanswered = 0

    /// A query waits for the end of the turn.
    mutating func add(_ query: WaitingQuery, at moment: UInt64) {
        count += 1
        if arrived.isEmpty { arrivedSince = moment }
        arrived.append(query)
    }

    /// So many of those that were granted are answered.
    mutating func answered(_ count: Int) { unanswered -= min(unanswered, count) }

    /// Whether what arrived should wait until it is as much as is not answered yet, as commands do:
    /// a round costs three nodes the same for one query and for a hundred.
    ///
    /// - Parameters:
    ///   - moment: The monotonic moment.
    ///   - limit: No longer than this, in nanoseconds, and only where a round takes less.
    /// - Returns: Whether it should.
    func isHeldBack(at moment: UInt64, limit: UInt64) -> Bool {
        // What was asked and is not decided counts as well.
        guard !arrived.isEmpty, arrived.count < unanswered + count - arrived.count,
            // Who is alone grants them at once, and a round costs nothing.
            let roundTime, roundTime > 0, roundTime < limit
        else { return false }
        return moment - min(moment, arrivedSince) < limit
    }

    /// Closes the batch of what arrived.
    ///
    /// - Returns: What to ask of Raft, or nil if no query arrived.
    mutating func ask(at moment: UInt64) -> RequestID? {
        guard !arrived.isEmpty else { return nil }
        lastID += 1
        asked.append(Batch(id: RequestID(lastID), queries: arrived, askedAt: moment))
        arrived.removeAll(keepingCapacity: true)
        return RequestID(lastID)
    }

    /// Takes out what nobody waits for any more, so that reads without a leader's commit do not
    /// pile up.
    ///
    /// - Parameter moment: The monotonic moment.
    /// - Returns: The queries whose deadline is past.
    mutating func takeExpired(at moment: UInt64) -> [WaitingQuery] {
        var expired: [WaitingQuery] = []
        for place in asked.indices
        where asked[place].queries.contains(where: { $0.deadline < moment }) {
            expired += asked[place].queries.filter { $0.deadline < moment }
            asked[place].queries.removeAll { $0.deadline < moment }
        }
        count -= expired.count
        return expired
    }

    /// The newest index that is no older than `age`, in nanoseconds.
    func index(at moment: UInt64, within age: UInt64) -> LogIndex? {
        guard let newest, moment - newest.askedAt <= age else { return nil }
        return newest.index
    }

    /// Raft granted a request.
    ///
    /// - Returns: Its queries.
    mutating func granted(
        _ id: RequestID,
        index: LogIndex,
        at moment: UInt64
    ) -> [WaitingQuery] {
        if let batch = asked.first(where: { $0.id == id }) {
            roundTime = moment - min(moment, batch.askedAt)
            if batch.askedAt >= newest?.askedAt ?? 0 { newest = (index, batch.askedAt) }
        }
        var queries = decided(id)
        for place in queries.indices { queries[place].isConfirmed = true }
        unanswered += queries.count
        return queries
    }

    /// Raft decided a request, one way or the other.
    ///
    /// - Returns: Its queries.
    mutating func decided(_ id: RequestID) -> [WaitingQuery] {
        guard let place = asked.firstIndex(where: { $0.id == id }) else { return [] }
        let queries = asked[place].queries
        asked.remove(at: place)
        count -= queries.count
        return queries
    }
}
