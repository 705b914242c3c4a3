package import CoreMetrics
internal import NIOConcurrencyHelpers

/// Keeps all metrics of a process and writes them as Prometheus text (format 0.0.4).
///
/// Handlers are made once per label set and live as long as the factory. Recording in a counter or a
/// gauge is one atomic operation; a histogram takes a lock of its own, for a few additions.
package final class PrometheusFactory: MetricsFactory {
    /// What a family of metrics measures; declared before its first metric.
    package struct Family: Sendable {
        /// The name on the page, in Prometheus' spelling.
        package var name: String
        /// The kind of its metrics.
        package var kind: Kind
        /// What it says, in one sentence.
        package var help: String

        /// Describes a family.
        package init(_ name: String, _ kind: Kind, _ help: String) {
            self.name = name
            self.kind = kind
            self.help = help
        }
    }

    /// The kinds of metrics.
    package enum Kind: Hashable, Sendable {
        /// Only grows.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts values at or below each of these bounds, ascending.
        case histogram([Double])
    }

    private struct Entry {
        let labels: [(String, String)]
        let metric: any PrometheusMetric
    }

    private struct Registry {
        var families: [Family] = []
        var entries: [String: [Entry]] = [:]
    }

    private let registry = NIOLockedValueBox(Registry())

    /// A factory of these families; metrics of others are recorded nowhere.
    package init(_ families: [Family]) {
        registry.withLockedValue { $0.families = families }
    }

    // MARK: MetricsFactory

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        metric(label, dimensions, or: Tally()) { _ in Tally() }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        metric(label, dimensions, or: Level()) { _ in Level() }
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else {
            return metric(label, dimensions, or: Level()) { _ in Level() }
        }
        return metric(label, dimensions, or: Distribution(bounds: [])) {
            Distribution(bounds: $0)
        }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        metric(label, dimensions, or: Distribution(bounds: [])) { Distribution(bounds: $0) }
    }

    package func destroyCounter(_ handler: any CounterHandler) {}
    package func destroyMeter(_ handler: any MeterHandler) {}
    package func destroyRecorder(_ handler: any RecorderHandler) {}
    package func destroyTimer(_ handler: any TimerHandler) {}

    /// The metric of this name and label set, made if it is new; `spare`, which nobody reads, if
    /// the family is unknown or full.
    private func metric<Metric: PrometheusMetric>(
        _ name: String,
        _ labels: [(String, String)],
        or spare: Metric,
        make: ([Double]) -> Metric
    ) -> Metric {
        registry.withLockedValue { registry in
            guard let family = registry.families.first(where: { $0.name == name }) else {
                return spare
            }
            let known = registry.entries[name] ?? []
            let found = known.first { entry in
                entry.labels.elementsEqual(labels) { $0.0 == $1.0 && $0.1 == $1.1 }
            }
            if let found { return found.metric as? Metric ?? spare }
            guard known.count < RuntimeLimits.maximumLabelSets else { return spare }
            let bounds: [Double] =
                switch family.kind {
                case .histogram(let bounds): bounds
                case .counter, .gauge: []
                }
            let metric = make(bounds)
            registry.entries[name] = known + [Entry(labels: labels, metric: metric)]
            return metric
        }
    }

    /// Sets a counter without labels to a count that another part keeps.
    ///
    /// In one step: a page that is written meanwhile shows the old count or the new one.
    func store(_ value: Int64, in name: String) {
        metric(name, [], or: Tally()) { _ in Tally() }.store(value)
    }

    // MARK: The page

    /// The content type of ``page()``.
    package static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    /// Everything, as Prometheus reads it: families in the order of their declaration.
    package func page() -> String {
        let (families, entries) = registry.withLockedValue { ($0.families, $0.entries) }
        var text = ""
        for family in families {
            guard let metrics = entries[family.name], !metrics.isEmpty else { continue }
            text += "# HELP \(family.name) \(Self.escaped(family.help, quotes: false))\n"
            text += "# TYPE \(family.name) \(family.kind.name)\n"
            for entry in metrics {
                entry.metric.write(family.name, entry.labels, to: &text)
            }
        }
        return text
    }

    /// `name{label="value"} value` and the end of the line.
    static func line(
        _ name: String,
        _ labels: [(String, String)],
        _ value: String,
        to text: inout String
    ) {
        text += name
        if !labels.isEmpty {
            let pairs = labels.map { "\($0.0)=\"\(escaped($0.1, quotes: true))\"" }
            text += "{\(pairs.joined(separator: ","))}"
        }
        text += " \(value)\n"
    }

    /// A backslash before what would end a line or a label.
    private static func escaped(_ value: String, quotes: Bool) -> String {
        var result = ""
        for character in value.unicodeScalars {
            switch character {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\"" where quotes: result += "\\\""
            case let other: result.unicodeScalars.append(other)
            }
        }
        return result
    }
}

extension PrometheusFactory.Kind {
    /// As it stands behind `# TYPE`.
    var name: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .histogram: "histogram"
        }
    }
}
