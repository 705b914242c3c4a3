internal import ArgumentParser
internal import CadastreClient

/// What a policy asks for, where it is founded and where it is changed.
struct PolicyOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A country in which nodes may stand; may be repeated. 'any' allows all.",
            valueName: "country"
        )
    )
    var allowCountry: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Where the leader is wanted, a site or the front of its name; may be repeated, the most \
            wanted first. 'none' wants it nowhere.
            """,
            valueName: "country/city"
        )
    )
    var preferLeader: [String] = []

    @Flag(
        inversion: .prefixedNo,
        help: "Demand that the loss of any one site leaves a quorum of voters."
    )
    var surviveSite: Bool?

    /// Whether nothing was said.
    var isEmpty: Bool { allowCountry.isEmpty && preferLeader.isEmpty && surviveSite == nil }

    func validate() throws {
        if allowCountry.count > 1, allowCountry.contains("any") {
            throw ValidationError("--allow-country any stands alone")
        }
        if preferLeader.count > 1, preferLeader.contains("none") {
            throw ValidationError("--prefer-leader none stands alone")
        }
        if let fault = changed(Policy()).fault {
            throw ValidationError("the policy cannot be: \(Escaped.text(fault))")
        }
    }

    /// A policy with what was said in place of what it says; what was not said stays.
    func changed(_ policy: Policy) -> Policy {
        var policy = policy
        if !allowCountry.isEmpty {
            policy.allowedCountries = allowCountry == ["any"] ? [] : allowCountry
        }
        if !preferLeader.isEmpty {
            policy.preferredLeaders = preferLeader == ["none"] ? [] : preferLeader
        }
        policy.survivesOneSite = surviveSite ?? policy.survivesOneSite
        return policy
    }
}
