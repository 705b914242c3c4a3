import Dispatch
import Glibc
import Synchronization
import Testing

@testable import CadastreRuntime

/// Turns that another thread does in the place of a stage's sleeping one.
@Suite
struct TurnHereTests {
    private struct Broken: Error {}

    /// What the stage did, and on which threads.
    private final class Diary: Sendable {
        private let lines = Mutex<[String]>([])
        private let stage = Mutex<pthread_t?>(nil)
        private let owed = Mutex(false)
        private let idleSteps = Atomic(0)

        /// The calling thread is the stage's.
        func begin() { stage.withLock { $0 = pthread_self() } }

        func note(_ text: String) {
            let place = stage.withLock { $0 } == pthread_self() ? "stage" : "here"
            lines.withLock { $0.append("\(text) \(place)") }
        }

        func isFirstIdle() -> Bool {
            idleSteps.add(1, ordering: .relaxed).oldValue == 0
        }

        func owe(_ isOwed: Bool) { owed.withLock { $0 = isOwed } }
        var isOwed: Bool { owed.withLock { $0 } }
        var all: [String] { lines.withLock { $0 } }
    }

    /// A stage that sleeps.
    private func start(
        _ diary: Diary,
        owing: Bool = false,
        idle: DispatchSemaphore? = nil,
        followed: DispatchSemaphore? = nil,
        failed: DispatchSemaphore? = nil,
        turn: @escaping @Sendable ([Int]) throws -> Void = { _ in }
    ) -> StageThread<Int> {
        let thread = StageThread<Int>(name: "stage")
        let slept = DispatchSemaphore(value: 0)
        thread.start {
            diary.begin()
            return .init(
                turn: { events in
                    diary.note("\(events)")
                    try turn(events)
                    if owing { diary.owe(true) }
                    events.removeAll()
                },
                followUp: {
                    guard diary.isOwed else { return }
                    diary.note("followed up")
                    diary.owe(false)
                    followed?.signal()
                },
                mustFollowUp: { diary.isOwed },
                isShort: { _ in !diary.isOwed },
                idle: {
                    if diary.isFirstIdle() { slept.signal() } else { idle?.signal() }
                    return false
                },
                quietMilliseconds: 1,
                close: { diary.note("closed") }
            )
        } failed: { _ in
            failed?.signal()
        }
        // Its first idle step is over: from here on it sleeps until it is woken.
        slept.wait()
        return thread
    }

    /// The stage's thread may still be on its way to sleep.
    private func turnHere(_ thread: StageThread<Int>, _ events: [Int]) {
        var events = events
        var isDone = false
        while !isDone { isDone = thread.turnHere(&events) }
        #expect(events.isEmpty)
    }

    @Test
    func `a turn is done on the calling thread, in order with what is posted`() {
        let diary = Diary()
        let posted = DispatchSemaphore(value: 0)
        let thread = start(diary) { events in
            if events.contains(3) { posted.signal() }
        }
        turnHere(thread, [1, 2])
        thread.inbox.post(3)
        posted.wait()
        turnHere(thread, [4])
        #expect(thread.stop(withinMilliseconds: 10_000))
        #expect(diary.all == ["[1, 2] here", "[3] stage", "[4] here", "closed stage"])
    }

    @Test
    func `what follows a turn is done on the stage's thread, and no turn here before it`() {
        let diary = Diary()
        let followed = DispatchSemaphore(value: 0)
        let thread = start(diary, owing: true, followed: followed)
        turnHere(thread, [1])
        turnHere(thread, [2])
        followed.wait()
        followed.wait()
        #expect(thread.stop(withinMilliseconds: 10_000))
        #expect(
            diary.all == [
                "[1] here", "followed up stage", "[2] here", "followed up stage", "closed stage",
            ]
        )
    }

    @Test
    func `a thread that slept for good does idle work after a turn here`() {
        let diary = Diary()
        let idle = DispatchSemaphore(value: 0)
        let thread = start(diary, idle: idle)
        turnHere(thread, [1])
        idle.wait()
        turnHere(thread, [2])
        idle.wait()
        #expect(thread.stop(withinMilliseconds: 10_000))
    }

    @Test
    func `what comes during a turn here is done by the stage's thread`() {
        let diary = Diary()
        let done = DispatchSemaphore(value: 0)
        let own = Mutex<StageThread<Int>?>(nil)
        let thread = start(diary) { events in
            if events == [1] {
                own.withLock { $0 }?.inbox.post(2)
            } else {
                done.signal()
            }
        }
        own.withLock { $0 = thread }
        turnHere(thread, [1])
        done.wait()
        #expect(thread.stop(withinMilliseconds: 10_000))
        own.withLock { $0 = nil }
        #expect(diary.all == ["[1] here", "[2] stage", "closed stage"])
    }

    @Test
    func `no turn is done here while the stage works, before it begins and after its end`() {
        let unstarted = StageThread<Int>(name: "stage")
        var events = [1]
        let isBegun = unstarted.turnHere(&events)
        #expect(!isBegun)

        let diary = Diary()
        let (begun, goOn) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let thread = start(diary) { events in
            guard events == [7] else { return }
            begun.signal()
            goOn.wait()
        }
        thread.inbox.post(7)
        begun.wait()
        let isDoneBeside = thread.turnHere(&events)
        #expect(!isDoneBeside)
        goOn.signal()
        #expect(thread.stop(withinMilliseconds: 10_000))
        let isDoneAfter = thread.turnHere(&events)
        #expect(!isDoneAfter)
        #expect(events == [1])
        #expect(diary.all == ["[7] stage", "closed stage"])
    }

    @Test
    func `a failure here ends the stage as one on its thread does`() {
        let diary = Diary()
        let failed = DispatchSemaphore(value: 0)
        let thread = start(diary, failed: failed) { _ in throw Broken() }
        turnHere(thread, [1])
        failed.wait()
        #expect(thread.inbox.isClosed)
        var events = [2]
        let isDone = thread.turnHere(&events)
        #expect(!isDone)
        #expect(thread.stop(withinMilliseconds: 10_000))
        #expect(diary.all == ["[1] here"])
    }
}
