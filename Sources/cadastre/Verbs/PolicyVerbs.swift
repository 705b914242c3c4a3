internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre policy …`.
struct PolicyVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract: "Shows and changes which sites the cluster may use, and how.",
        discussion: "Example: cadastre policy show --profile operator.json",
        subcommands: [Show.self, Set.self],
        defaultSubcommand: Show.self
    )

    /// The verb `cadastre policy show`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows the policy.",
            discussion: "Example: cadastre policy show --profile operator.json --json"
        )

        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let configuration = try options.settings().configuration(.administration)
            let policy = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await client.administer(GetPolicy()).get(doing: "reading the policy")
            }
            options.console.json(PolicyOutput(policy))
            var table = Table([("", .left), ("POLICY", .left)])
            for line in PolicyReport.lines(policy) { table.add([line.name, line.value]) }
            options.console.line(table.text)
        }
    }

    /// The verb `cadastre policy set`.
    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Changes the policy; what is not named stays as it is.",
            discussion: """
                Members that the new policy would exclude, and sites whose loss would leave no \
                quorum, are named, and nothing is changed then. It may be called again after it was \
                interrupted: what is so already is left as it is.
                Example: cadastre policy set --allow-country fr --prefer-leader fr/paris \
                --survive-site --profile operator.json
                """
        )

        @OptionGroup
        var policy: PolicyOptions
        @Flag(help: "Print the policy before and after, and change nothing.")
        var dryRun = false
        @OptionGroup
        var options: ClusterOptions

        func validate() throws {
            guard !policy.isEmpty else {
                throw ValidationError("say what to change; see cadastre policy set --help")
            }
        }

        func run() async throws {
            let settings = try options.settings()
            let configuration = try settings.configuration(.administration)
            let plan = try await CadastreClient.with(configuration) { client throws(Failure) in
                let before = try await client.administer(GetPolicy())
                    .get(doing: "reading the policy")
                let request = SetPolicy(
                    from: before,
                    to: policy.changed(before),
                    isDryRun: dryRun
                )
                let deadline = settings.deadline ?? .seconds(30)
                return try await client.administer(request, deadline: deadline)
                    .get(doing: "changing the policy")
            }
            let report = PolicyReport(plan: plan, isDryRun: dryRun)
            options.console.json(report)
            options.console.line(report.text)
        }
    }
}

/// What a change of the policy did, or would do.
struct PolicyReport: Sendable {
    /// Before and after.
    var plan: PolicyPlan
    /// Nothing was changed.
    var isDryRun: Bool

    /// For people.
    var text: String {
        var table = Table([("", .left), ("BEFORE", .left), ("AFTER", .left)])
        for (old, new) in zip(Self.lines(plan.before), Self.lines(plan.after)) {
            table.add([old.name, old.value, new.value])
        }
        return "\(table.text)\n\(ending)"
    }

    private var ending: String {
        if plan.before == plan.after { return "It is so already." }
        return isDryRun ? "Nothing was changed: this was a dry run." : "Done."
    }

    /// A policy, point by point.
    static func lines(_ policy: Policy) -> [(name: String, value: String)] {
        func list(_ names: [String], otherwise: String) -> String {
            names.isEmpty ? otherwise : Escaped.text(names.joined(separator: ", "))
        }
        return [
            ("allowed countries", list(policy.allowedCountries, otherwise: "any")),
            ("preferred leaders", list(policy.preferredLeaders, otherwise: "none")),
            ("survives one site", policy.survivesOneSite ? "yes" : "not demanded"),
        ]
    }
}

extension PolicyReport: Encodable {
    private enum Key: String, CodingKey {
        case dry_run, changed, before, after
    }

    /// For programs.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(isDryRun, forKey: .dry_run)
        try container.encode(!isDryRun && plan.before != plan.after, forKey: .changed)
        try container.encode(PolicyOutput(plan.before), forKey: .before)
        try container.encode(PolicyOutput(plan.after), forKey: .after)
    }
}

/// A policy, for programs; also as genesis.json has it.
struct PolicyOutput: Codable, Hashable, Sendable {
    var allowed_countries: [String]
    var preferred_leaders: [String]
    var survives_one_site: Bool

    /// Describes a policy.
    init(_ policy: Policy) {
        allowed_countries = policy.allowedCountries
        preferred_leaders = policy.preferredLeaders
        survives_one_site = policy.survivesOneSite
    }
}
