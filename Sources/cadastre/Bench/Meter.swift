internal import Histogram

/// What is measured while a load runs.
///
/// Times are nanoseconds of one clock.
struct Meter: Sendable {
    /// What one kind of operation took.
    struct Kind: Sendable {
        /// Nanoseconds from when it was to begin to its answer.
        var latencies = Meter.empty
        /// Of those that were done, questions for an object that is not there.
        var absent: UInt64 = 0
        /// Of those that were done, conditions that did not hold.
        var unmet: UInt64 = 0
    }

    /// One second of a run.
    struct Second: Hashable, Sendable {
        /// Operations that were done in it.
        var operations: UInt64
        /// Nanoseconds; 0 where none was done.
        var median: UInt64
        /// Nanoseconds; 0 where none was done.
        var percentile99: UInt64
    }

    /// Each kind that was done at least once.
    private(set) var kinds: [OperationKind: Kind] = [:]
    /// Whole seconds since the beginning.
    private(set) var seconds: [Second] = []
    /// Operations that were done.
    private(set) var done: UInt64 = 0
    /// Objects that they are about; each put of a batch counts.
    private(set) var records: UInt64 = 0
    /// Requests that were refused, for whatever other reason.
    var refused: UInt64 = 0
    /// Requests of which nobody knows.
    var unknown: UInt64 = 0
    /// The first refusal or doubt, for people.
    var firstTrouble: String?
    /// The longest time between two that were done, in nanoseconds.
    private(set) var longestGap: UInt64 = 0

    private var lastDone: UInt64
    private var current = Meter.empty
    /// When the current second ends.
    private var secondEnd: UInt64

    private static let longestLatency: UInt64 = 120_000_000_000
    private static let second: UInt64 = 1_000_000_000
    /// Longer runs are told of in their first day alone.
    private static let maximumSeconds = 86_400

    private static var empty: Histogram<UInt64> {
        Histogram(
            highestTrackableValue: longestLatency,
            numberOfSignificantValueDigits: .three
        )
    }

    /// Begins to measure.
    init(at now: UInt64) {
        lastDone = now
        secondEnd = now + Self.second
    }

    /// Begins anew: the warm-up is over.
    mutating func reset(at now: UInt64) {
        // What went wrong before is still worth telling.
        let firstTrouble = firstTrouble
        self = Meter(at: now)
        self.firstTrouble = firstTrouble
    }

    /// An operation was done.
    ///
    /// - Parameters:
    ///   - kind: under which it is told.
    ///   - records: how many objects it is about.
    ///   - begin: when it was to begin.
    ///   - now: when it ended.
    ///   - absent: 1 if it asked for what is not there.
    ///   - unmet: how many of its conditions did not hold.
    mutating func record(
        _ kind: OperationKind,
        records: UInt64,
        from begin: UInt64,
        to now: UInt64,
        absent: UInt64,
        unmet: UInt64
    ) {
        closeSeconds(at: now)
        let latency = min(now - min(begin, now), Self.longestLatency)
        current.record(latency)
        kinds[kind, default: Kind()].latencies.record(latency)
        if absent > 0 { kinds[kind]?.absent += absent }
        if unmet > 0 { kinds[kind]?.unmet += unmet }
        done += 1
        self.records += records
        longestGap = max(longestGap, now - min(lastDone, now))
        lastDone = now
    }

    /// Keeps what the seconds that have passed were like.
    mutating func closeSeconds(at now: UInt64) {
        while now >= secondEnd {
            secondEnd += Self.second
            guard seconds.count < Self.maximumSeconds else { continue }
            let count = current.totalCount
            seconds.append(
                Second(
                    operations: count,
                    median: count > 0 ? current.valueAtPercentile(50) : 0,
                    percentile99: count > 0 ? current.valueAtPercentile(99) : 0
                )
            )
            if count > 0 { current.reset() }
        }
    }

    /// All kinds together; costs as much as some thousand operations.
    var latencies: Histogram<UInt64> {
        var sum = Self.empty
        for kind in kinds.values { sum.add(kind.latencies) }
        return sum
    }

    /// Of those that were done, questions for an object that is not there.
    var absent: UInt64 { kinds.values.map(\.absent).reduce(0, +) }
    /// Of those that were done, conditions that did not hold.
    var unmet: UInt64 { kinds.values.map(\.unmet).reduce(0, +) }

    /// Operations that put objects.
    var putCount: UInt64 {
        kinds.filter { $0.key.isPut }.values.map(\.latencies.totalCount).reduce(0, +)
    }
}
