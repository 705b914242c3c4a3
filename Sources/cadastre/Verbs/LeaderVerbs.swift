internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre leader …`.
struct LeaderVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "leader",
        abstract: "Acts on the leader.",
        subcommands: [Transfer.self]
    )

    /// The verb `cadastre leader transfer [NODE]`.
    struct Transfer: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Hands leadership over to a node, or to the one that is furthest.",
            discussion: "Example: cadastre leader transfer 2 --profile operator.json"
        )

        @Argument(help: "The node that shall lead.")
        var node: UInt64?
        @OptionGroup
        var options: ClusterOptions

        func validate() throws {
            if node == 0 { throw ValidationError("node ids begin with 1") }
        }

        func run() async throws {
            let configuration = try options.settings().configuration(.administration)
            let leader = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await client.administer(TransferLeadership(to: node))
                    .get(doing: "the transfer of leadership")
            }
            options.console.json(LeaderOutput(leader: leader))
            options.console.line("Node \(leader) leads now.")
        }
    }
}

/// Who leads, for programs.
struct LeaderOutput: Encodable {
    var leader: UInt64
}

/// The verb `cadastre wait-leader`.
struct WaitLeaderVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "wait-leader",
        abstract: "Waits until a node leads and has applied all that is committed; for scripts.",
        discussion: "Example: cadastre wait-leader --timeout 30 --profile operator.json"
    )

    @Option(help: "Give up after so many seconds.")
    var timeout: Double = 30
    @Option(help: "Wait for another leader than this node.")
    var not: UInt64?
    @Option(help: "Wait until so many nodes follow that leader, itself included.")
    var nodes: Int = 1
    @OptionGroup
    var options: ClusterOptions

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("--timeout must be more than 0 and at most 86400 seconds")
        }
        guard 1...16 ~= nodes else { throw ValidationError("--nodes must be 1 to 16") }
    }

    func run() async throws {
        let configuration = try options.settings().configuration(.administration)
        let end = ContinuousClock.now + .seconds(timeout)
        let leader = try await CadastreClient.with(configuration) { client throws(Failure) in
            while true {
                let reports = try await NodeReport.all(
                    client,
                    configuration.endpoints,
                    .milliseconds(800)
                )
                if let leader = ready(reports.compactMap(\.status)) { return leader }
                guard ContinuousClock.now < end else {
                    throw Failure(
                        .unavailable,
                        "no node led within \(timeout) seconds",
                        advice: "look at cadastre status and the nodes' logs"
                    )
                }
                do {
                    try await Task.sleep(for: .milliseconds(50))
                } catch {
                    throw Failure(.unavailable, "waiting was interrupted")
                }
            }
        }
        options.console.json(LeaderOutput(leader: leader))
        options.console.line(String(leader))
    }

    private func ready(_ statuses: [NodeStatus]) -> UInt64? {
        guard let leader = statuses.filter({ $0.role == "leader" }).max(by: { $0.term < $1.term }),
            leader.node != not, leader.own?.role != "witness",
            leader.appliedIndex >= leader.commitIndex
        else { return nil }
        let following = statuses.filter { $0.leader == leader.node && $0.term == leader.term }
        return following.count >= nodes ? leader.node : nil
    }
}
