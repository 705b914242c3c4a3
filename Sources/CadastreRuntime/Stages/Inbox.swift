internal import Dispatch
internal import NIOConcurrencyHelpers

/// What waits for one stage: filled by any thread, emptied by one.
///
/// Arrays change hands by swap. The taker is woken once for a batch and not at all while it is
/// awake, since waking a sleeping thread costs more than everything else about a hand-over.
package final class Inbox<Event: Sendable>: Sendable {
    private struct State {
        var events: [Event] = []
        var isAwake = false
        /// Something of what waits does not wait for another reason to be awake.
        var isPressing = false
        /// The sleeping taker wants to know even of what can wait.
        var heedsAll = false
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())
    private let wake: @Sendable () -> Void

    /// An empty inbox.
    ///
    /// - Parameter wake: Called without a lock, by the thread that posted, when the taker sleeps
    ///   and something came. The taker must then call ``take(into:)`` until it returns false.
    package init(wake: @escaping @Sendable () -> Void) {
        self.wake = wake
    }

    /// Adds one event.
    package func post(_ event: Event) {
        let mustWake = state.withLockedValue { state in
            guard !state.isClosed else { return false }
            state.events.append(event)
            state.isPressing = true
            defer { state.isAwake = true }
            return !state.isAwake
        }
        if mustWake { wake() }
    }

    /// Adds one event that can wait until the taker is awake for another reason, unless it said
    /// otherwise when it went to sleep.
    ///
    /// - Parameters:
    ///   - event: What can wait.
    ///   - isFollowed: Another event will say more soon: this one wakes nobody.
    package func leave(_ event: Event, isFollowed: Bool = false) {
        let mustWake = state.withLockedValue { state in
            guard !state.isClosed else { return false }
            state.events.append(event)
            guard state.heedsAll, !isFollowed, !state.isAwake else { return false }
            (state.isPressing, state.isAwake) = (true, true)
            return true
        }
        if mustWake { wake() }
    }

    /// Adds events and empties their array.
    package func post(all events: inout [Event]) {
        guard !events.isEmpty else { return }
        let mustWake = state.withLockedValue { state in
            guard !state.isClosed else {
                events.removeAll()
                return false
            }
            if state.events.isEmpty {
                swap(&state.events, &events)
            } else {
                state.events.append(contentsOf: events)
                events.removeAll(keepingCapacity: true)
            }
            state.isPressing = true
            defer { state.isAwake = true }
            return !state.isAwake
        }
        if mustWake { wake() }
    }

    /// Takes everything that waits, in the order in which it came.
    ///
    /// - Parameter events: Empty before; its storage goes to the inbox.
    /// - Returns: Whether something came. After false the taker is considered asleep.
    package func take(into events: inout [Event]) -> Bool {
        precondition(events.isEmpty, "events of the last turn are left over")
        return state.withLockedValue { state in
            guard !state.events.isEmpty else {
                state.isAwake = false
                return false
            }
            swap(&state.events, &events)
            state.isPressing = false
            return true
        }
    }

    /// Considers the taker asleep, unless something waits for it.
    ///
    /// - Parameter heedingAll: It heeds even what is left (``leave(_:isFollowed:)``): what was left
    ///   keeps it awake, and what will be wakes it.
    /// - Returns: Whether it is asleep now.
    package func rest(heedingAll: Bool = false) -> Bool {
        state.withLockedValue { state in
            state.heedsAll = heedingAll
            state.isAwake = state.isPressing || (heedingAll && !state.events.isEmpty)
            return !state.isAwake
        }
    }

    /// Makes another thread the taker, until it rests, if the taker sleeps and nothing waits.
    ///
    /// - Returns: Whether it is.
    package func takeOver() -> Bool {
        state.withLockedValue { state in
            guard !state.isAwake, state.events.isEmpty, !state.isClosed else { return false }
            state.isAwake = true
            return true
        }
    }

    /// How many events wait.
    package var count: Int { state.withLockedValue { $0.events.count } }

    /// Drops what comes from now on, and wakes the taker so that it sees its end.
    package func close() {
        let mustWake = state.withLockedValue { state in
            state.isClosed = true
            defer { state.isAwake = true }
            return !state.isAwake
        }
        if mustWake { wake() }
    }

    /// Whether nothing more will come.
    package var isClosed: Bool { state.withLockedValue { $0.isClosed } }
}

/// A place where one thread sleeps until another one wakes it.
package final class Bed: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)

    /// Makes a place.
    package init() {}

    /// Ends the present sleep or the next one.
    package func wake() {
        semaphore.signal()
    }

    /// Sleeps until woken.
    package func sleep() {
        semaphore.wait()
    }

    /// Sleeps until woken or until the time is over; says whether it was woken.
    package func sleep(milliseconds: Int) -> Bool {
        semaphore.wait(timeout: .now() + .milliseconds(milliseconds)) == .success
    }
}
