import CadastreNode
import Testing

@testable import CadastreRuntime

/// When a standing connection is judged again.
struct StandingPeerTests {
    private static let minute: UInt64 = 60_000_000_000
    private static let judged = Moment(monotonic: 5 * minute, wall: 1_790_000_000_000)

    /// Milliseconds of the wall clock since, nanoseconds of the other, whether it was set.
    private static let cases: [(Int64, UInt64, Bool)] = [
        (0, 0, false), (30_000, minute / 2, false), (3_600_000, 60 * minute, false),
        (59_000, 0, false), (61_000, 0, true), (-59_000, 0, false), (-61_000, 0, true),
        (315_360_000_000, 1, true), (-315_360_000_000, 1, true), (0, 2 * minute, true),
    ]

    // T1: a leader whose clock had passed the end of all certificates let no client in, and led on.
    @Test(arguments: cases)
    func `a wall clock that was set is told from one that goes`(
        _ wall: Int64,
        monotonic: UInt64,
        isSet: Bool
    ) {
        let now = Moment(
            monotonic: Self.judged.monotonic + monotonic,
            wall: UInt64(Int64(Self.judged.wall) + wall)
        )
        #expect(Self.judged.isClockSet(by: Self.minute, at: now) == isSet)
    }

    @Test
    func `no clock is too far off to be compared`() {
        let last = Moment(monotonic: .max, wall: .max)
        let first = Moment(monotonic: 0, wall: 0)
        #expect(first.isClockSet(by: Self.minute, at: last))
        #expect(last.isClockSet(by: Self.minute, at: first))
    }
}
