internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre member …`; `cadastre members` is its list.
struct MemberVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "member",
        abstract: "Lists and changes the members of the cluster.",
        discussion: """
            A node that comes in is founded first, with `cadastred init --join`, and started. It is \
            taken in as a learner, which receives the log and does not vote, and promoted when it \
            has caught up. A witness (`cadastred init --witness`) votes from the beginning. Every \
            verb may be called again after it was interrupted: what is so \
            already is left as it is.
            Example: cadastre member add 127.0.0.1:21304 --promote --profile operator.json
            """,
        subcommands: [
            List.self, Add.self, Promote.self, Demote.self, Replace.self, Remove.self,
        ],
        defaultSubcommand: List.self,
        aliases: ["members"]
    )

    /// The verb `cadastre member list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the members with their roles, sites and addresses.",
            discussion: "Example: cadastre member list --profile operator.json --json"
        )

        /// For programs.
        private struct Output: Encodable {
            var leader: UInt64
            var voters: Int
            var quorum: Int
            var members: [MemberOutput]
        }

        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let configuration = try options.settings().configuration(.administration)
            let members = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await client.administer(GetMembers()).get(doing: "listing the members")
            }
            let quorum = MemberPlan.Quorum(of: members.members)
            options.console.json(
                Output(
                    leader: members.leader,
                    voters: quorum.voters,
                    quorum: quorum.quorum,
                    members: members.members.map { MemberOutput($0) }
                )
            )
            var table = Table([
                ("", .left), ("NODE", .right), ("ROLE", .left), ("SITE", .left), ("PEERS", .left),
                ("CLIENTS", .left), ("ADMINISTRATION", .left),
            ])
            for member in members.members {
                table.add([
                    member.node == members.leader ? "*" : " ",
                    String(member.node), Escaped.text(member.role), Escaped.text(member.site),
                    Escaped.text(member.peerAddress), Escaped.text(member.clientAddress),
                    Escaped.text(member.administrationAddress),
                ])
            }
            options.console.line(table.text)
            options.console.line("Of \(quorum.voters) voters \(quorum.quorum) decide.")
        }
    }

    /// The verb `cadastre member add ADDRESS`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a node in as a learner.",
            discussion: """
                The node says itself which number, disk, site and addresses it has; its certificate \
                must say the same.
                Example: cadastre member add 127.0.0.1:21304 --promote --profile operator.json
                """
        )

        @OptionGroup
        var newcomer: NewcomerOptions
        @Flag(help: "Give it a vote, too, as soon as it has caught up.")
        var promote = false
        @OptionGroup
        var change: ChangeOptions

        func run() async throws {
            try await change.run { changing throws(Failure) in
                let own = try await newcomer.description(changing)
                try await changing.make(.add(own), "taking node \(own.node) in")
                if promote { try await changing.promote(own.node) }
            }
        }
    }

    /// The verb `cadastre member promote NODE`.
    struct Promote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Gives a learner a vote, as soon as it has caught up.",
            discussion: "Example: cadastre member promote 4 --profile operator.json"
        )

        @Argument(help: "The number of the node.")
        var node: UInt64
        @OptionGroup
        var change: ChangeOptions

        func run() async throws {
            try await change.run { changing throws(Failure) in try await changing.promote(node) }
        }
    }

    /// The verb `cadastre member demote NODE`.
    struct Demote: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Takes a node's vote; it stays as a learner.",
            discussion: "Example: cadastre member demote 3 --dry-run --profile operator.json"
        )

        @Argument(help: "The number of the node.")
        var node: UInt64
        @OptionGroup
        var change: ChangeOptions

        func run() async throws {
            try await change.run { changing throws(Failure) in
                try await changing.make(.demote(node), "demoting node \(node)")
            }
        }
    }

    /// The verb `cadastre member remove NODE`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Removes a member; the leader too, which hands over then.",
            discussion: """
                Stop the node when it is removed; it is not let in again under its old disk.
                Example: cadastre member remove 3 --dry-run --profile operator.json
                """
        )

        @Argument(help: "The number of the node.")
        var node: UInt64
        @OptionGroup
        var change: ChangeOptions

        func run() async throws {
            try await change.run { changing throws(Failure) in
                try await changing.make(.remove(node), "removing node \(node)")
            }
        }
    }

    /// The verb `cadastre member replace NODE ADDRESS`.
    struct Replace: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts a node in the place of another one, or of its own lost disk.",
            discussion: """
                The new node is taken in as a learner, catches up, and gets the vote as the old one \
                leaves. It may have the old one's number, as one that lost its disk.
                Example: cadastre member replace 3 127.0.0.1:21303 --profile operator.json
                """
        )

        @Argument(help: "The number of the node that goes.")
        var node: UInt64
        @OptionGroup
        var newcomer: NewcomerOptions
        @OptionGroup
        var change: ChangeOptions

        func run() async throws {
            try await change.run { changing throws(Failure) in
                let own = try await newcomer.description(changing)
                if own.role == "witness" {
                    try await changing.replaceWitness(node, by: own)
                } else if own.node == node {
                    try await changing.make(.rejoin(own), "taking node \(node) back")
                    try await changing.promote(node)
                } else {
                    try await changing.replace(node, by: own)
                }
            }
        }
    }
}

