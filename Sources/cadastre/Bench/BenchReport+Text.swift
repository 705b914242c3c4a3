extension BenchReport {
    /// What people read.
    var text: String {
        var lines = [
            "\(title): \(Readable.count(operations)) operations in "
                + "\(Readable.decimal(seconds, 1)) s by \(clients) clients on \(connections) "
                + "connections"
        ]
        if !settings.left_out.isEmpty {
            let leftOut = settings.left_out.joined(separator: "; ")
            lines.append("  left out    \(leftOut): not there yet")
        }
        lines.append("  throughput  \(Readable.count(UInt64(operations_per_second)))/s" + batchText)
        if let open_loop { lines.append(Self.text(open_loop)) }
        lines.append(
            "  latency     p50 \(Readable.decimal(p50_ms, 3)) ms, "
                + "p99 \(Readable.decimal(p99_ms, 3)) ms, p99.9 \(Readable.decimal(p999_ms, 3)) ms, "
                + "max \(Readable.decimal(max_ms, 1)) ms"
        )
        if by_kind.count > 1 { lines += kindLines }
        lines.append(
            "  longest gap \(longest_gap_ms) ms; \(refused) refused, "
                + "\(unknown) unknown, \(absent) absent"
                + (unmet > 0 ? ", \(unmet) conditions not met" : "")
        )
        return (lines + nodeLines).joined(separator: "\n")
    }

    /// The verb, and what a workload is called.
    var title: String { settings.title.map { "\(verb), \($0)" } ?? verb }

    /// The kinds that were done, in the order in which they are told.
    var kindsDone: [(kind: OperationKind, latency: Latency)] {
        OperationKind.allCases.compactMap { kind in
            by_kind[kind.rawValue].map { (kind: kind, latency: $0) }
        }
    }

    private var batchText: String {
        guard batch > 1 else { return "" }
        return " batches of \(batch) puts, each batch one command: "
            + "\(Readable.count(UInt64(records_per_second))) records/s"
    }

    private static func text(_ loop: OpenLoop) -> String {
        var text = "  open loop   \(Readable.decimal(loop.rate, 0))/s due"
        if loop.has_bursts { text += ", ten times that in bursts" }
        text += "; \(Readable.count(loop.late)) sent late as all clients waited, in their latency"
        if loop.unsent > 0 { text += "; \(Readable.count(loop.unsent)) never sent" }
        return text + "; longest wait \(Readable.decimal(loop.longest_wait_ms, 1)) ms"
    }

    private var kindLines: [String] {
        var table = Table([
            ("  ", .left), ("operations", .right), ("p50 ms", .right), ("p99 ms", .right),
            ("p99.9 ms", .right), ("max ms", .right), ("", .left),
        ])
        for (kind, latency) in kindsDone {
            var note = latency.absent > 0 ? "\(Readable.count(latency.absent)) absent" : ""
            if kind == .conditionalPut, let rate = latency.success_rate {
                note = "\(Readable.decimal(rate * 100, 1)) % of conditions met"
            }
            table.add([
                "  \(kind.name)", Readable.count(latency.operations),
                Readable.decimal(latency.p50_ms, 3), Readable.decimal(latency.p99_ms, 3),
                Readable.decimal(latency.p999_ms, 3), Readable.decimal(latency.max_ms, 1), note,
            ])
        }
        return table.text.split(separator: "\n").map(String.init)
    }

    private var nodeLines: [String] {
        var lines = (nodes ?? []).map { node in
            "  node \(node.node) (\(Escaped.text(node.role)))  "
                + "\(Readable.decimal(node.cpu_ms_per_1000_operations, 1)) ms of processor per "
                + "1,000 operations, \(Readable.size(node.resident_bytes)) resident"
        }
        if let fsyncs_per_entry, let commands_per_entry {
            let bytes = journal_bytes_per_command.map { Readable.decimal($0, 0) } ?? "?"
            let put = journal_bytes_per_put.map { ", \(Readable.decimal($0, 0)) bytes a put" }
            lines.append(
                "  journal     \(Readable.decimal(fsyncs_per_entry, 2)) fsyncs an entry, "
                    + "\(Readable.decimal(commands_per_entry, 1)) commands an entry, "
                    + "\(bytes) bytes a command" + (put ?? "")
            )
        }
        return lines
    }
}
