import Dispatch
import Synchronization
import Testing

@testable import CadastreRuntime

@Suite
struct InboxTests {
    private final class Count: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .sequentiallyConsistent) }
        func add() { count.wrappingAdd(1, ordering: .sequentiallyConsistent) }
    }

    @Test
    func `a sleeping taker is woken once for a batch`() {
        let wakes = Count()
        let inbox = Inbox<Int> { wakes.add() }
        inbox.post(1)
        var more = [2, 3]
        inbox.post(all: &more)
        #expect(more.isEmpty)
        #expect(wakes.value == 1)
        var events: [Int] = []
        #expect(inbox.take(into: &events))
        #expect(events == [1, 2, 3])
        events.removeAll()
        inbox.post(4)
        #expect(wakes.value == 1, "the taker has not said that it sleeps")
        #expect(inbox.take(into: &events))
        events.removeAll()
        #expect(!inbox.take(into: &events))
        inbox.post(5)
        #expect(wakes.value == 2)
        #expect(inbox.count == 1)
    }

    @Test
    func `nothing wakes anybody for an empty batch`() {
        let wakes = Count()
        let inbox = Inbox<Int> { wakes.add() }
        var none: [Int] = []
        inbox.post(all: &none)
        #expect(wakes.value == 0)
    }

    @Test
    func `a closed inbox keeps what it had and takes no more`() {
        let wakes = Count()
        let inbox = Inbox<Int> { wakes.add() }
        inbox.post(1)
        inbox.close()
        inbox.post(2)
        var events: [Int] = []
        #expect(inbox.take(into: &events))
        #expect(events == [1])
        #expect(inbox.isClosed)
    }
}

@Suite
struct StageThreadTests {
    private struct Broken: Error {}

    private final class Record: Sendable {
        private let state = Mutex<[Int]>([])
        var all: [Int] { state.withLock { $0 } }
        func add(_ values: [Int]) { state.withLock { $0 += values } }
    }

    @Test
    func `events of many threads are done once each, in each thread's order`() async {
        let thread = StageThread<Int>(name: "test")
        let record = Record()
        thread.start {
            .init(
                turn: {
                    record.add($0)
                    $0.removeAll()
                },
                idle: { false },
                quietMilliseconds: 1,
                close: {}
            )
        } failed: { _ in
        }
        await withTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0..<500 { thread.inbox.post(writer * 1_000 + number) }
                }
            }
        }
        #expect(thread.stop(withinMilliseconds: 10_000))
        let all = record.all
        #expect(all.count == 2_000)
        for writer in 0..<4 {
            let own = all.filter { $0 / 1_000 == writer }
            #expect(own == own.sorted())
        }
    }

    @Test
    func `idle work is done after events, until there is none`() {
        let thread = StageThread<Int>(name: "test")
        let done = DispatchSemaphore(value: 0)
        let steps = Record()
        thread.start {
            .init(
                turn: { $0.removeAll() },
                idle: {
                    steps.add([1])
                    guard steps.all.count == 3 else { return true }
                    done.signal()
                    return false
                },
                quietMilliseconds: 1,
                close: {}
            )
        } failed: { _ in
        }
        done.wait()
        #expect(thread.stop(withinMilliseconds: 10_000))
        #expect(steps.all.count == 3)
    }

    @Test
    func `what a turn leaves is tried again before what came later`() {
        let thread = StageThread<Int>(name: "test")
        let record = Record()
        let refusals = Record()
        let done = DispatchSemaphore(value: 0)
        thread.start {
            .init(
                turn: { events in
                    if refusals.all.count < 2 {
                        refusals.add([1])
                        return
                    }
                    record.add(events)
                    events.removeAll()
                    if record.all.count == 2 { done.signal() }
                },
                idle: { false },
                quietMilliseconds: 1,
                close: {}
            )
        } failed: { _ in
        }
        thread.inbox.post(1)
        thread.inbox.post(2)
        done.wait()
        #expect(record.all == [1, 2])
        #expect(thread.stop(withinMilliseconds: 10_000))
    }

    @Test
    func `an error ends the thread, is told once, and nothing more is taken`() {
        let thread = StageThread<Int>(name: "test")
        let told = DispatchSemaphore(value: 0)
        thread.start {
            .init(
                turn: { _ in throw Broken() },
                idle: { false },
                quietMilliseconds: 1,
                close: { Issue.record("a failed stage is not closed") }
            )
        } failed: { error in
            #expect(error is Broken)
            told.signal()
        }
        thread.inbox.post(1)
        told.wait()
        #expect(thread.inbox.isClosed)
        #expect(thread.stop(withinMilliseconds: 10_000))
    }
}
