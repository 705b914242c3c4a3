internal import Dispatch
internal import Foundation
internal import Synchronization

/// A thread that does one stage's turns: takes what waits, does it, sleeps.
///
/// While it sleeps, another thread can do a short turn in its place (``turnHere(_:)``), which spares
/// waking it.
package final class StageThread<Event: Sendable>: Sendable {
    /// What the thread does; one part at a time.
    package struct Work {
        /// Does everything that waited; what it leaves in the array cannot be done now and is
        /// tried again soon, before what comes later.
        var turn: (inout [Event]) throws -> Void
        /// Does what turns have left behind, for which nobody should wait; on the thread itself.
        var followUp: () throws -> Void = {}
        /// Whether turns have left something behind.
        var mustFollowUp: () -> Bool = { false }
        /// Whether another thread may do a turn over these events now; nil: never.
        var isShort: (([Event]) -> Bool)?
        /// Does one bounded step of what nobody waits for; true asks for another one.
        var idle: () throws -> Bool
        /// After this long without events `idle` is called.
        var quietMilliseconds: Int
        /// After the inbox was closed and emptied.
        var close: () throws -> Void
        /// Where `quietMilliseconds` depends on what the stage is at.
        var pause: (() -> Int)?
    }

    /// Where the stage's events are posted.
    package let inbox: Inbox<Event>
    private let bed = Bed()
    private let seat = Seat()
    /// Held by whoever does a part of the work.
    private let lock = Mutex<Void>(())
    private let ended = DispatchSemaphore(value: 0)
    private let name: String

    /// Makes the stage's inbox; the thread is not started yet.
    package init(name: String) {
        self.name = name
        let bed = bed
        inbox = Inbox { bed.wake() }
    }

    /// Starts the thread.
    ///
    /// - Parameters:
    ///   - make: Makes the work, on the thread. Called once.
    ///   - failed: Told of the first error, on the thread, which then ends.
    package func start(
        _ make: @escaping @Sendable () -> Work,
        failed: @escaping @Sendable (any Error) -> Void
    ) {
        let thread = Thread { [self] in
            do {
                try run(make())
            } catch {
                inbox.close()
                failed(error)
            }
            ended.signal()
        }
        thread.name = name
        // SQLite and OpenSSL want more than the smallest stack; a mebibyte is plenty.
        thread.stackSize = 1 << 20
        thread.start()
    }

    /// Lets the thread do what already waits, close its stage and end; waits for that.
    ///
    /// - Returns: Whether it ended in time.
    package func stop(withinMilliseconds limit: Int) -> Bool {
        inbox.close()
        return ended.wait(timeout: .now() + .milliseconds(limit)) == .success
    }

    /// What is touched under `lock` alone.
    ///
    /// `@unchecked Sendable`: for that reason.
    private final class Seat: @unchecked Sendable {
        var work: Work?
        /// What a part of the work ended with; the thread ends with it.
        var failure: (any Error)?
        /// Turns that others did and the thread does not know of.
        var hasNews = false
        /// The thread sleeps until it is woken: it has no idle work.
        var sleepsDeeply = false
    }

    /// Does a turn on the calling thread, if the stage's own sleeps, nothing waits for it, and the work
    /// says that it is short.
    ///
    /// The caller is kept as long as the turn takes, and never waits for the stage's thread, which
    /// does what follows the turn.
    ///
    /// - Parameter events: Emptied if they were done.
    /// - Returns: Whether they were done, or failed, which ends the thread as any failure does. If not,
    ///   post them.
    package func turnHere(_ events: inout [Event]) -> Bool {
        var mustWake = false
        let isDone = lock.withLockIfAvailable { _ in
            guard seat.failure == nil, let work = seat.work, let isShort = work.isShort,
                isShort(events), inbox.takeOver()
            else { return false }
            do {
                try work.turn(&events)
                precondition(events.isEmpty, "a turn that others may do leaves nothing undone")
                mustWake = seat.sleepsDeeply || work.mustFollowUp()
            } catch {
                events.removeAll()
                seat.failure = error
                mustWake = true
            }
            seat.hasNews = true
            // What came meanwhile has woken nobody.
            if !inbox.rest() { mustWake = true }
            return true
        }
        if mustWake { bed.wake() }
        return isDone ?? false
    }

    private func run(_ work: Work) throws {
        lock.withLock { _ in seat.work = work }
        // What the stage holds, files and locks among it, is let go before anybody hears of its end.
        defer { lock.withLock { _ in seat.work = nil } }
        var events: [Event] = []
        var news: [Event] = []
        var hasIdleWork = true
        while true {
            guard events.isEmpty else {
                // No room now: a moment later there may be.
                _ = bed.sleep(milliseconds: RuntimeLimits.stageRetryMilliseconds)
                if inbox.take(into: &news) { events.append(contentsOf: news) }
                news.removeAll(keepingCapacity: true)
                if inbox.isClosed { break }
                try seated {
                    try work.turn(&events)
                    try work.followUp()
                }
                continue
            }
            // Taken under the lock: what comes later is not done before.
            let hadEvents = try seated {
                let hasEvents = inbox.take(into: &events)
                if hasEvents { try work.turn(&events) }
                if hasEvents || seat.hasNews {
                    try work.followUp()
                    hasIdleWork = true
                }
                seat.hasNews = false
                seat.sleepsDeeply = !hasIdleWork
                return hasEvents
            }
            if hadEvents { continue }
            if inbox.isClosed { break }
            guard hasIdleWork else {
                bed.sleep()
                continue
            }
            let pause = try seated { work.pause?() ?? work.quietMilliseconds }
            if !bed.sleep(milliseconds: pause) {
                // Not after a turn that was done meanwhile: it has its own silence to wait for.
                hasIdleWork = try seated { try seat.hasNews || work.idle() }
            }
        }
        try seated { try work.close() }
    }

    /// Does a part of the work; after one that failed, here or there, no other.
    private func seated<Result>(_ part: () throws -> Result) throws -> Result {
        try lock.withLock { _ in
            if let failure = seat.failure { throw failure }
            do {
                return try part()
            } catch {
                seat.failure = error
                throw error
            }
        }
    }
}

/// A value on its way to the one thread that will use it.
///
/// `@unchecked Sendable`: whoever wraps a value gives it up; the one who takes it out is the only
/// one to use it from then on.
struct Handover<Value>: @unchecked Sendable {
    /// The value, for its one user.
    let value: Value

    /// Gives up a value.
    init(_ value: Value) {
        self.value = value
    }
}
