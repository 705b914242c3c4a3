internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre verify`.
struct VerifyVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Has every node recompute its digest at one index, and compares them.",
        discussion: """
            The exit code is 65 if two digests differ, or one differs from what its node kept.
            Example: cadastre verify --profile operator.json
            """
    )

    /// What one node computed.
    struct Node: Encodable, Sendable {
        var node: UInt64
        var endpoint: String
        var applied_index: UInt64
        var kept: String
        var computed: String
        var rows: UInt64
    }

    /// For programs.
    private struct Output: Encodable {
        var digests_equal: Bool
        var kept_equal: Bool
        var index: UInt64?
        var nodes: [Node]
        var missing: [String]
        var seconds: Double
    }

    @Option(help: "How often to look for an index that all nodes have stopped at.")
    var attempts = 10
    @Flag(help: "Succeed although a node does not answer.")
    var allowMissing = false
    @OptionGroup
    var options: ClusterOptions

    func validate() throws {
        guard 1...1000 ~= attempts else { throw ValidationError("--attempts must be 1 to 1000") }
    }

    func run() async throws {
        let settings = try options.settings()
        let configuration = try settings.configuration(.administration)
        let output = try await CadastreClient.with(configuration) { client throws(Failure) in
            try await verify(client, configuration.endpoints, settings.deadline ?? .seconds(60))
        }
        options.console.json(output)
        options.console.line(Self.table(output.nodes))
        for missing in output.missing { Console.remark("no answer: \(missing)") }
        guard output.kept_equal else {
            throw Failure(
                .badData,
                "the rows of a node are not what it applied",
                advice: "stop that node and keep its data folder for inspection"
            )
        }
        guard output.index != nil else {
            throw Failure(
                .tryAgain,
                "the nodes did not stop at one index in \(attempts) attempts",
                advice: "try again when fewer writes arrive, or with more --attempts"
            )
        }
        guard output.digests_equal else {
            throw Failure(
                .badData,
                "the digests differ",
                advice: "stop writing, keep all data folders, and compare the nodes' logs"
            )
        }
        guard output.missing.isEmpty || allowMissing else {
            throw Failure(
                .unavailable,
                "\(output.missing.count) nodes did not answer",
                advice: "start them, or accept it with --allow-missing"
            )
        }
        options.console.line("All digests are equal.")
    }

    private func verify(
        _ client: CadastreClient,
        _ endpoints: [Endpoint],
        _ deadline: Duration
    ) async throws(Failure) -> Output {
        let reports = try await NodeReport.all(client, endpoints, .seconds(3))
        let up = reports.filter { $0.status != nil }
        guard !up.isEmpty else {
            throw Failure(.unavailable, "no node answers", advice: "look at cadastre status")
        }
        let progress = Progress("digests", total: UInt64(up.count))
        var index = up.compactMap { $0.status?.appliedIndex }.max() ?? 0
        var nodes: [Node] = []
        var margin: UInt64 = 0
        for _ in 0..<attempts {
            nodes = try await digests(up, at: index, client, deadline)
            let found = Set(nodes.map(\.applied_index))
            if found.count <= 1 || nodes.contains(where: { $0.kept != $0.computed }) { break }
            // Writes go on: meet at an index ahead, so that every node can stop there.
            margin = max(1, margin * 2)
            index = (found.max() ?? index) + margin
        }
        progress.add(UInt64(nodes.count))
        progress.finish()
        return Output(
            digests_equal: Self.areEqual(nodes),
            kept_equal: nodes.allSatisfy { $0.kept == $0.computed },
            index: Set(nodes.map(\.applied_index)).count == 1 ? nodes[0].applied_index : nil,
            nodes: nodes,
            missing: reports.filter { $0.status == nil }.map {
                "\($0.endpoint) \(Escaped.text($0.reason))"
            },
            seconds: progress.elapsed.inSeconds
        )
    }

    private func digests(
        _ reports: [NodeReport],
        at index: UInt64,
        _ client: CadastreClient,
        _ deadline: Duration
    ) async throws(Failure) -> [Node] {
        let request = ComputeDigest(atLeast: index)
        let outcomes = await withTaskGroup(of: (NodeReport, Outcome<StateDigest>).self) { group in
            for report in reports {
                group.addTask {
                    let endpoint = report.endpoint
                    return (
                        report, await client.administer(request, at: endpoint, deadline: deadline)
                    )
                }
            }
            var outcomes: [(NodeReport, Outcome<StateDigest>)] = []
            for await outcome in group { outcomes.append(outcome) }
            return outcomes
        }
        var nodes: [Node] = []
        for (report, outcome) in outcomes {
            let digest = try outcome.get(doing: "the digest of \(report.endpoint)")
            nodes.append(
                Node(
                    node: report.node ?? 0,
                    endpoint: "\(report.endpoint)",
                    applied_index: digest.appliedIndex,
                    kept: Hexadecimal.encode(digest.kept),
                    computed: Hexadecimal.encode(digest.computed),
                    rows: digest.rows
                )
            )
        }
        return nodes.sorted { $0.node < $1.node }
    }

    /// Whether nodes at the same index have the same digest.
    static func areEqual(_ nodes: [Node]) -> Bool {
        Dictionary(grouping: nodes, by: \.applied_index).values.allSatisfy { group in
            Set(group.map(\.computed)).count == 1
        }
    }

    private static func table(_ nodes: [Node]) -> String {
        var table = Table([
            ("NODE", .right), ("INDEX", .right), ("ROWS", .right), ("DIGEST", .left),
            ("KEPT", .left),
        ])
        for node in nodes {
            table.add([
                String(node.node), Readable.count(node.applied_index), Readable.count(node.rows),
                node.computed, node.kept == node.computed ? "equal" : "DIFFERS",
            ])
        }
        return table.text
    }
}
