internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre verify`.
struct VerifyVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Has every node recompute its digest at one index, and compares them.",
        discussion: """
            The exit code is 65 if two digests differ, or one differs from what its node kept. \
            --deadline bounds one computation; without it a node may take an hour.
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
        var configuration = try settings.configuration(.administration)
        configuration.deadline = settings.deadline ?? .seconds(3600)
        // A node computes in silence: the connection is not dead because it brings nothing.
        configuration.stallTimeout = configuration.deadline
        let known = configuration
        let output = try await CadastreClient.with(known) { client throws(Failure) in
            try await verify(client, known)
        }
        options.console.json(output)
        options.console.line(Self.table(output.nodes))
        for missing in output.missing { Console.remark("no answer: \(missing)") }
        if let failure = failure(output) { throw failure }
        options.console.line("All digests are equal.")
    }

    private func failure(_ output: Output) -> Failure? {
        guard output.kept_equal else {
            return Failure(
                .badData,
                "the rows of a node are not what it applied",
                advice: "stop that node and keep its data folder for inspection"
            )
        }
        guard output.digests_equal else {
            return Failure(
                .badData,
                "the digests differ",
                advice: "stop writing, keep all data folders, and compare the nodes' logs"
            )
        }
        guard !output.nodes.isEmpty, output.missing.isEmpty || allowMissing else {
            return Failure(
                .unavailable,
                "\(output.missing.count) nodes did not answer",
                advice: "start them, or accept it with --allow-missing"
            )
        }
        guard output.index != nil else {
            return Failure(
                .tryAgain,
                "the nodes did not stop at one index in \(attempts) attempts",
                advice: "try again when fewer writes arrive, or with more --attempts"
            )
        }
        return nil
    }

    private func verify(
        _ client: CadastreClient,
        _ configuration: ClientConfiguration
    ) async throws(Failure) -> Output {
        let all = try await NodeReport.all(client, configuration.endpoints, .seconds(3))
        for witness in all where witness.isWitness {
            let node = witness.node.map { "Node \($0)" } ?? "\(witness.endpoint)"
            options.console.line("\(node) is a witness: it keeps no state to verify.")
        }
        let reports = all.filter { !$0.isWitness }
        let up = reports.filter { $0.status != nil }
        guard !up.isEmpty else {
            throw Failure(.unavailable, "no node answers", advice: "look at cadastre status")
        }
        // Rows are counted by the node only: objects stand for them until it has answered.
        let objects = up.reduce(0) { $0 + ($1.status?.objects ?? 0) }
        let progress = Progress("objects", total: objects)
        var meeting = Meeting(up.compactMap { $0.status?.appliedIndex }.max() ?? 0)
        var round = DigestRound.Result()
        for attempt in 0..<attempts {
            let work = DigestRound(client: client, meeting: meeting, progress: progress)
            round = await work.run(up, countsProgress: attempt == 0)
            if Interruption.isRequested {
                throw Interruption.failure("the digests were not compared", advice: "run it again")
            }
            guard let next = meeting.after(round) else { break }
            meeting = next
        }
        progress.finish()
        let indices = Set(round.nodes.map(\.applied_index))
        return Output(
            digests_equal: Self.areEqual(round.nodes),
            kept_equal: round.nodes.allSatisfy { $0.kept == $0.computed },
            index: indices.count == 1 ? indices.first : nil,
            nodes: round.nodes,
            missing: reports.filter { $0.status == nil }.map {
                "\($0.endpoint) \(Escaped.text($0.reason))"
            } + round.missing,
            seconds: progress.elapsed.inSeconds
        )
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