/// The node that comes in, where operators reach it, and where others do.
struct NewcomerOptions: ParsableArguments {
    @Argument(
        help: ArgumentHelp(
            "The administration listener of the node that comes in.",
            valueName: "host:port"
        )
    )
    var address: String

    @Option(
        help: ArgumentHelp(
            "Where other nodes reach it, if not where it listens.",
            valueName: "host:port"
        )
    )
    var peerAddress: String?

    @Option(
        help: ArgumentHelp(
            "Where clients reach it, if not where it listens.",
            valueName: "host:port"
        )
    )
    var clientAddress: String?

    @Option(
        help: ArgumentHelp(
            "Where operators reach it, if not where it listens.",
            valueName: "host:port"
        )
    )
    var administrationAddress: String?

    func validate() throws {
        for address in [address, peerAddress, clientAddress, administrationAddress] {
            if let address, Endpoint(address) == nil {
                throw ValidationError("'\(Escaped.text(address))' is not host:port")
            }
        }
    }

    /// Asks the node who it is.
    ///
    /// - Throws: `Failure` if it does not answer, or does not say.
    func description(_ changing: MemberChanging) async throws(Failure) -> Member {
        guard let endpoint = Endpoint(address) else {
            throw Failure(.usage, "'\(Escaped.text(address))' is not host:port")
        }
        let status = try await changing.client.administer(
            GetStatus(),
            at: endpoint,
            deadline: .seconds(5)
        )
        .get(doing: "asking the node at \(endpoint) who it is")
        guard var own = status.own else {
            throw Failure(
                .protocolFault,
                "the node at \(endpoint) does not say how it would be taken in",
                advice: "update it"
            )
        }
        own.peerAddress = peerAddress ?? own.peerAddress
        own.clientAddress = clientAddress ?? own.clientAddress
        own.administrationAddress = administrationAddress ?? own.administrationAddress
        return own
    }
}

/// How a change of members is made: on every verb that makes one.
struct ChangeOptions: ParsableArguments {
    @Flag(help: "Print the plan, with the quorum before and after, and change nothing.")
    var dryRun = false

    @Option(
        help: ArgumentHelp("Wait so long for a node to catch up.", valueName: "seconds")
    )
    var timeout: Double = 600

    @OptionGroup
    var options: ClusterOptions

    func validate() throws {
        guard timeout > 0, timeout <= 86_400 else {
            throw ValidationError("--timeout must be more than 0 and at most 86400 seconds")
        }
    }

    /// Makes changes and prints what came of them.
    ///
    /// - Throws: `Failure` unless all are done.
    func run(
        _ work: @Sendable (MemberChanging) async throws(Failure) -> Void
    ) async throws(Failure) {
        let settings = try options.settings()
        let configuration = try settings.configuration(.administration)
        let report = try await CadastreClient.with(configuration) { client throws(Failure) in
            let changing = MemberChanging(
                client,
                isDryRun: dryRun,
                patience: .seconds(timeout),
                deadline: settings.deadline ?? .seconds(30),
                isSilent: options.output.json
            )
            try await work(changing)
            return await changing.report
        }
        options.console.json(report)
        options.console.line(report.text)
    }
}
