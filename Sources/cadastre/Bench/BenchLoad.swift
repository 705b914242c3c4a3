internal import CadastreClient
internal import Histogram

/// A closed loop: so many clients, each with one request on its way at any time.
///
/// Lives on the client library's event loop alone, so that no task or lock stands between it and
/// the socket.
final class BenchLoad: @unchecked Sendable {
    // Unchecked: made before the event loop sees it, then used there alone.

    /// What has been measured so far.
    struct Result: Sendable {
        var histogram: Histogram<UInt64>
        var done: UInt64 = 0
        /// Requests that were done; of a batch each counts.
        var records: UInt64 = 0
        /// Of those, questions for an object that is not there.
        var absent: UInt64 = 0
        var refused: UInt64 = 0
        var unknown: UInt64 = 0
        /// The longest time between two that were done.
        var longestGap = Duration.zero
        /// Of those, conditions that did not hold.
        var unmet: UInt64 = 0
        /// The first refusal or doubt, for people.
        var firstTrouble: String?
    }

    private let clients: BenchClients
    private let make: (UInt64) -> BenchOperation
    private let history: BenchHistory?
    private var number: UInt64
    private var result = BenchLoad.empty
    private var lastDone = ContinuousClock.now
    private var isEnding = false
    private var active = 0
    private var limit: UInt64
    private var whenIdle: (() -> Void)?

    /// A load that has not begun.
    ///
    /// - Parameters:
    ///   - clients: send them.
    ///   - first: the number of the first operation.
    ///   - limit: the number behind the last; `UInt64.max` until ``end(_:)``.
    ///   - history: is told of every request.
    ///   - make: makes an operation of its number.
    init(
        _ clients: BenchClients,
        first: UInt64,
        limit: UInt64 = .max,
        history: BenchHistory? = nil,
        make: @escaping (UInt64) -> BenchOperation
    ) {
        self.clients = clients
        self.make = make
        self.history = history
        self.limit = limit
        number = first
    }

    /// Starts this many clients.
    func begin(clients: Int) {
        active = clients
        for process in 0..<clients { next(UInt64(process)) }
    }

    /// Forgets what was measured: the warm-up is over.
    func reset() {
        // What went wrong before is still worth telling.
        let firstTrouble = result.firstTrouble
        result = Self.empty
        result.firstTrouble = firstTrouble
        lastDone = .now
    }

    /// What has been measured since the last reset.
    var snapshot: Result { result }

    /// Lets every client finish its request; calls back when all have.
    func end(_ done: @escaping () -> Void) {
        isEnding = true
        whenIdle = done
        if active == 0 { finish() }
    }

    /// Calls back when the limit is reached and every client has finished.
    func onLimit(_ done: @escaping () -> Void) {
        whenIdle = done
        if active == 0 { finish() }
    }

    private static let longestNanoseconds: UInt64 = 120_000_000_000

    private static var empty: Result {
        Result(
            histogram: Histogram(
                highestTrackableValue: longestNanoseconds,
                numberOfSignificantValueDigits: .three
            )
        )
    }

    private func next(_ process: UInt64) {
        guard !isEnding, !Interruption.isRequested, number < limit else {
            active -= 1
            if active == 0 { finish() }
            return
        }
        let operation = make(number)
        number += 1
        let begin = ContinuousClock.now
        let size = UInt64(operation.requests.count)
        var missing = size
        var troubles = 0
        for (offset, submission) in operation.requests.enumerated() {
            // Each request of a batch is one of a process of its own.
            let sender = process * size + UInt64(offset)
            history?.begins(sender, submission)
            clients.submitOnLoop(submission, of: sender) { [self] outcome in
                history?.ends(sender, outcome)
                if !count(outcome) { troubles += 1 }
                missing -= 1
                guard missing == 0 else { return }
                if troubles == 0 { record(begin, .now) }
                next(process)
            }
        }
    }

    /// Counts what became of a request; false if nobody answered it.
    private func count(_ outcome: RawOutcome) -> Bool {
        switch outcome {
        case .refused(let refused) where refused.reason == .noSuchObject:
            // That there is none is an answer like another.
            result.absent += 1
        case .refused(let refused) where refused.reason == .preconditionFailed:
            result.unmet += 1
        case .done: break
        case .refused(let refused):
            result.refused += 1
            if result.firstTrouble == nil { result.firstTrouble = refused.description }
            // A request that cannot succeed must not spin.
            if refused.advice != .askAgainLater { isEnding = true }
            return false
        case .unknown(let reason):
            result.unknown += 1
            if result.firstTrouble == nil { result.firstTrouble = reason }
            return false
        }
        result.records += 1
        return true
    }

    private func record(_ begin: ContinuousClock.Instant, _ now: ContinuousClock.Instant) {
        let (seconds, attoseconds) = (now - begin).components
        let nanoseconds = UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
        result.histogram.record(min(nanoseconds, Self.longestNanoseconds))
        result.done += 1
        result.longestGap = max(result.longestGap, now - lastDone)
        lastDone = now
    }

    private func finish() {
        whenIdle?()
        whenIdle = nil
    }
}
