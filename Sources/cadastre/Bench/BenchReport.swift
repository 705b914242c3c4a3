internal import CadastreClient
internal import Histogram

/// What a bench measured, for people and for programs.
struct BenchReport: Encodable, Sendable {
    /// What one node used while the load ran.
    struct Node: Encodable, Sendable {
        var node: UInt64
        var role: String
        var resident_bytes: UInt64
        /// Milliseconds of its processor time per 1,000 operations.
        var cpu_ms_per_1000_operations: Double
        var fsyncs: UInt64
        var entries: UInt64
        var commands: UInt64
        var journal_bytes: UInt64
    }

    var verb: String
    var clients: Int
    var connections: Int
    var seconds: Double
    var operations: UInt64
    var operations_per_second: Double
    /// Requests that were done in a second; of a batch each of its puts is one.
    var records_per_second: Double
    /// Puts in an operation; 1 but for batches.
    var batch: Int
    var mean_ms: Double
    var p50_ms: Double
    var p99_ms: Double
    var p999_ms: Double
    var max_ms: Double
    var longest_gap_ms: Int64
    /// Of the operations, questions for an object that is not there.
    var absent: UInt64
    /// Of the operations, conditions that did not hold.
    var unmet: UInt64
    var refused: UInt64
    var unknown: UInt64
    var first_trouble: String?
    /// Nil without an identity that may ask the nodes.
    var nodes: [Node]?
    var cpu_ms_per_1000_operations: Double?
    /// Of the node that leads.
    var fsyncs_per_entry: Double?
    var commands_per_entry: Double?
    var journal_bytes_per_command: Double?

    /// Puts the measurements together.
    init(
        verb: String,
        batch: Int,
        clients: Int,
        connections: Int,
        seconds: Double,
        _ result: BenchLoad.Result,
        before: [NodeStatus],
        after: [NodeStatus]
    ) {
        func milliseconds(_ percentile: Double) -> Double {
            Self.rounded(Double(result.histogram.valueAtPercentile(percentile)) / 1e6)
        }
        self.verb = verb
        self.batch = batch
        self.clients = clients
        self.connections = connections
        self.seconds = Self.rounded(seconds)
        operations = result.done
        operations_per_second = Self.rounded(seconds > 0 ? Double(result.done) / seconds : 0)
        records_per_second = Self.rounded(seconds > 0 ? Double(result.records) / seconds : 0)
        mean_ms = result.done > 0 ? Self.rounded(result.histogram.mean / 1e6) : 0
        p50_ms = milliseconds(50)
        p99_ms = milliseconds(99)
        p999_ms = milliseconds(99.9)
        max_ms = result.done > 0 ? Self.rounded(Double(result.histogram.max) / 1e6) : 0
        longest_gap_ms = result.longestGap.inMilliseconds
        absent = result.absent
        unmet = result.unmet
        refused = result.refused
        unknown = result.unknown
        first_trouble = result.firstTrouble.map { Escaped.text($0) }
        addNodes(before, after)
    }

    private mutating func addNodes(_ before: [NodeStatus], _ after: [NodeStatus]) {
        guard !after.isEmpty, operations > 0 else { return }
        var nodes: [Node] = []
        for now in after {
            // A node that was restarted meanwhile counts from its start.
            guard let then = before.first(where: { $0.node == now.node }),
                then.uptimeMilliseconds <= now.uptimeMilliseconds
            else { continue }
            let used = now.processorMilliseconds &- then.processorMilliseconds
            nodes.append(
                Node(
                    node: now.node,
                    role: now.role,
                    resident_bytes: now.residentBytes,
                    cpu_ms_per_1000_operations: Self.rounded(
                        Double(used) * 1000 / Double(operations)
                    ),
                    fsyncs: now.fsyncs &- then.fsyncs,
                    entries: now.entriesWritten &- then.entriesWritten,
                    commands: now.commandsApplied &- then.commandsApplied,
                    journal_bytes: now.journalBytes &- then.journalBytes
                )
            )
        }
        self.nodes = nodes
        let sum = nodes.map(\.cpu_ms_per_1000_operations).reduce(0, +)
        cpu_ms_per_1000_operations = Self.rounded(sum)
        guard let leader = nodes.first(where: { $0.role == "leader" }), leader.entries > 0 else {
            return
        }
        fsyncs_per_entry = Self.rounded(Double(leader.fsyncs) / Double(leader.entries))
        commands_per_entry = Self.rounded(Double(leader.commands) / Double(leader.entries))
        if leader.commands > 0 {
            journal_bytes_per_command = Self.rounded(
                Double(leader.journal_bytes) / Double(leader.commands)
            )
        }
    }

    /// Three digits behind the point are enough.
    private static func rounded(_ value: Double) -> Double {
        value.isFinite ? (value * 1000).rounded() / 1000 : 0
    }

    private var batchText: String {
        guard batch > 1 else { return "" }
        return " batches of \(batch) puts, each a command of its own: "
            + "\(Readable.count(UInt64(records_per_second))) records/s"
    }

    /// What people read.
    var text: String {
        var lines = [
            "\(verb): \(Readable.count(operations)) operations in \(Readable.decimal(seconds, 1)) s"
                + " by \(clients) clients on \(connections) connections",
            "  throughput  \(Readable.count(UInt64(operations_per_second)))/s" + batchText,
            "  latency     p50 \(Readable.decimal(p50_ms, 3)) ms, "
                + "p99 \(Readable.decimal(p99_ms, 3)) ms, p99.9 \(Readable.decimal(p999_ms, 3)) ms, "
                + "max \(Readable.decimal(max_ms, 1)) ms",
            "  longest gap \(longest_gap_ms) ms; \(refused) refused, "
                + "\(unknown) unknown, \(absent) absent"
                + (unmet > 0 ? ", \(unmet) conditions not met" : ""),
        ]
        for node in nodes ?? [] {
            lines.append(
                "  node \(node.node) (\(Escaped.text(node.role)))  "
                    + "\(Readable.decimal(node.cpu_ms_per_1000_operations, 1)) ms of processor per "
                    + "1,000 operations, \(Readable.size(node.resident_bytes)) resident"
            )
        }
        if let fsyncs_per_entry, let commands_per_entry {
            let bytes = journal_bytes_per_command.map { Readable.decimal($0, 0) } ?? "?"
            lines.append(
                "  journal     \(Readable.decimal(fsyncs_per_entry, 2)) fsyncs an entry, "
                    + "\(Readable.decimal(commands_per_entry, 1)) commands an entry, "
                    + "\(bytes) bytes a command"
            )
        }
        return lines.joined(separator: "\n")
    }
}
