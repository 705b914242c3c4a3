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

    private let client: CadastreClient
    private let make: (UInt64) -> Submission
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
    ///   - client: sends them.
    ///   - first: the number of the first request.
    ///   - limit: the number behind the last; `UInt64.max` until ``end(_:)``.
    ///   - history: is told of every request.
    ///   - make: makes a request of its number.
    init(
        _ client: CadastreClient,
        first: UInt64,
        limit: UInt64 = .max,
        history: BenchHistory? = nil,
        make: @escaping (UInt64) -> Submission
    ) {
        self.client = client
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
        let submission = make(number)
        number += 1
        history?.begins(process, submission)
        let begin = ContinuousClock.now
        client.submitOnLoop(submission) { [self] outcome in
            history?.ends(process, outcome)
            count(outcome, begin)
            next(process)
        }
    }

    private func count(_ outcome: RawOutcome, _ begin: ContinuousClock.Instant) {
        let now = ContinuousClock.now
        switch outcome {
        case .refused(let refused) where refused.reason == .noSuchObject:
            // That there is none is an answer like another.
            result.absent += 1
            record(begin, now)
        case .refused(let refused) where refused.reason == .preconditionFailed:
            result.unmet += 1
            record(begin, now)
        case .done:
            record(begin, now)
        case .refused(let refused):
            result.refused += 1
            if result.firstTrouble == nil { result.firstTrouble = refused.description }
            // A request that cannot succeed must not spin.
            if refused.advice != .askAgainLater { isEnding = true }
        case .unknown(let reason):
            result.unknown += 1
            if result.firstTrouble == nil { result.firstTrouble = reason }
        }
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
