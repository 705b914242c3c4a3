internal import ArgumentParser
internal import CadastreClient
internal import Histogram

/// What a bench measured, for people and for programs.
struct BenchReport: Encodable, Sendable {
    /// What one node used while the load ran.
    struct Node: Encodable, Sendable {
        var node: UInt64
        var role: String
        var version: String
        var resident_bytes: UInt64
        /// Milliseconds of its processor time per 1,000 operations.
        var cpu_ms_per_1000_operations: Double
        var fsyncs: UInt64
        var entries: UInt64
        var commands: UInt64
        var journal_bytes: UInt64
    }

    /// How long one kind of operation took.
    struct Latency: Encodable, Sendable {
        var operations: UInt64
        var operations_per_second: Double
        var mean_ms: Double
        var p50_ms: Double
        var p90_ms: Double
        var p99_ms: Double
        var p999_ms: Double
        var max_ms: Double
        var absent: UInt64
        var unmet: UInt64
        /// Of conditional puts, the part whose condition held, 0…1.
        var success_rate: Double?
    }

    /// What an open loop could not send in time.
    struct OpenLoop: Encodable, Sendable {
        /// Operations in a second that were due, in the mean and between bursts.
        var rate: Double
        var has_bursts: Bool
        /// Sent late because no client was free; their wait is in their latency.
        var late: UInt64
        /// Never sent, for the same reason.
        var unsent: UInt64
        var longest_wait_ms: Double
    }

    /// What was asked for.
    struct Settings: Encodable, Sendable {
        var title: String?
        /// Percent of all operations, by kind.
        var mix: [String: Double]
        /// What belongs to the workload and cannot be done yet.
        var left_out: [String]
        var bucket: String
        var shape: String
        var keys: String
        var popularity: String
        var theta: Double?
        var key_count: UInt64
        var sizes: String
        var value_size: Int
        var seed: UInt64
        var warm_up_seconds: Double
        /// Of the program that ran the bench.
        var version: String
    }

    /// One second of the run.
    struct Second: Encodable, Sendable {
        var operations: UInt64
        var p50_ms: Double
        var p99_ms: Double
    }

    /// A latency and how many of a thousand thousand operations took no longer, as a share 0…1.
    struct CurvePoint: Encodable, Sendable {
        var share: Double
        var ms: Double
    }

    var verb: String
    var clients: Int
    var connections: Int
    var seconds: Double
    var operations: UInt64
    var operations_per_second: Double
    /// Objects in what was done in a second; each put of a batch is one.
    var records_per_second: Double
    /// Puts in an operation; 1 but for batches.
    var batch: Int
    var mean_ms: Double
    var p50_ms: Double
    var p90_ms: Double
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
    /// By kind, each that was done at least once.
    var by_kind: [String: Latency]
    /// Nil of a closed loop.
    var open_loop: OpenLoop?
    var settings: Settings
    /// Nil without an identity that may ask the nodes.
    var nodes: [Node]?
    var cpu_ms_per_1000_operations: Double?
    /// Of the node that leads.
    var fsyncs_per_entry: Double?
    var commands_per_entry: Double?
    var journal_bytes_per_command: Double?
    /// Of the node that leads; nil where other changes than puts were made as well.
    var journal_bytes_per_put: Double?
    /// What SQLite writes; nil, as nodes do not tell it.
    var sqlite_bytes_per_put: Double?
    /// Second by second; only in the report's folder.
    var timeline: [Second]?
    /// By kind; only in the report's folder.
    var curves: [String: [CurvePoint]]?

