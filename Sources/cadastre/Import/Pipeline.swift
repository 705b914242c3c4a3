internal import CadastreClient
internal import Dispatch
internal import Foundation
internal import Synchronization

/// Keeps a bounded number of requests on their way, for callers that make them one after the other
/// on a thread of their own.
///
/// Nothing more is sent once a request had no answer for as long as it may take: those behind it
/// would wait as long. When the program is asked to end, what is on its way gets some seconds.
final class Pipeline: Sendable {
    /// What came of all puts.
    struct Totals: Sendable {
        /// Done.
        var done: UInt64 = 0
        /// Bytes behind those.
        var bytes: UInt64 = 0
        /// Refused because there is such an object, as was asked for.
        var existing: UInt64 = 0
        /// Refused for good.
        var failed: UInt64 = 0
        /// Nobody knows.
        var unknown: UInt64 = 0
        /// The first failures, for the end of the report.
        var failures: [String] = []
        /// The longest times without any that was done.
        var gaps = Gaps()
        /// Why nothing more is sent; nil as long as the cluster answers.
        var obstacle: Failure?

        /// Patience is at its end.
        fileprivate mutating func obstruct(_ failure: Failure) {
            if obstacle == nil { obstacle = failure }
        }

        fileprivate mutating func note(_ failure: String) {
            if failures.count < Pipeline.maximumToldFailures { failures.append(failure) }
        }
    }

    /// The most failures that are told one by one.
    static let maximumToldFailures = 20
    /// How long what is on its way may take once the program shall end.
    static let patienceWhenInterrupted = Duration.seconds(5)

    private let client: CadastreClient
    private let room: DispatchSemaphore
    private let width: Int
    private let deadline: Duration
    private let patience: Duration
    private let progress: Progress?
    private let totals = Mutex(Totals())

    /// Begins with nothing on its way.
    ///
    /// - Parameters:
    ///   - client: carries them.
    ///   - width: requests on their way at once.
    ///   - deadline: how long a request keeps its identity; the library retries it as long.
    ///   - patience: how long one may take in all.
    ///   - progress: counts each put that is settled.
    init(
        _ client: CadastreClient,
        width: Int,
        deadline: Duration,
        patience: Duration,
        progress: Progress? = nil
    ) {
        self.client = client
        self.width = width
        self.deadline = min(deadline, patience)
        self.patience = patience
        self.progress = progress
        room = DispatchSemaphore(value: width)
    }

    private struct Put: Sendable {
        let command: PutObject
        let name: String
        let end: ContinuousClock.Instant
        let acknowledged: @Sendable () -> Void
    }

    /// Puts an object; waits while too much is on its way.
    ///
    /// Calls back once it is acknowledged.
    func put(
        _ command: PutObject,
        name: String,
        acknowledged: @escaping @Sendable () -> Void = {}
    ) {
        guard takeRoom() else { return }
        let now = ContinuousClock.now
        totals.withLock { $0.gaps.sent(at: now) }
        attempt(
            Put(command: command, name: name, end: now + patience, acknowledged: acknowledged)
        )
    }

    /// Asks something; waits while too much is on its way.
    ///
    /// Calls back with what came of it.
    func ask<Query: ClientQuery>(
        _ query: Query,
        done: @escaping @Sendable (Outcome<Query.Value>) -> Void
    ) {
        guard takeRoom() else { return }
        attempt(query, until: .now + patience, done)
    }

    /// Waits until nothing is on its way, or too long after an interruption.
    func drain() -> Totals {
        var taken = 0
        var end: ContinuousClock.Instant?
        while taken < width {
            if room.wait(timeout: .now() + .milliseconds(50)) == .success {
                taken += 1
            } else if Interruption.isRequested {
                let last = end ?? .now + Self.patienceWhenInterrupted
                end = last
                if ContinuousClock.now >= last { break }
            }
        }
        for _ in 0..<taken { room.signal() }
        return totals.withLock { totals in
            var result = totals
            result.unknown += UInt64(width - taken)
            return result
        }
    }

    /// Notes a failure that has nothing to do with a request.
    func fail(_ what: String) {
        totals.withLock { totals in
            totals.failed += 1
            totals.note(what)
        }
        progress?.add()
    }

    /// Whether nothing more is sent: the cluster does not answer, or the program shall end.
    var isOver: Bool {
        Interruption.isRequested || totals.withLock { $0.obstacle != nil }
    }

    /// Waits for room; false if nothing more is sent.
    private func takeRoom() -> Bool {
        while !isOver {
            guard room.wait(timeout: .now() + .milliseconds(100)) == .success else { continue }
            guard isOver else { return true }
            // What made room was the end.
            room.signal()
        }
        return false
    }

    // MARK: - Attempts

    private func attempt(_ put: Put) {
        client.submit(put.command, deadline: timeLeft(until: put.end)) { [self] outcome in
            switch outcome {
            case .done:
                acknowledge(put)
            case .refused(let refused)
            where refused.reason == .preconditionFailed && put.command.precondition == .ifAbsent:
                settle(put) { $0.existing += 1 }
            case .refused(let refused) where refused.advice == .askAgainLater && isEarly(put.end):
                // Nothing happened, and nothing will of that attempt.
                later { self.attempt(put) }
            case .unknown where put.command.precondition == nil && isEarly(put.end):
                // Sent again it has a new identity and may apply twice. That is harmless for a put
                // without a precondition alone: the object is the same after one and after two.
                later { self.attempt(put) }
            case .refused(let refused):
                let failure = Failure(refused, doing: "a put")
                settle(put) { totals in
                    totals.failed += 1
                    totals.note("\(put.name): \(failure.what)")
                    if refused.advice == .askAgainLater { totals.obstruct(failure) }
                }
            case .unknown(let reason):
                let failure = Failure(unknown: reason, doing: "a put")
                settle(put) { totals in
                    totals.unknown += 1
                    totals.note("\(put.name): \(failure.what)")
                    totals.obstruct(failure)
                }
            }
        }
    }

    private func attempt<Query: ClientQuery>(
        _ query: Query,
        until end: ContinuousClock.Instant,
        _ done: @escaping @Sendable (Outcome<Query.Value>) -> Void
    ) {
        client.submit(query, deadline: timeLeft(until: end)) { [self] outcome in
            if case .refused(let refused) = outcome, refused.advice == .askAgainLater {
                guard !isEarly(end) else {
                    later { self.attempt(query, until: end, done) }
                    return
                }
                let failure = Failure(refused, doing: "a question")
                totals.withLock { $0.obstruct(failure) }
            }
            done(outcome)
            room.signal()
        }
    }

    private func timeLeft(until end: ContinuousClock.Instant) -> Duration {
        min(deadline, max(.milliseconds(1), end - .now))
    }

    private func isEarly(_ end: ContinuousClock.Instant) -> Bool {
        !Interruption.isRequested && ContinuousClock.now < end
    }

    private func later(_ work: @escaping @Sendable () -> Void) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(200), execute: work)
    }

    private func acknowledge(_ put: Put) {
        put.acknowledged()
        let now = ContinuousClock.now
        totals.withLock { totals in
            totals.done += 1
            totals.bytes &+= put.command.size
            totals.gaps.done(at: now) { UInt64(max(0, Date().timeIntervalSince1970 * 1000)) }
        }
        progress?.add(bytes: put.command.size)
        room.signal()
    }

    private func settle(_ put: Put, _ count: (inout Totals) -> Void) {
        totals.withLock { totals in
            count(&totals)
            totals.gaps.ended()
        }
        progress?.add()
        room.signal()
    }
}
