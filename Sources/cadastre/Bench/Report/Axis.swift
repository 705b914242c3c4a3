internal import Foundation

/// An axis of a chart: where values stand on it, and what is written beside it.
struct Axis {
    /// A line across the chart with its label.
    struct Tick: Hashable {
        /// From 0 at the beginning of the axis to 1 at its end.
        var position: Double
        var label: String
    }

    /// What it measures, with the unit.
    var title: String
    /// Ascending by position.
    var ticks: [Tick]
    /// From 0 to 1 for what is on the axis.
    let position: (Double) -> Double

    private init(
        _ title: String,
        _ ticks: [(Double, String)],
        _ position: @escaping (Double) -> Double
    ) {
        self.title = title
        self.position = position
        self.ticks = ticks.map { Tick(position: position($0.0), label: $0.1) }
    }

    /// From 0 to the next round number above what must be on it.
    static func linear(_ title: String, upTo maximum: Double) -> Axis {
        let step = roundStep(max(maximum, 1e-9) / 5)
        let end = (max(maximum, 1e-9) / step).rounded(.up) * step
        let count = Int((end / step).rounded())
        return Axis(title, (0...count).map { (Double($0) * step, label(Double($0) * step)) }) {
            $0 / end
        }
    }

    /// From 0 to exactly what must be on it.
    static func time(_ title: String, seconds: Double) -> Axis {
        let end = max(seconds, 1)
        let step = max(1, roundStep(end / 8))
        let count = Int(end / step)
        return Axis(title, (0...count).map { (Double($0) * step, label(Double($0) * step)) }) {
            $0 / end
        }
    }

    /// Powers of ten, with what lies between where they are few; of values above 0.
    static func logarithmic(_ title: String, _ range: ClosedRange<Double>) -> Axis {
        let lowest = max(range.lowerBound, 1e-3)
        let highest = max(range.upperBound, lowest)
        // From one of 1, 2 and 5 times a power of ten to another.
        let steps = [1.0, 2, 5]
        var values: [Double] = []
        for exponent in Int(log10(lowest).rounded(.down))...Int(log10(highest).rounded(.up)) {
            values += steps.map { $0 * pow(10, Double(exponent)) }
        }
        let first = values.lastIndex { $0 <= lowest * 1.000_001 } ?? 0
        let last = max(first + 1, values.firstIndex { $0 >= highest * 0.999_999 } ?? values.count)
        let (low, high) = (values[first], values[min(last, values.count - 1)])
        let shown = values[first...min(last, values.count - 1)]
        let isWide = high / low > 2_000
        let ticks = shown.filter { !isWide || abs(log10($0) - log10($0).rounded()) < 1e-6 }
        let width = log10(high) - log10(low)
        return Axis(title, ticks.map { ($0, label($0)) }) {
            (log10(max($0, low)) - log10(low)) / width
        }
    }

    /// Shares of all operations, stretched towards 1: as much room for each further nine.
    static func percentiles(_ title: String, upTo share: Double) -> Axis {
        let end = max(1, -log10(1 - min(share, 0.999_999_9)))
        var ticks = [(0.0, "0 %"), (0.5, "50 %"), (0.9, "90 %")]
        for (share, label) in [
            (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"), (0.99999, "99.999 %"),
            (0.999999, "99.9999 %"),
        ] where -log10(1 - share) <= end + 1e-9 {
            ticks.append((share, label))
        }
        return Axis(title, ticks) { -log10(1 - min($0, 0.999_999_9)) / end }
    }

    /// The next of 1, 2 and 5 times a power of ten.
    private static func roundStep(_ value: Double) -> Double {
        let power = pow(10, log10(value).rounded(.down))
        for factor in [1.0, 2, 5] where value <= factor * power * 1.000_001 {
            return factor * power
        }
        return 10 * power
    }

    private static func label(_ value: Double) -> String {
        switch value {
        case 0: "0"
        case ..<0.01: Readable.decimal(value, 3)
        case ..<0.1: Readable.decimal(value, 2)
        case ..<1: Readable.decimal(value, 1)
        case ..<10 where value != value.rounded(): Readable.decimal(value, 1)
        default: Readable.count(UInt64(value.rounded()))
        }
    }
}
