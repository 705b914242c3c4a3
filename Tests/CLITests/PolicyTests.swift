import ArgumentParser
import CadastreClient
import Foundation
import Testing

@testable import cadastre

@Suite
struct `Policies` {
    private static let french = Policy(allowedCountries: ["fr"], survivesOneSite: true)

    @Test
    func `what is not named stays as it is`() throws {
        func changed(_ words: [String]) throws -> Policy {
            try PolicyOptions.parse(words).changed(Self.french)
        }
        #expect(try changed([]) == Self.french)
        #expect(
            try changed(["--allow-country", "fr", "--allow-country", "be"]).allowedCountries
                == ["be", "fr"]
        )
        #expect(try changed(["--allow-country", "any"]).allowedCountries == [])
        #expect(try changed(["--no-survive-site"]).survivesOneSite == false)
        let preferring = try changed(["--prefer-leader", "fr/paris", "--prefer-leader", "fr"])
        #expect(preferring.preferredLeaders == ["fr/paris", "fr"])
        #expect(preferring.survivesOneSite && preferring.allowedCountries == ["fr"])
    }

    @Test(arguments: [
        ["--allow-country", "FR"], ["--allow-country", "any", "--allow-country", "fr"],
        ["--prefer-leader", "fr//x"], ["--prefer-leader", "none", "--prefer-leader", "fr"],
        ["--allow-country", "be", "--prefer-leader", "fr"],
    ])
    func `what cannot be is refused at once`(_ words: [String]) {
        #expect(throws: (any Error).self) { try PolicyOptions.parse(words) }
    }

    @Test
    func `a report shows before and after`() {
        let plan = PolicyPlan(before: Policy(), after: Self.french)
        let text = PolicyReport(plan: plan, isDryRun: true).text
        #expect(text.contains("allowed countries  any"))
        #expect(text.hasSuffix("Nothing was changed: this was a dry run."))
        let same = PolicyPlan(before: Self.french, after: Self.french)
        #expect(PolicyReport(plan: same, isDryRun: false).text.hasSuffix("It is so already."))
    }

    @Test
    func `a cluster is founded under a policy that its members keep`() throws {
        func members(_ sites: [String]) -> [String] {
            sites.enumerated().map { place, site in
                "id=\(place + 1),site=\(site)/s/o,peer=h\(place):1,client=h\(place):2,"
                    + "administration=h\(place):3"
            }
        }
        func found(_ sites: [String]) throws -> Genesis {
            try Genesis(cluster: "lutece", members: members(sites), policy: Self.french) { 1 }
        }
        let genesis = try found(["fr/paris", "fr/lyon", "fr/lille"])
        #expect(genesis.policy == PolicyOutput(Self.french))
        for sites in [["fr/paris", "fr/lyon", "be/gand"], ["fr/paris", "fr/paris", "fr/lyon"]] {
            let failure = #expect(throws: Failure.self) { try found(sites) }
            #expect(failure?.status == .usage)
        }
    }
}
