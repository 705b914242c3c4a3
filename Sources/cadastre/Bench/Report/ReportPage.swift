/// The report of a bench as one page that needs nothing else: no network, no script.
struct ReportPage {
    private let report: BenchReport
    private let time: String

    /// The page of a report that was made at this time, in milliseconds since 1970.
    init(_ report: BenchReport, at milliseconds: UInt64) {
        self.report = report
        time = Timestamp.text(milliseconds)
    }

    /// The whole page.
    var html: String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>cadastre bench \(HTML.text(report.title))</title>
        <style>
        \(ReportStyle.css)
        </style>
        </head>
        <body>
        <main>
        <header>
        <h1>cadastre bench \(HTML.text(report.title))</h1>
        <p>\(HTML.text(subtitle))</p>
        </header>
        \(tiles)
        \(charts.map(\.html).joined(separator: "\n"))
        \(kinds)
        \(nodes)
        \(settings)
        </main>
        </body>
        </html>

        """
    }

    private var subtitle: String {
        var parts = [
            "\(Readable.count(UInt64(report.clients))) clients on \(report.connections) connections",
            "\(Readable.decimal(report.seconds, 1)) s", time,
        ]
        if let loop = report.open_loop {
            parts.insert("open loop at \(Readable.decimal(loop.rate, 0))/s", at: 0)
        } else {
            parts.insert("closed loop", at: 0)
        }
        return parts.joined(separator: " · ")
    }

    private var tiles: String {
        var tiles = [
            ("\(Readable.count(UInt64(report.operations_per_second)))/s", "operations"),
            ("\(Readable.decimal(report.p50_ms, 2)) ms", "p50"),
            ("\(Readable.decimal(report.p99_ms, 2)) ms", "p99"),
            ("\(Readable.decimal(report.p999_ms, 2)) ms", "p99.9"),
            ("\(Readable.count(report.refused + report.unknown))", "refused or unknown"),
        ]
        if report.batch > 1 {
            let rate = Readable.count(UInt64(report.records_per_second))
            tiles.insert(("\(rate)/s", "puts, \(report.batch) in an operation"), at: 1)
        }
        let cells = tiles.map {
            "<div class=\"tile\"><b>\(HTML.text($0.0))</b><span>\(HTML.text($0.1))</span></div>"
        }
        return "<div class=\"tiles\">\(cells.joined())</div>"
    }

    // MARK: Charts

    private var charts: [LineChart] { [latency, throughput, latencyOverTime].compactMap { $0 } }

    /// How long each kind took, from the fastest to the slowest.
    private var latency: LineChart? {
        let curves = report.kindsDone.compactMap { kind, _ in
            report.curves?[kind.rawValue].map { (kind: kind, points: $0) }
        }
        let points = curves.flatMap(\.points)
        let values = points.map(\.ms).filter { $0 > 0 }
        guard let lowest = values.min(), let highest = values.max(),
            let end = points.map(\.share).max()
        else { return nil }
        return LineChart(
            title: "Latency by percentile",
            note: report.open_loop == nil
                ? "From when a client sent to its answer."
                : "From when an operation was due to its answer, corrected for coordinated omission.",
            x: .percentiles("share of operations that took no longer", upTo: end),
            y: .logarithmic("latency, ms (logarithmic)", lowest...highest),
            series: curves.map { curve in
                LineChart.Series(
                    name: curve.kind.name,
                    color: Self.color(curve.kind),
                    points: curve.points.map { ($0.share, $0.ms > 0 ? $0.ms : nil) }
                )
            }
        )
    }

    private var throughput: LineChart? {
        let spans = spans
        guard let highest = spans.map(\.second.operations).max() else { return nil }
        return LineChart(
            title: "Throughput over time",
            note: spanNote,
            x: timeAxis,
            y: .linear("operations/s", upTo: Double(highest)),
            series: [
                LineChart.Series(
                    name: "operations",
                    color: 0,
                    points: spans.map { ($0.middle, Double($0.second.operations)) },
                    isFilled: true
                )
            ]
        )
    }

    private var latencyOverTime: LineChart? {
        let spans = spans
        let values = spans.flatMap { [$0.second.p50_ms, $0.second.p99_ms] }.filter { $0 > 0 }
        guard let lowest = values.min(), let highest = values.max() else { return nil }
        func series(
            _ name: String,
            _ color: Int,
            _ value: (BenchReport.Second) -> Double
        ) -> LineChart.Series {
            LineChart.Series(
                name: name,
                color: color,
                points: spans.map { ($0.middle, value($0.second) > 0 ? value($0.second) : nil) }
            )
        }
        return LineChart(
            title: "Latency over time",
            note: spanNote + " A gap is a time in which nothing was done.",
            x: timeAxis,
            y: .logarithmic("latency, ms (logarithmic)", lowest...highest),
            series: [series("p50", 0, \.p50_ms), series("p99", 1, \.p99_ms)]
        )
    }

    private var timeAxis: Axis {
        .time("time since the warm-up, s", seconds: Double(report.timeline?.count ?? 0))
    }

    /// Some seconds that one point of a chart stands for.
    private struct Span {
        var middle: Double
        var second: BenchReport.Second
    }

    private static let maximumPoints = 600

    private var spanSize: Int {
        max(1, ((report.timeline?.count ?? 0) + Self.maximumPoints - 1) / Self.maximumPoints)
    }

    private var spanNote: String {
        spanSize == 1
            ? "A point for each second."
            : "A point for each \(spanSize) s: the mean of throughput and p50, the highest p99."
    }

    private var spans: [Span] {
        let seconds = report.timeline ?? []
        let size = spanSize
        return stride(from: 0, to: seconds.count, by: size).map { begin in
            let part = seconds[begin..<min(begin + size, seconds.count)]
            let busy = part.filter { $0.operations > 0 }
            let second = BenchReport.Second(
                operations: part.map(\.operations).reduce(0, +) / UInt64(part.count),
                p50_ms: busy.map(\.p50_ms).reduce(0, +) / Double(max(1, busy.count)),
                p99_ms: part.map(\.p99_ms).max() ?? 0
            )
            return Span(middle: Double(begin) + Double(part.count) / 2, second: second)
        }
    }

    private static func color(_ kind: OperationKind) -> Int {
        OperationKind.allCases.firstIndex(of: kind) ?? 0
    }

    // MARK: Tables

    private var kinds: String {
        guard !report.by_kind.isEmpty else { return "" }
        let hasConditions = report.by_kind.values.contains { $0.success_rate != nil }
        var headings = [
            "operation", "count", "per s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "max ms",
        ]
        if hasConditions { headings.append("conditions met") }
        let rows = report.kindsDone.map { kind, latency in
            var row = [
                kind.name, Readable.count(latency.operations),
                Readable.count(UInt64(latency.operations_per_second)),
                Readable.decimal(latency.p50_ms, 3), Readable.decimal(latency.p90_ms, 3),
                Readable.decimal(latency.p99_ms, 3), Readable.decimal(latency.p999_ms, 3),
                Readable.decimal(latency.max_ms, 1),
            ]
            let met = latency.success_rate.map { "\(Readable.decimal($0 * 100, 1)) %" }
            if hasConditions { row.append(met ?? "–") }
            return row
        }
        return "<section><h2>Operations</h2>\(HTML.table(headings, rows))</section>"
    }

    private var nodes: String {
        guard let nodes = report.nodes, !nodes.isEmpty else { return "" }
        let rows = nodes.map { node in
            [
                "\(node.node), \(node.role)",
                Readable.decimal(node.cpu_ms_per_1000_operations, 1),
                Readable.size(node.resident_bytes), Readable.count(node.fsyncs),
                Readable.count(node.entries), Readable.count(node.commands),
                Readable.size(node.journal_bytes),
            ]
        }
        let headings = [
            "node", "CPU ms per 1,000", "resident", "fsyncs", "entries", "commands", "journal",
        ]
        return "<section><h2>Nodes</h2>\(HTML.table(headings, rows))</section>"
    }

    private var settings: String {
        let items = settingLines.map {
            "<dt>\(HTML.text($0.0))</dt><dd>\(HTML.text($0.1))</dd>"
        }
        return "<section><h2>Settings</h2><dl>\(items.joined(separator: "\n"))</dl></section>"
    }

    private var settingLines: [(String, String)] {
        let settings = report.settings
        let mix = OperationKind.allCases.compactMap { kind in
            settings.mix[kind.rawValue].map { "\(kind.name) \(Readable.decimal($0, 1)) %" }
        }
        var lines = [("mix", mix.joined(separator: ", "))]
        if !settings.left_out.isEmpty {
            lines.append(("left out", settings.left_out.joined(separator: "; ")))
        }
        if let loop = report.open_loop {
            lines.append(("open loop", openLoopText(loop)))
        }
        var popularity = settings.keys == "sequential" ? "in order" : settings.popularity
        if let theta = settings.theta { popularity += ", θ \(Readable.decimal(theta, 2))" }
        lines += [
            (
                "keys",
                "\(Readable.count(settings.key_count)) of shape \(settings.shape), \(popularity)"
            ),
            ("objects", "sizes \(settings.sizes), \(settings.value_size) bytes of locations"),
            ("bucket", settings.bucket),
            ("warm-up", "\(Readable.decimal(settings.warm_up_seconds, 1)) s"),
            ("seed", "\(settings.seed)"),
            ("longest gap", "\(report.longest_gap_ms) ms between two answers"),
            (
                "answers",
                "\(Readable.count(report.absent)) absent, \(Readable.count(report.unmet)) conditions "
                    + "not met, \(Readable.count(report.refused)) refused, "
                    + "\(Readable.count(report.unknown)) unknown"
            ),
        ]
        if let trouble = report.first_trouble { lines.append(("first trouble", trouble)) }
        if let bytes = report.journal_bytes_per_put {
            lines.append(("journal", "\(Readable.decimal(bytes, 0)) bytes a put"))
        }
        let versions = Set((report.nodes ?? []).map(\.version)).sorted().joined(separator: ", ")
        let ofNodes = versions.isEmpty ? "" : ", nodes \(versions)"
        lines.append(("version", "bench \(settings.version)\(ofNodes)"))
        return lines
    }

    private func openLoopText(_ loop: BenchReport.OpenLoop) -> String {
        "\(Readable.decimal(loop.rate, 0))/s due" + (loop.has_bursts ? ", with bursts" : "")
            + "; \(Readable.count(loop.late)) sent late, \(Readable.count(loop.unsent)) never; "
            + "longest wait \(Readable.decimal(loop.longest_wait_ms, 1)) ms"
    }
}
