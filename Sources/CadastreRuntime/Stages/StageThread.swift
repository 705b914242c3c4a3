internal import Dispatch
internal import Foundation

/// A thread that does one stage's turns: takes what waits, does it, sleeps.
package final class StageThread<Event: Sendable>: Sendable {
    /// What the thread does; every part runs on the thread alone.
    package struct Work {
        /// Does everything that waited; what it leaves in the array cannot be done now and is
        /// tried again soon, before what comes later.
        var turn: (inout [Event]) throws -> Void
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

    private func run(_ work: Work) throws {
        var events: [Event] = []
        var hasIdleWork = true
        var news: [Event] = []
        while true {
            if !events.isEmpty {
                // No room now: a moment later there may be.
                _ = bed.sleep(milliseconds: RuntimeLimits.stageRetryMilliseconds)
                if inbox.take(into: &news) { events.append(contentsOf: news) }
                news.removeAll(keepingCapacity: true)
                if inbox.isClosed { break }
                try work.turn(&events)
                continue
            }
            if inbox.take(into: &events) {
                try work.turn(&events)
                hasIdleWork = true
                continue
            }
            if inbox.isClosed { break }
            guard hasIdleWork else {
                bed.sleep()
                continue
            }
            let pause = work.pause?() ?? work.quietMilliseconds
            if !bed.sleep(milliseconds: pause) {
                hasIdleWork = try work.idle()
            }
        }
        try work.close()
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
