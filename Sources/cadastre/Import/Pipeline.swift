internal import CadastreClient
internal import Dispatch
internal import Foundation
internal import Synchronization

/// Keeps a bounded number of requests on their way, for callers that make them one after the other
/// on a thread of their own.
///
/// Requests whose outcome is unknown are made again until they are settled: what is sent this way
/// may be sent twice without harm.
final class Pipeline: Sendable {
    /// What came of all requests.
    struct Totals: Sendable {
        /// Done.
        var done: UInt64 = 0
        /// Bytes behind those.
        var bytes: UInt64 = 0
        /// Refused for good, or still unknown when patience ended.
        var failed: UInt64 = 0
        /// The first failures, for the end of the report.
        var failures: [String] = []
        /// The longest time between two that were done.
        var longestGap = Duration.zero
        fileprivate var last: ContinuousClock.Instant?
    }

    /// The most failures that are told one by one.
    static let maximumToldFailures = 20

    private let client: CadastreClient
    private let room: DispatchSemaphore
    private let width: Int
    private let deadline: Duration
    private let patience: ContinuousClock.Instant?
    private let totals = Mutex(Totals())

    /// Begins with nothing on its way.
    ///
    /// - Parameters:
    ///   - client: carries them.
    ///   - width: requests on their way at once.
    ///   - deadline: of one request, retries included.
    ///   - patience: how long unknown outcomes and a missing cluster are put up with in all.
    init(_ client: CadastreClient, width: Int, deadline: Duration, patience: Duration) {
        self.client = client
        self.width = width
        self.deadline = deadline
        self.patience = ContinuousClock.now.advanced(by: patience)
        room = DispatchSemaphore(value: width)
    }

    /// Changes something; waits while too much is on its way.
    ///
    /// Calls back when it is done.
    func change<Command: ClientCommand>(
        _ command: Command,
        name: String,
        bytes: UInt64,
        done: @escaping @Sendable (Command.Value) -> Void
    ) {
        room.wait()
        attemptChange(command, name, bytes, done)
    }

    /// Asks something; waits while too much is on its way.
    ///
    /// Calls back with what came of it.
    func ask<Query: ClientQuery>(
        _ query: Query,
        done: @escaping @Sendable (Outcome<Query.Value>) -> Void
    ) {
        room.wait()
        attemptQuestion(query, done)
    }

    /// Waits until nothing is on its way.
    func drain() -> Totals {
        for _ in 0..<width { room.wait() }
        for _ in 0..<width { room.signal() }
        return totals.withLock { $0 }
    }

    /// Notes a failure that has nothing to do with a request.
    func fail(_ what: String) {
        totals.withLock { totals in
            totals.failed += 1
            if totals.failures.count < Self.maximumToldFailures { totals.failures.append(what) }
        }
    }

    private var isPatient: Bool { patience.map { ContinuousClock.now < $0 } ?? true }

    private func attemptChange<Command: ClientCommand>(
        _ command: Command,
        _ name: String,
        _ bytes: UInt64,
        _ done: @escaping @Sendable (Command.Value) -> Void
    ) {
        client.submit(command, deadline: deadline) { [self] outcome in
            switch outcome {
            case .done(let value):
                count(bytes)
                done(value)
            case .refused(let refused) where refused.advice == .askAgainLater && isPatient:
                later { self.attemptChange(command, name, bytes, done) }
                return
            case .refused(let refused):
                fail("\(name): \(Failure(refused, doing: "it").what)")
            case .unknown where isPatient:
                later { self.attemptChange(command, name, bytes, done) }
                return
            case .unknown(let reason):
                fail("\(name): \(Failure(unknown: reason, doing: "it").what)")
            }
            room.signal()
        }
    }

    private func attemptQuestion<Query: ClientQuery>(
        _ query: Query,
        _ done: @escaping @Sendable (Outcome<Query.Value>) -> Void
    ) {
        client.submit(query, deadline: deadline) { [self] outcome in
            if case .refused(let refused) = outcome, refused.advice == .askAgainLater, isPatient {
                later { self.attemptQuestion(query, done) }
                return
            }
            done(outcome)
            room.signal()
        }
    }

    private func later(_ work: @escaping @Sendable () -> Void) {
        DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(200), execute: work)
    }

    private func count(_ bytes: UInt64) {
        let now = ContinuousClock.now
        totals.withLock { totals in
            totals.done += 1
            totals.bytes &+= bytes
            if let last = totals.last { totals.longestGap = max(totals.longestGap, now - last) }
            totals.last = now
        }
    }
}

/// Runs work that blocks on a thread of its own, so that no task's thread is taken.
func onThread<Result: Sendable>(
    _ work: @escaping @Sendable () throws(Failure) -> Result
) async throws(Failure) -> Result {
    let result = await withCheckedContinuation {
        (continuation: CheckedContinuation<Swift.Result<Result, Failure>, Never>) in
        let thread = Thread {
            do throws(Failure) {
                continuation.resume(returning: .success(try work()))
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        thread.stackSize = 1 << 20
        thread.start()
    }
    return try result.get()
}

extension Duration {
    /// As a number of seconds.
    var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// As whole milliseconds.
    var inMilliseconds: Int64 {
        components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000
    }
}
