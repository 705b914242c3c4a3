internal import CadastreClient

/// A load on its way: so many clients that send one operation after the other, or an open loop
/// that sends what is due.
///
/// Lives on the client library's event loop alone, so that no task or lock stands between it and
/// the socket.
final class BenchLoad: @unchecked Sendable {
    // Unchecked: made before the event loop sees it, then used there alone.

    private let clients: BenchClients
    private let make: (UInt64, UInt64) -> BenchOperation
    private let history: BenchHistory?
    private let clock = BenchClock()
    private var number: UInt64 = 0
    private let limit: UInt64
    private var meter: Meter
    private var openLoop: OpenLoop?
    private var isEnding = false
    private var active = 0
    private var whenIdle: (() -> Void)?

    /// A load that has not begun.
    ///
    /// - Parameters:
    ///   - clients: send it.
    ///   - limit: how many operations there are; `UInt64.max` until ``end(_:)``.
    ///   - history: is told of every request.
    ///   - make: makes an operation of its number and of the process that does it.
    init(
        _ clients: BenchClients,
        limit: UInt64 = .max,
        history: BenchHistory? = nil,
        make: @escaping (UInt64, UInt64) -> BenchOperation
    ) {
        self.clients = clients
        self.make = make
        self.history = history
        self.limit = limit
        meter = Meter(at: clock.now)
    }

    // MARK: Pace

    /// Starts this many clients, each of which sends again when it has its answer.
    func begin(clients: Int) {
        active = clients
        for process in 0..<clients { next(UInt64(process)) }
    }

    /// Starts at the pace of a plan; of an open loop ``sendDue()`` must be called again and again.
    func begin(_ plan: BenchPlan) {
        guard let rate = plan.rate else { return begin(clients: plan.clients) }
        let arrivals = Arrivals(perSecond: rate, bursts: plan.bursts, seed: plan.seed)
        openLoop = OpenLoop(arrivals, senders: plan.clients)
        sendDue()
    }

    /// Sends what an open loop has due.
    ///
    /// Returns in how many nanoseconds to call again; nil when there is nothing more to send.
    @discardableResult
    func sendDue() -> UInt64? {
        while !hasEnded, let start = openLoop?.start(at: clock.now) {
            active += 1
            send(start.process, due: start.due)
        }
        guard !hasEnded, let openLoop else { return nil }
        // With no sender free, the next answer sends; this is only to notice the end.
        guard let wake = openLoop.wake else { return Self.longestPause }
        let now = clock.now
        return wake > now ? min(wake - now, Self.longestPause) : 0
    }

    private static let longestPause: UInt64 = 5_000_000

    private var hasEnded: Bool { isEnding || Interruption.isRequested || number >= limit }

    private func next(_ process: UInt64) {
        if hasEnded { becomeIdle() } else { send(process, due: clock.now) }
    }

    private func becomeIdle() {
        active -= 1
        if active == 0 { finish() }
    }

    // MARK: Measuring

    /// Forgets what was measured: the warm-up is over.
    func reset() {
        meter.reset(at: clock.now)
        openLoop?.reset()
    }

    /// How many operations were done since the last reset.
    var done: UInt64 { meter.done }

    /// What has been measured since the last reset.
    func measured() -> (meter: Meter, openLoop: OpenLoop.Waits?) {
        let now = clock.now
        meter.closeSeconds(at: now)
        return (meter, openLoop?.waits(at: now))
    }

    // MARK: Ending

    /// Lets every client finish its operation; calls back when all have.
    func end(_ done: @escaping () -> Void) {
        isEnding = true
        onLimit(done)
    }

    /// Calls back when the limit is reached and every client has finished.
    func onLimit(_ done: @escaping () -> Void) {
        whenIdle = done
        if active == 0 { finish() }
    }

    private func finish() {
        whenIdle?()
        whenIdle = nil
    }

    // MARK: One operation

    private func send(_ process: UInt64, due: UInt64) {
        let operation = make(number, process)
        number += 1
        history?.begins(process, operation.request)
        clients.submitOnLoop(operation.request, of: process) { [self] outcome in
            history?.ends(process, outcome)
            ended(operation, process, due, outcome)
        }
    }

    private func ended(
        _ operation: BenchOperation,
        _ process: UInt64,
        _ due: UInt64,
        _ outcome: RawOutcome
    ) {
        let now = clock.now
        switch outcome {
        case .done: record(operation, from: due, to: now)
        case .refused(let refused) where refused.reason == .noSuchObject:
            // That there is none is an answer like another.
            record(operation, from: due, to: now, absent: 1)
        case .refused(let refused) where refused.reason == .preconditionFailed:
            record(operation, from: due, to: now, unmet: 1)
        case .refused(let refused):
            meter.refused += 1
            if meter.firstTrouble == nil { meter.firstTrouble = refused.description }
            // A request that cannot succeed must not spin.
            if refused.advice != .askAgainLater { isEnding = true }
        case .unknown(let reason):
            meter.unknown += 1
            if meter.firstTrouble == nil { meter.firstTrouble = reason }
        }
        operation.answered?(outcome)
        guard openLoop != nil else { return next(process) }
        openLoop?.ended(process, at: now)
        becomeIdle()
        sendDue()
    }

    private func record(
        _ operation: BenchOperation,
        from due: UInt64,
        to now: UInt64,
        absent: UInt64 = 0,
        unmet: UInt64 = 0
    ) {
        meter.record(
            operation.kind,
            records: operation.records,
            from: due,
            to: now,
            absent: absent,
            unmet: unmet
        )
    }
}

/// Nanoseconds since it was made, of the machine's monotonic clock.
struct BenchClock: Sendable {
    private let begin = ContinuousClock.now

    /// Now.
    var now: UInt64 {
        let (seconds, attoseconds) = (ContinuousClock.now - begin).components
        return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
    }
}
