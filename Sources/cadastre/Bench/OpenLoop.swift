/// Decides what an open loop sends when: what is due, as soon as one of so many senders is free.
///
/// What is due while all wait for answers is sent later, in order, and its latency counts from when
/// it was due: a server that stops for a second is seen as all would have seen it who came in that
/// second. Nothing but the next arrival is kept, however long the server stops.
struct OpenLoop: Sendable {
    /// An operation to be sent now.
    struct Start: Hashable, Sendable {
        /// By which sender.
        var process: UInt64
        /// Since when it was due.
        var due: UInt64
    }

    private var lateCount: UInt64 = 0
    private var longestWait: UInt64 = 0
    private var arrivals: Arrivals
    private var free: [UInt64]
    /// When a sender last became free after none was.
    private var freedAt: UInt64 = 0

    /// A loop of at most this many operations on their way.
    init(_ arrivals: Arrivals, senders: Int) {
        self.arrivals = arrivals
        free = (0..<UInt64(senders)).reversed()
    }

    /// When the next operation can be sent; nil while no sender is free.
    var wake: UInt64? { free.isEmpty ? nil : arrivals.next }

    /// Takes the next operation that is due and a sender for it; nil if there is not both.
    mutating func start(at now: UInt64) -> Start? {
        let due = arrivals.next
        guard due <= now, let process = free.popLast() else { return nil }
        arrivals.advance()
        if due < freedAt { lateCount += 1 }
        longestWait = max(longestWait, now - due)
        return Start(process: process, due: due)
    }

    /// A sender has its answer.
    mutating func ended(_ process: UInt64, at now: UInt64) {
        if free.isEmpty { freedAt = now }
        free.append(process)
    }

    /// Forgets what was counted.
    mutating func reset() {
        lateCount = 0
        longestWait = 0
    }

    /// What could not be sent in time since the last reset.
    struct Waits: Hashable, Sendable {
        /// How many were sent late because no sender was free; their wait is in their latency.
        var late: UInt64
        /// How many are due and have not been sent, for the same reason.
        var unsent: UInt64
        /// The longest that one was sent after it was due, in nanoseconds.
        var longest: UInt64
    }

    /// What could not be sent in time; costs as many steps as are due.
    func waits(at now: UInt64) -> Waits {
        var waits = Waits(late: lateCount, unsent: 0, longest: longestWait)
        guard free.isEmpty else { return waits }
        var arrivals = arrivals
        while arrivals.next <= now {
            waits.longest = max(waits.longest, now - arrivals.next)
            waits.unsent += 1
            arrivals.advance()
        }
        return waits
    }
}
