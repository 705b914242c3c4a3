import CadastreDisk
import Testing

@testable import CadastreNode

/// Who is waited for, and who is not.
struct ReturningCallersTests {
    private static let limit: UInt64 = 1_000_000

    /// Answers so many at a moment.
    private func answer(_ callers: inout ReturningCallers, _ count: Int, at moment: UInt64) {
        callers.answered(count, until: moment + Self.limit, at: moment)
    }

    @Test(arguments: [1, 2, 16, 64, 1_000])
    func `callers that send one command behind the other are waited for until nearly all are back`(
        count: Int
    ) {
        var callers = ReturningCallers()
        var moment: UInt64 = 0
        for _ in 0..<300 {
            callers.came(count, at: moment)
            moment += Self.limit
            answer(&callers, count, at: moment)
        }
        for waiting in 1...count {
            callers.came(1, at: moment + 1)
            let isAwaited = callers.areAwaited(by: waiting, at: moment + 1)
            #expect(isAwaited == ((count - waiting) * 8 > waiting))
        }
    }

    @Test
    func `nobody is waited for longer than the limit, and who stays away not the next time`() {
        var callers = ReturningCallers()
        for round in 0..<20 as Range<UInt64> {
            answer(&callers, 16, at: round * Self.limit)
            callers.came(16, at: round * Self.limit + 1)
        }
        let answered = 20 * Self.limit
        answer(&callers, 16, at: answered)
        #expect(callers.areAwaited(by: 1, at: answered + Self.limit - 1))
        #expect(!callers.areAwaited(by: 1, at: answered + Self.limit))
        callers.came(4, at: answered + Self.limit)
        answer(&callers, 4, at: answered + 2 * Self.limit)
        #expect(!callers.areAwaited(by: 1, at: answered + 2 * Self.limit))
    }

    /// Each answer finds those that came since the one before, whatever those did that it answers, and
    /// is as far from that as the limit.
    @Test(arguments: [1, 3, 8, 12], 1...8 as ClosedRange<UInt64>)
    func `of callers that come when they like hardly any is waited for`(mean: Int, seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var callers = ReturningCallers()
        var awaited = 0
        var waiting = 0
        let rounds = 4_000
        for round in 0..<rounds {
            let moment = UInt64(round) * Self.limit
            answer(&callers, waiting, at: moment)
            waiting = 0
            // One in sixteen of so many moments: nearly Poisson.
            for step in 0..<16 * mean where generator.next() % 16 == 0 {
                let place = UInt64(step) * Self.limit / UInt64(16 * mean)
                callers.came(1, at: moment + place)
                waiting += 1
                if waiting == 1, callers.areAwaited(by: 1, at: moment + place) { awaited += 1 }
            }
        }
        #expect(awaited < rounds / 10, "\(awaited)")
    }
}
