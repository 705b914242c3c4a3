internal import CoreMetrics
internal import NIOConcurrencyHelpers
internal import Synchronization

/// A metric that can write its lines of the page.
protocol PrometheusMetric: AnyObject, Sendable {
    /// Appends the metric's lines.
    func write(_ name: String, _ labels: [(String, String)], to text: inout String)
}

/// A count that only grows.
final class Tally: PrometheusMetric, CounterHandler {
    private let count = Atomic<Int64>(0)

    func increment(by amount: Int64) {
        count.wrappingAdd(amount, ordering: .relaxed)
    }

    func reset() {
        store(0)
    }

    /// Sets the count.
    func store(_ value: Int64) {
        count.store(value, ordering: .relaxed)
    }

    func write(_ name: String, _ labels: [(String, String)], to text: inout String) {
        PrometheusFactory.line(name, labels, "\(count.load(ordering: .relaxed))", to: &text)
    }
}

/// A value that goes up and down.
final class Level: PrometheusMetric, MeterHandler, RecorderHandler {
    private let bits = Atomic<UInt64>(0)

    func set(_ value: Int64) {
        set(Double(value))
    }

    func set(_ value: Double) {
        bits.store(value.bitPattern, ordering: .relaxed)
    }

    func record(_ value: Int64) {
        set(Double(value))
    }

    func record(_ value: Double) {
        set(value)
    }

    func increment(by amount: Double) {
        add(amount)
    }

    func decrement(by amount: Double) {
        add(-amount)
    }

    private func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (done, found) = bits.compareExchange(
                expected: old,
                desired: new,
                ordering: .relaxed
            )
            if done { return }
            old = found
        }
    }

    func write(_ name: String, _ labels: [(String, String)], to text: inout String) {
        let value = Double(bitPattern: bits.load(ordering: .relaxed))
        PrometheusFactory.line(name, labels, Distribution.text(value), to: &text)
    }
}

/// Counts of values at or below fixed bounds, and their sum.
///
/// Timers are recorded in nanoseconds and shown in seconds.
final class Distribution: PrometheusMetric, TimerHandler, RecorderHandler {
    private struct State {
        var counts: [UInt64]
        var total: UInt64 = 0
        var sum = 0.0
    }

    private let bounds: [Double]
    private let state: NIOLockedValueBox<State>

    /// Counts values at or below each bound.
    init(bounds: [Double]) {
        self.bounds = bounds
        state = NIOLockedValueBox(State(counts: Array(repeating: 0, count: bounds.count)))
    }

    func recordNanoseconds(_ duration: Int64) {
        record(Double(duration) / 1e9)
    }

    func record(_ value: Int64) {
        record(Double(value))
    }

    func record(_ value: Double) {
        let place = bounds.firstIndex { value <= $0 }
        state.withLockedValue { state in
            if let place { state.counts[place] += 1 }
            state.total += 1
            state.sum += value
        }
    }

    func write(_ name: String, _ labels: [(String, String)], to text: inout String) {
        let (counts, total, sum) = state.withLockedValue { ($0.counts, $0.total, $0.sum) }
        var below: UInt64 = 0
        for (bound, count) in zip(bounds, counts) {
            below += count
            PrometheusFactory.line(
                name + "_bucket",
                labels + [("le", Self.text(bound))],
                "\(below)",
                to: &text
            )
        }
        PrometheusFactory.line(name + "_bucket", labels + [("le", "+Inf")], "\(total)", to: &text)
        PrometheusFactory.line(name + "_sum", labels, Self.text(sum), to: &text)
        PrometheusFactory.line(name + "_count", labels, "\(total)", to: &text)
    }

    /// A number as Prometheus reads it.
    static func text(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
        if value == value.rounded(), abs(value) < 1e15 { return "\(Int64(value))" }
        return "\(value)"
    }
}
