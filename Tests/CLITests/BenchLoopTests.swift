import ArgumentParser
import Testing

@testable import cadastre

/// When a bench sends and what it measures, with times that no clock gave.
@Suite
struct `Bench loops` {
    private static let millisecond: UInt64 = 1_000_000
    private static let second: UInt64 = 1_000_000_000

    private func times(_ arrivals: Arrivals, until end: UInt64) -> [UInt64] {
        var arrivals = arrivals
        var times: [UInt64] = []
        while arrivals.next < end {
            times.append(arrivals.next)
            arrivals.advance()
        }
        return times
    }

    @Test
    func `arrivals are those of a Poisson process`() {
        let times = times(Arrivals(perSecond: 1000, seed: 5), until: 100 * Self.second)
        #expect(abs(Double(times.count) - 100_000) < 1_000)
        // The gaps' deviation is their mean, and a second's count varies as much as it is large.
        let gaps = zip(times, times.dropFirst()).map { Double($1 - $0) / 1e6 }
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        let variance = gaps.map { ($0 - mean) * ($0 - mean) }.reduce(0, +) / Double(gaps.count)
        #expect(abs(mean - 1) < 0.02)
        #expect(abs(variance.squareRoot() - 1) < 0.03)
        var counts = [Double](repeating: 0, count: 100)
        for time in times { counts[Int(time / Self.second)] += 1 }
        let spread = counts.map { ($0 - 1000) * ($0 - 1000) }.reduce(0, +) / 100
        #expect(600...1500 ~= spread)
    }

    @Test
    func `the same seed has the same arrivals`() {
        func first(_ seed: UInt64) -> [UInt64] {
            times(Arrivals(perSecond: 500, seed: seed), until: Self.second)
        }
        #expect(first(1) == first(1))
        #expect(first(1) != first(2))
    }

    @Test
    func `bursts are ten times the rate for five seconds of each minute`() {
        let arrivals = Arrivals(perSecond: 100, bursts: Arrivals.Bursts(), seed: 9)
        var counts = [Int](repeating: 0, count: 12)
        for time in times(arrivals, until: 120 * Self.second) {
            // Pieces of five seconds, of which the second of a minute is the burst.
            counts[Int(time / (5 * Self.second)) % 12] += 1
        }
        #expect(abs(counts[1] - 10_000) < 400)
        for (piece, count) in counts.enumerated() where piece != 1 {
            #expect(abs(count - 1_000) < 150, "piece \(piece)")
        }
    }

    /// A server that answers in a millisecond, and not at all from second 1 to second 2.
    private func run(senders: Int, perSecond rate: Double) -> (Meter, OpenLoop.Waits) {
        var loop = OpenLoop(Arrivals(perSecond: rate, seed: 3), senders: senders)
        var meter = Meter(at: 0)
        var open: [(end: UInt64, start: OpenLoop.Start)] = []
        for now in stride(from: 0, to: 4 * Self.second, by: Int(Self.millisecond / 10)) {
            for done in open where done.end <= now {
                meter.record(
                    .put,
                    records: 1,
                    from: done.start.due,
                    to: now,
                    absent: 0,
                    unmet: 0
                )
                loop.ended(done.start.process, at: now)
            }
            open.removeAll { $0.end <= now }
            while let start = loop.start(at: now) {
                let isStopped = now >= Self.second && now < 2 * Self.second
                open.append(((isStopped ? 2 * Self.second : now) + Self.millisecond, start))
            }
        }
        meter.closeSeconds(at: 4 * Self.second)
        return (meter, loop.waits(at: 4 * Self.second))
    }

    @Test
    func `a server that stops is seen by all who come meanwhile`() throws {
        let (meter, waits) = run(senders: 10, perSecond: 1000)
        let plan = BenchPlan(.put, try BenchVerbs.Put.parse([]).load)
        let report = BenchReport(plan, 4, meter, waits, before: [], after: [])
        // A quarter of all came in the second in which it stood, and waited 500 ms in the mean: a
        // closed loop of ten would have told of ten.
        #expect(meter.done > 3_500)
        #expect(report.p50_ms < 100)
        #expect(report.p90_ms > 400)
        #expect(report.max_ms > 990)
        #expect(waits.late > 900)
        #expect(waits.longest > 900 * Self.millisecond)
        #expect(waits.unsent == 0)
    }

    @Test
    func `what is due at the end and waits for a sender is counted`() {
        var loop = OpenLoop(Arrivals(perSecond: 1000, seed: 3), senders: 2)
        #expect(loop.start(at: Self.second) != nil)
        #expect(loop.start(at: Self.second) != nil)
        #expect(loop.start(at: Self.second) == nil)
        #expect(loop.wake == nil)
        let due = times(Arrivals(perSecond: 1000, seed: 3), until: Self.second + 1).count
        #expect(loop.waits(at: Self.second).unsent == UInt64(due - 2))
        loop.ended(0, at: Self.second)
        #expect(loop.start(at: Self.second)?.process == 0)
        #expect(loop.waits(at: Self.second).late == 1)
    }

    @Test
    func `what was measured is told by kind and by second`() {
        var meter = Meter(at: 0)
        func record(_ kind: OperationKind, from begin: UInt64, to end: UInt64) {
            meter.record(
                kind,
                records: kind == .batch ? 100 : 1,
                from: begin * Self.millisecond,
                to: end * Self.millisecond,
                absent: kind == .head ? 1 : 0,
                unmet: 0
            )
        }
        record(.put, from: 0, to: 10)
        record(.head, from: 10, to: 12)
        record(.batch, from: 500, to: 2_600)
        meter.closeSeconds(at: 3 * Self.second)
        #expect(meter.done == 3 && meter.records == 102 && meter.absent == 1)
        #expect(meter.seconds.map(\.operations) == [2, 0, 1])
        #expect(meter.seconds[1].percentile99 == 0)
        #expect(abs(Double(meter.seconds[2].median) / 2.1e9 - 1) < 0.001)
        #expect(meter.longestGap == 2_588 * Self.millisecond)
        meter.firstTrouble = "it was full"
        meter.reset(at: 3 * Self.second)
        #expect(meter.done == 0 && meter.seconds.isEmpty && meter.firstTrouble == "it was full")
    }
}
