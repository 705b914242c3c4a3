import CadastreRuntime
import Synchronization
import Testing

/// Who is woken by what.
struct InboxWakingTests {
    /// Counts how often a taker was woken.
    private final class Alarm: Sendable {
        let count = Atomic<Int>(0)
    }

    private func make() -> (Inbox<Int>, Alarm) {
        let alarm = Alarm()
        return (Inbox { alarm.count.add(1, ordering: .relaxed) }, alarm)
    }

    @Test
    func `what is left wakes nobody and comes before what is posted next`() {
        let (inbox, alarm) = make()
        inbox.leave(1)
        inbox.leave(2)
        #expect(alarm.count.load(ordering: .relaxed) == 0)
        inbox.post(3)
        #expect(alarm.count.load(ordering: .relaxed) == 1)
        var taken: [Int] = []
        #expect(inbox.take(into: &taken))
        #expect(taken == [1, 2, 3])
    }

    @Test
    func `who rests is woken by the next post, who cannot rest is not`() {
        let (inbox, alarm) = make()
        inbox.post(1)
        #expect(!inbox.rest(), "something waits")
        inbox.post(2)
        #expect(alarm.count.load(ordering: .relaxed) == 1)
        var taken: [Int] = []
        #expect(inbox.take(into: &taken))
        #expect(inbox.rest())
        inbox.post(3)
        #expect(alarm.count.load(ordering: .relaxed) == 2)
    }

    @Test
    func `who heeds all is woken by what is left, until it rests without`() {
        let (inbox, alarm) = make()
        #expect(inbox.rest(heedingAll: true))
        inbox.leave(1)
        inbox.leave(2)
        #expect(alarm.count.load(ordering: .relaxed) == 1)
        var taken: [Int] = []
        #expect(inbox.take(into: &taken))
        #expect(taken == [1, 2])
        #expect(inbox.rest())
        inbox.leave(3)
        #expect(alarm.count.load(ordering: .relaxed) == 1)
    }

    @Test
    func `what is followed by more wakes nobody`() {
        let (inbox, alarm) = make()
        #expect(inbox.rest(heedingAll: true))
        inbox.leave(1, isFollowed: true)
        #expect(alarm.count.load(ordering: .relaxed) == 0)
        inbox.leave(2)
        #expect(alarm.count.load(ordering: .relaxed) == 1)
        var taken: [Int] = []
        #expect(inbox.take(into: &taken))
        #expect(taken == [1, 2])
    }

    @Test
    func `what was left keeps awake who heeds all, and nobody else`() {
        let (inbox, alarm) = make()
        inbox.post(1)
        var taken: [Int] = []
        #expect(inbox.take(into: &taken))
        taken = []
        inbox.leave(2)
        #expect(!inbox.rest(heedingAll: true))
        #expect(inbox.rest())
        #expect(alarm.count.load(ordering: .relaxed) == 1)
        inbox.post(3)
        #expect(alarm.count.load(ordering: .relaxed) == 2)
        #expect(!inbox.rest())
        #expect(inbox.take(into: &taken))
        #expect(taken == [2, 3])
        #expect(inbox.rest())
    }

    @Test
    func `another takes over from who sleeps, and what comes then wakes nobody`() {
        let (inbox, alarm) = make()
        #expect(inbox.takeOver())
        #expect(!inbox.takeOver())
        inbox.post(1)
        #expect(alarm.count.load(ordering: .relaxed) == 0)
        #expect(!inbox.rest())
        var taken: [Int] = []
        #expect(inbox.take(into: &taken))
        #expect(inbox.rest())
        inbox.leave(2)
        #expect(!inbox.takeOver())
        inbox.close()
        taken = []
        #expect(inbox.take(into: &taken))
        #expect(inbox.rest())
        #expect(!inbox.takeOver())
    }
}
