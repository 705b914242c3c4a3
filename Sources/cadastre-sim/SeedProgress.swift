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
    /// Answers that were checked.
    private(set) var checked = 0
    private let wanted: Int
    private var operations = 0
    private var faults = 0
    private var faultTime: UInt64 = 0
    /// Promises broken.
    private(set) var violations = 0
    /// What all worlds reached.
    private(set) var reach = Reach()

    /// Nothing done of this many, and of so many answers to check.
    init(total: UInt64, operations: Int) {
        self.total = total
        wanted = operations
    }

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
        let left = done > 0 ? "\(Int(left(after: elapsed))) s left" : "…"
        line.show("seed \(seed)  \(done)/\(total)  \(tenths(rate)) seeds/s  \(left)")
    }

    /// How long it takes still: for the seeds or for the answers, whichever takes longer.
    private func left(after elapsed: Double) -> Double {
        let seeds = Double(total - min(done, total)) / Double(max(1, done))
        let answers = Double(max(0, wanted - checked)) / Double(max(1, checked))
        return elapsed * max(seeds, answers)
    }

    /// A seed was lived.
    mutating func ended(_ ending: SeedQueue.Ending) {
        done += 1
        guard case .kept(let outcome) = ending else {
            violations += 1
            return
        }
        virtualTime += outcome.virtualTime
        checked += outcome.checked
        operations += outcome.operations
        faults += outcome.faults
        faultTime += outcome.faultTime
        reach.add(outcome.reach)
    }

    /// Answers and faults in a virtual second while faults last; 0 where there was none.
    private var density: (operations: Double, faults: Double) {
        let seconds = Double(faultTime) / 1e9
        guard seconds > 0 else { return (0, 0) }
        return (Double(operations) / seconds, Double(faults) / seconds)
    }

    /// Why so many worlds prove too little; nil if they do not.
    ///
    /// Five answers and 0.3 faults in a virtual second: a cluster that idles breaks no promise.
    var idleness: String? {
        let density = density
        guard done >= 100, density.operations < 5 || density.faults < 0.3 else { return nil }
        return "only \(tenths(density.operations)) answers and \(tenths(density.faults)) faults in "
            + "a virtual second, not 5 and 0.3: worlds that idle prove nothing"
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
            + "\"operations_a_second\":\(tenths(density.operations)),\"faults\":\(faults),"
            + "\"faults_a_second\":\(tenths(density.faults)),\"violations\":\(violations)}"
    }

    private func tenths(_ value: Double) -> Double { Double(Int(value * 10)) / 10 }

    private static var clock: Double {
        var time = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
