internal import CadastreProtocol
internal import DequeModule
internal import RaftCore

/// Queries before the apply stage: those that can be answered, a queue for each tenant, and those
/// whose index is yet to be applied, by index.
///
/// Tenants take turns, and none takes more places than it leaves: so neither a thousand lists of one
/// nor its queries for an index that never comes keep the others waiting.
struct WaitingQueries {
    /// One that waits for an index.
    private struct Early: Comparable {
        var index: LogIndex
        /// Tells apart those of one index: first come, first served.
        var number: UInt64
        var query: WaitingQuery

        static func < (left: Self, right: Self) -> Bool {
            (left.index, left.number) < (right.index, right.number)
        }
        static func == (left: Self, right: Self) -> Bool { left.number == right.number }
    }

    /// Those that can be answered.
    ///
    /// Looked up, never iterated.
    private var ready: [TenantID: Deque<WaitingQuery>] = [:]
    /// Whose turn is next: the tenants with a queue in `ready`, each once.
    private var turns: Deque<TenantID> = []
    /// Queries that can be answered.
    private(set) var readyCount = 0

    /// A heap, the smallest first.
    private var early: [Early] = []
    /// How many of them each tenant has.
    ///
    /// Looked up, never iterated.
    private var earlyCounts: [TenantID: Int] = [:]
    private var lastNumber: UInt64 = 0
    /// When those that nobody waits for any more were last looked for.
    private var lastSweep: UInt64 = 0

    /// Bounds each of the two kinds.
    private let maximumCount: Int

    /// How often all are looked at for their deadlines, in nanoseconds.
    private static let sweepInterval: UInt64 = 50_000_000

    /// No queries.
    init(maximumCount: Int) {
        self.maximumCount = maximumCount
    }

    /// Whether none waits.
    var isEmpty: Bool { readyCount == 0 && early.isEmpty }

    // MARK: Coming

    /// A query that can be answered; what is too much is taken out after the turn
    /// (``takeExcess()``), since some can be answered in it.
    mutating func addReady(_ query: WaitingQuery) {
        readyCount += 1
        guard let place = ready.index(forKey: query.tenant) else {
            turns.append(query.tenant)
            // Where one comes, those of the same round follow.
            var queue = Deque<WaitingQuery>(minimumCapacity: 8)
            queue.append(query)
            ready[query.tenant] = queue
            return
        }
        ready.values[place].append(query)
    }

    /// A query that waits for an index.
    ///
    /// - Returns: False: too much waits already, or too much of its tenant, who gets as many places
    ///   as it leaves free.
    mutating func add(_ query: WaitingQuery, index: LogIndex) -> Bool {
        let held = earlyCounts[query.tenant] ?? 0
        guard held < maximumCount - early.count else { return false }
        earlyCounts[query.tenant] = held + 1
        lastNumber += 1
        early.append(Early(index: index, number: lastNumber, query: query))
        siftUp(early.count - 1)
        return true
    }

    // MARK: Going

    /// Everything through this index is applied: who waited for it can be answered.
    ///
    /// Cost: O(log n) for each of those, nothing for the others.
    mutating func applied(through index: LogIndex) {
        while let first = early.first, first.index <= index {
            early.swapAt(0, early.count - 1)
            early.removeLast()
            siftDown(0)
            leaves(first.query.tenant)
            addReady(first.query)
        }
    }

    /// Takes the next query that can be answered, of the tenant whose turn it is.
    mutating func next() -> WaitingQuery? {
        guard let tenant = turns.first else { return nil }
        guard let place = ready.index(forKey: tenant) else {
            preconditionFailure("tenant \(tenant) has a turn and no query")
        }
        let query = ready.values[place].removeFirst()
        readyCount -= 1
        if ready.values[place].isEmpty {
            ready.remove(at: place)
            turns.removeFirst()
        } else if turns.count > 1 {
            turns.append(turns.removeFirst())
        }
        return query
    }

    /// Takes out what is more than may wait, each tenant's newest; all tenants keep the same share.
    mutating func takeExcess() -> [WaitingQuery] {
        guard readyCount > maximumCount else { return [] }
        let share = maximumCount / turns.count
        var excess: [WaitingQuery] = []
        keepReady { queue in
            guard queue.count > share else { return }
            excess.append(contentsOf: queue.suffix(queue.count - share))
            queue.removeLast(queue.count - share)
        }
        return excess
    }

    /// Takes out what nobody waits for any more; looks every 50 ms at most.
    mutating func takeExpired(at moment: UInt64) -> [WaitingQuery] {
        guard moment >= lastSweep &+ Self.sweepInterval || moment < lastSweep else { return [] }
        lastSweep = moment
        return take { $0.deadline < moment }
    }

    /// Takes out the queries of connections that are closed.
    mutating func forget(_ connections: Set<UInt64>) -> [WaitingQuery] {
        take { connections.contains($0.key.connection) }
    }

    /// Takes out all of which this is true, in order.
    ///
    /// Cost: O(n log n).
    private mutating func take(where isWanted: (WaitingQuery) -> Bool) -> [WaitingQuery] {
        guard !isEmpty else { return [] }
        var taken: [WaitingQuery] = []
        keepReady { queue in
            guard queue.contains(where: isWanted) else { return }
            taken.append(contentsOf: queue.filter(isWanted))
            queue.removeAll(where: isWanted)
        }
        guard early.contains(where: { isWanted($0.query) }) else { return taken }
        // Sorted, so that what is taken is in order; a sorted array is a heap as well.
        early.sort()
        for item in early where isWanted(item.query) {
            leaves(item.query.tenant)
            taken.append(item.query)
        }
        early.removeAll { isWanted($0.query) }
        return taken
    }

    /// Lets something be taken out of every tenant's queue, in the order of their turns.
    private mutating func keepReady(_ change: (inout Deque<WaitingQuery>) -> Void) {
        readyCount = 0
        for tenant in turns {
            guard var queue = ready.removeValue(forKey: tenant) else { continue }
            change(&queue)
            readyCount += queue.count
            if !queue.isEmpty { ready[tenant] = queue }
        }
        turns.removeAll { ready[$0] == nil }
    }

    private mutating func leaves(_ tenant: TenantID) {
        let rest = (earlyCounts[tenant] ?? 1) - 1
        earlyCounts[tenant] = rest == 0 ? nil : rest
    }

    // MARK: The heap

    private mutating func siftUp(_ place: Int) {
        var place = place
        while place > 0, early[place] < early[(place - 1) / 2] {
            early.swapAt(place, (place - 1) / 2)
            place = (place - 1) / 2
        }
    }

    private mutating func siftDown(_ place: Int) {
        var place = place
        while true {
            var least = place
            for child in [2 * place + 1, 2 * place + 2]
            where child < early.count && early[child] < early[least] {
                least = child
            }
            guard least != place else { return }
            early.swapAt(place, least)
            place = least
        }
    }
}
