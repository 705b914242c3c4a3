internal import CadastreSimulation
internal import Glibc

/// How far many seeds have come: a line that rewrites itself on a terminal, elsewhere one line for
/// each seed, and the JSON at the end.
struct SeedProgress {
    private let total: UInt64
    private let start = Self.clock
    private let line = RewrittenLine()
    private var done: UInt64 = 0
    private var virtualTime: UInt64 = 0
    private var checked = 0
    private var operations = 0
    private var faults = 0
    /// Promises broken.
    private(set) var violations = 0
    /// What all worlds reached.
    private(set) var reach = Reach()

    /// Nothing done of this many.
    init(total: UInt64) { self.total = total }

    /// A seed is about to run.
    ///
    /// Said before it does, each time, so that a trap is not anonymous.
    mutating func begins(_ seed: UInt64) {
        guard line.isTerminal else {
            line.show("seed \(seed)")
            return
        }
        let elapsed = Self.clock - start
        let rate = elapsed > 0 ? Double(done) / elapsed : 0
        let left = rate > 0 ? "\(Int(Double(total - done) / rate)) s left" : "…"
        line.show("seed \(seed)  \(done)/\(total)  \(tenths(rate)) seeds/s  \(left)")
    }

    /// A seed kept all promises.
    mutating func ended(_ outcome: Simulation.Outcome) {
        done += 1
        virtualTime += outcome.virtualTime
        checked += outcome.checked
        operations += outcome.operations
        faults += outcome.faults
        reach.add(outcome.reach)
    }

    /// A seed broke one.
    mutating func violated() {
        done += 1
        violations += 1
    }

    /// Leaves the line.
    func finish() { line.clear() }

    /// The result, on one line.
    func json(from first: UInt64) -> String {
        let hours = Double(virtualTime) / 3.6e12
        let wall = Self.clock - start
        let compression = wall > 0 ? Int(Double(virtualTime) / 1e9 / wall) : 0
        return "{\"seeds\":\(done),\"from\":\(first),"
            + "\"virtual_hours\":\(Double(Int(hours * 10_000)) / 10_000),"
            + "\"wall_seconds\":\(tenths(wall)),\"compression\":\(compression),"
            + "\"operations_checked\":\(checked),\"operations_under_faults\":\(operations),"
            + "\"faults\":\(faults),\"violations\":\(violations)}"
    }

    private func tenths(_ value: Double) -> Double { Double(Int(value * 10)) / 10 }

    private static var clock: Double {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
