@testable import RaftCore
import Testing

@Suite
struct ProgressTests {
    private func index(_ value: UInt64) -> LogIndex { LogIndex(value) }

    @Test
    func `a probe is sent alone, and its answer starts replication`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(8))
        #expect(progress.hasRoom)
        progress.sent(through: index(9), size: 20)
        #expect(!progress.hasRoom)
        #expect(progress.nextIndex == index(8))
        let moved = progress.accepted(match: index(9))
        #expect(moved)
        #expect(progress.state == .replicating)
        #expect(progress.matchIndex == index(9))
        #expect(progress.nextIndex == index(10))
    }

    @Test
    func `a replicating peer is sent to ahead of its answers, which may come in any order`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(1))
        _ = progress.accepted(match: index(0))
        for last in 1...5 as ClosedRange<UInt64> { progress.sent(through: index(last), size: 10) }
        #expect(progress.inflight.count == 5)
        #expect(progress.inflight.size == 50)
        #expect(progress.nextIndex == index(6))
        let forward = progress.accepted(match: index(3))
        let backward = progress.accepted(match: index(2))
        #expect(forward && !backward)
        #expect(progress.matchIndex == index(3))
        #expect(progress.inflight.count == 2)
    }

    @Test
    func `a rejection never backs up to or below the match`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(1))
        _ = progress.accepted(match: index(6))
        progress.sent(through: index(9), size: 10)
        let isNews = progress.rejected(previous: index(9), agreement: index(2))
        #expect(isNews)
        #expect(progress.state == .probing)
        #expect(progress.nextIndex == index(7))
        let isOld = progress.rejected(previous: index(6), agreement: index(0))
        #expect(!isOld)
        #expect(progress.nextIndex == index(7))
    }

    @Test
    func `a rejection backs up no further than to what the peer has`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(1))
        _ = progress.accepted(match: index(25))
        progress.sent(through: index(27), size: 10)
        progress.sent(through: index(28), size: 10)
        // It took what is through 27, and its word of that is late.
        let isNews = progress.rejected(previous: index(28), agreement: index(27))
        #expect(isNews)
        #expect(progress.state == .probing && progress.hasRoom)
        #expect(progress.nextIndex == index(28))
        #expect(progress.matchIndex == index(25))
    }

    @Test
    func `a rejection that was overtaken changes nothing`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(20))
        progress.sent(through: index(20), size: 1)
        let before = progress
        let isNews = progress.rejected(previous: index(12), agreement: index(3))
        #expect(!isNews)
        #expect(progress == before)
        let isReal = progress.rejected(previous: index(19), agreement: index(11))
        #expect(isReal)
        #expect(progress.nextIndex == index(12))
        #expect(progress.hasRoom)
    }

    @Test
    func `a new connection probes at once from where the last one was`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(20))
        progress.sent(through: index(20), size: 1)
        progress.reconnected(base: .zero)
        #expect(progress.hasRoom)
        #expect(progress.nextIndex == index(20))
        _ = progress.accepted(match: index(20))
        progress.sent(through: index(25), size: 1)
        progress.reconnected(base: .zero)
        #expect(progress.state == .probing)
        #expect(progress.inflight.count == 0)
        #expect(progress.nextIndex == index(21))
    }

    @Test
    func `a probe backs up by at least one`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(5))
        _ = progress.rejected(previous: index(4), agreement: index(4))
        #expect(progress.nextIndex == index(4))
    }

    @Test
    func `what is sent looks lost if a peer answers and nothing moved for an interval`() {
        var progress = Progress(id: NodeID(2), nextIndex: index(5))
        progress.sent(through: index(5), size: 1)
        let early = progress.resume(last: index(5))
        progress.intervalPassed()
        let first = progress.resume(last: index(5))
        #expect(!early && !first && !progress.hasRoom)
        progress.intervalPassed()
        let second = progress.resume(last: index(5))
        #expect(second && progress.hasRoom)
        _ = progress.accepted(match: index(5))
        for _ in 0..<3 { progress.intervalPassed() }
        let idle = progress.resume(last: index(5))
        #expect(!idle)
    }

    @Test
    func `messages in flight are bounded by count`() {
        var inflight = Inflight()
        for number in 1...Limits.maximumInflightMessages {
            #expect(!inflight.isFull)
            inflight.add(through: index(UInt64(number)), size: 1)
        }
        #expect(inflight.isFull)
        inflight.free(through: index(1))
        #expect(!inflight.isFull)
        #expect(inflight.count == Limits.maximumInflightMessages - 1)
    }

    @Test
    func `messages in flight are bounded by bytes`() {
        var inflight = Inflight()
        inflight.add(through: index(1), size: Limits.maximumInflightSize - 1)
        #expect(!inflight.isFull)
        inflight.add(through: index(2), size: 1)
        #expect(inflight.isFull)
        inflight.free(through: index(1))
        #expect(inflight.size == 1)
    }

    @Test
    func `the ring of messages in flight agrees with a list over long histories`() {
        var generator = Generator(seed: 5)
        var inflight = Inflight()
        var list: [(last: UInt64, size: Int)] = []
        var last: UInt64 = 0
        for _ in 0..<5_000 {
            if generator.draw(from: 0...2) > 0, !inflight.isFull {
                last += 1
                let size = generator.draw(from: 0...1_000)
                inflight.add(through: index(last), size: size)
                list.append((last, size))
            } else {
                let match = last - min(last, UInt64(generator.draw(from: 0...30)))
                inflight.free(through: index(match))
                list.removeAll { $0.last <= match }
            }
            #expect(inflight.count == list.count)
            #expect(inflight.size == list.reduce(0) { $0 + $1.size })
        }
    }
}