    /// Puts the measurements together.
    init(
        _ plan: BenchPlan,
        _ seconds: Double,
        _ meter: Meter,
        _ waits: cadastre.OpenLoop.Waits?,
        before: [NodeStatus],
        after: [NodeStatus]
    ) {
        let all = Latency(meter.latencies, seconds, absent: meter.absent, unmet: meter.unmet)
        verb = plan.name
        clients = plan.clients
        connections = plan.connections
        self.seconds = Self.rounded(seconds)
        operations = meter.done
        operations_per_second = all.operations_per_second
        records_per_second = Self.rounded(seconds > 0 ? Double(meter.records) / seconds : 0)
        batch = plan.batch
        mean_ms = all.mean_ms
        p50_ms = all.p50_ms
        p90_ms = all.p90_ms
        p99_ms = all.p99_ms
        p999_ms = all.p999_ms
        max_ms = all.max_ms
        longest_gap_ms = Int64(meter.longestGap / 1_000_000)
        absent = meter.absent
        unmet = meter.unmet
        refused = meter.refused
        unknown = meter.unknown
        first_trouble = meter.firstTrouble.map { Escaped.text($0) }
        by_kind = [:]
        var curves: [String: [CurvePoint]] = [:]
        for (kind, measured) in meter.kinds {
            let name = kind.rawValue
            by_kind[name] = Latency(
                measured.latencies,
                seconds,
                absent: measured.absent,
                unmet: measured.unmet
            )
            if kind != .conditionalPut { by_kind[name]?.success_rate = nil }
            curves[name] = Self.curve(measured.latencies)
        }
        self.curves = curves
        settings = Settings(plan)
        if let waits, let rate = plan.rate {
            open_loop = OpenLoop(
                rate: rate,
                has_bursts: plan.bursts != nil,
                late: waits.late,
                unsent: waits.unsent,
                longest_wait_ms: Self.milliseconds(waits.longest)
            )
        }
        timeline = meter.seconds.map {
            Second(
                operations: $0.operations,
                p50_ms: Self.milliseconds($0.median),
                p99_ms: Self.milliseconds($0.percentile99)
            )
        }
        addNodes(before, after)
        let leader = nodes?.first { $0.role == "leader" }
        let puts = meter.putCount * UInt64(plan.batch)
        if plan.mix.onlyPuts, let leader, puts > 0 {
            journal_bytes_per_put = Self.rounded(Double(leader.journal_bytes) / Double(puts))
        }
    }

    /// The same without what only pictures need.
    var withoutCurves: BenchReport {
        var report = self
        report.timeline = nil
        report.curves = nil
        return report
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
                    version: Escaped.text(now.version),
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

    // MARK: Numbers

    /// Points that are as far apart as the eye sees on an axis that stretches towards 1.
    private static func curve(_ latencies: Histogram<UInt64>) -> [CurvePoint] {
        guard latencies.totalCount > 0 else { return [] }
        var points: [CurvePoint] = []
        var missing = 1.0
        // Beyond one operation in all there is nothing to tell apart.
        while missing >= 1 / Double(latencies.totalCount), missing > 1e-7 {
            let value = latencies.valueAtPercentile((1 - missing) * 100)
            points.append(CurvePoint(share: 1 - missing, ms: milliseconds(value)))
            missing *= 0.891_250_938
        }
        points.append(
            CurvePoint(
                share: 1 - 1 / Double(latencies.totalCount + 1),
                ms: milliseconds(latencies.max)
            )
        )
        return points
    }

    fileprivate static func milliseconds(_ nanoseconds: UInt64) -> Double {
        rounded(Double(nanoseconds) / 1e6)
    }

    /// Three digits behind the point are enough.
    fileprivate static func rounded(_ value: Double) -> Double {
        value.isFinite ? (value * 1000).rounded() / 1000 : 0
    }
}

extension BenchReport.Latency {
    /// What a histogram says.
    fileprivate init(
        _ latencies: Histogram<UInt64>,
        _ seconds: Double,
        absent: UInt64,
        unmet: UInt64
    ) {
        func milliseconds(_ percentile: Double) -> Double {
            BenchReport.milliseconds(latencies.valueAtPercentile(percentile))
        }
        let count = latencies.totalCount
        operations = count
        operations_per_second = BenchReport.rounded(seconds > 0 ? Double(count) / seconds : 0)
        mean_ms = count > 0 ? BenchReport.rounded(latencies.mean / 1e6) : 0
        p50_ms = milliseconds(50)
        p90_ms = milliseconds(90)
        p99_ms = milliseconds(99)
        p999_ms = milliseconds(99.9)
        max_ms = count > 0 ? BenchReport.milliseconds(latencies.max) : 0
        self.absent = absent
        self.unmet = unmet
        success_rate = count > 0 ? BenchReport.rounded(1 - Double(unmet) / Double(count)) : nil
    }
}

extension BenchReport.Settings {
    /// What a plan says.
    fileprivate init(_ plan: BenchPlan) {
        title = plan.title
        mix = Dictionary(
            uniqueKeysWithValues: plan.mix.percentages.map {
                ($0.key.rawValue, BenchReport.rounded($0.value))
            }
        )
        left_out = plan.leftOut
        bucket = Escaped.bytes(plan.bucket)
        shape = plan.shape.rawValue
        keys = plan.order.rawValue
        popularity = plan.popularity.rawValue
        theta = plan.popularity == .zipf ? plan.theta : nil
        key_count = plan.keyCount
        sizes = plan.sizes.rawValue
        value_size = plan.valueSize
        seed = plan.seed
        warm_up_seconds = plan.warmUp
        version = Cadastre.configuration.version
    }
}
