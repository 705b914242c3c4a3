@testable import RaftCore
import Testing

/// Which sites a group may use: the rules of a policy, and what it has against a change.
@Suite
struct PolicyTests {
    /// A configuration of voters at these sites, members 1 and up, and learners after them.
    private static func configuration(
        _ voters: [String],
        learners: [String] = [],
        policy: Policy = .init()
    ) -> Configuration {
        var result = Cluster.configuration(voters: voters.count + learners.count)
        for (place, site) in (voters + learners).enumerated() {
            result.members[place].site = site
            result.members[place].role = place < voters.count ? .voter : .learner
        }
        result.policy = policy
        return result
    }

    private static let spread = Policy(survivesOneSite: true)
    private static let paris = "fr/paris/p/o"
    private static let lyon = "fr/lyon/l/o"
    private static let lille = "fr/lille/l/o"

    @Test
    func `a policy that asks for nothing allows everything and prefers nothing`() {
        let policy = Policy()
        #expect(policy.allows("us/boston/b/o") && policy.allows(""))
        #expect(policy.rank(of: Self.paris) == nil && policy.fault == nil)
    }

    @Test
    func `a country is a whole part of a site`() {
        let policy = Policy(allowedCountries: ["de", "fr"])
        #expect(policy.allows(Self.paris) && policy.allows("de/berlin/b/o"))
        for site in ["us/paris/p/o", "frx/paris/p/o", "f", "", "/fr/p/o"] {
            #expect(!policy.allows(site), "\(site)")
        }
    }

    @Test
    func `a preference is a site or the front of its name, in whole parts, the first the most`() {
        let policy = Policy(preferredLeaders: ["fr/paris/p/o", "fr/lyon", "fr"])
        #expect(policy.rank(of: Self.paris) == 0)
        #expect(policy.rank(of: Self.lyon) == 1)
        #expect(policy.rank(of: "fr/paris/p/other") == 2)
        #expect(policy.rank(of: "fr/lyonnais/l/o") == 2)
        #expect(policy.rank(of: "de/berlin/b/o") == nil)
    }

    /// 65 countries, in order.
    private static let tooMany: [String] = (0..<65).map { number in
        let letters = [UInt8(97 + number / 26), UInt8(97 + number % 26)]
        return String(decoding: letters, as: UTF8.self)
    }

    private static let faults: [(Policy, String)] = [
        (Policy(allowedCountries: ["FR"]), "letters"),
        (Policy(allowedCountries: ["fra"]), "letters"),
        (Policy(allowedCountries: [""]), "letters"),
        (Policy(allowedCountries: ["fr", "de"]), "in order"),
        (Policy(allowedCountries: ["fr", "fr"]), "in order"),
        (Policy(allowedCountries: tooMany), "more than 64"),
        (Policy(preferredLeaders: [""]), "front"), (Policy(preferredLeaders: ["fr/"]), "front"),
        (Policy(preferredLeaders: ["fr/Paris"]), "front"),
        (Policy(preferredLeaders: ["fr/a/b/c/d"]), "front"),
        (Policy(preferredLeaders: ["fr/" + String(repeating: "a", count: 65)]), "front"),
        (Policy(preferredLeaders: ["fr", "fr"]), "twice"),
        (Policy(allowedCountries: ["fr"], preferredLeaders: ["de/berlin"]), "not allowed"),
        (Policy(preferredLeaders: (0..<17).map { "fr/site-\($0)" }), "more than 16"),
    ]

    @Test(arguments: faults)
    func `a policy that cannot be says why, and is not taken`(_ policy: Policy, _ word: String) {
        #expect(policy.fault?.contains(word) == true, "\(String(describing: policy.fault))")
        var cluster = Cluster(voters: 3)
        cluster.elect(1)
        var target = cluster[1].configuration
        target.policy = policy
        #expect(cluster[1].refusal(ofChangeTo: target) == .unusable)
    }

    @Test
    func `a member that the policy excludes does not get in, and one that is in is named`() {
        let policy = Policy(allowedCountries: ["fr"])
        let before = Self.configuration([Self.paris], policy: policy)
        let after = Self.configuration([Self.paris], learners: ["us/boston/b/o"], policy: policy)
        #expect(before.policyRefusal(ofChangeTo: after) == .outsidePolicy([NodeID(2)]))
        // Nor is a policy put in force that would exclude members.
        var open = after
        open.policy = Policy()
        #expect(open.policyRefusal(ofChangeTo: after) == .outsidePolicy([NodeID(2)]))
        // Should one be there nevertheless, it does not stand in the way of its own removal.
        #expect(after.policyRefusal(ofChangeTo: before) == nil)
        #expect(after.policyRefusal(ofChangeTo: after) == nil)
    }

    @Test
    func `a data centre is lost as a whole, whoever runs its parts`() {
        let members = Self.configuration(["fr/paris/p/a", "fr/paris/p/b", Self.lyon])
        #expect(members.indispensableSites == ["fr/paris/p"])
        let spread = Self.configuration([Self.paris, "fr/paris/q/o", Self.lyon])
        #expect(spread.indispensableSites.isEmpty)
    }

    @Test
    func `the spread may be left broken or mended, and not be broken or made worse`() {
        func refusal(_ before: [String], _ after: [String]) -> ConfigurationRefusal? {
            Self.configuration(before, policy: Self.spread)
                .policyRefusal(ofChangeTo: Self.configuration(after, policy: Self.spread))
        }
        let (paris, lyon, lille) = (Self.paris, Self.lyon, Self.lille)
        #expect(refusal([paris, lyon, lille], [paris, lyon]) != nil)
        #expect(
            refusal([paris, lyon, lille], [paris, paris, lyon])
                == .spreadBroken(sites: ["fr/paris/p"])
        )
        #expect(refusal([paris, lyon, lille], [paris, paris, lyon, lyon, lille]) == nil)
        #expect(refusal([paris, lyon, lille], [paris, paris, lyon, lille]) != nil, "2 of 4 left")
        // Growing from one node.
        #expect(refusal([paris], [paris, lyon]) == nil)
        #expect(refusal([paris, lyon], [paris, lyon, lille]) == nil)
        #expect(refusal([paris, lyon], [paris]) != nil)
        // From worse to less bad.
        #expect(refusal([paris, paris, paris, lyon], [paris, paris, lyon]) == nil)
        #expect(refusal([paris, paris, lyon], [paris, paris, paris, lyon]) != nil)
        #expect(refusal([paris, paris, lyon], [paris, lyon, lille]) == nil)
    }

    @Test
    func `a spread is demanded only where there is one`() {
        let together = Self.configuration([Self.paris, Self.paris, Self.lyon])
        var target = together
        target.policy = Self.spread
        #expect(
            together.policyRefusal(ofChangeTo: target) == .spreadBroken(sites: ["fr/paris/p"])
        )
        #expect(target.policyRefusal(ofChangeTo: together) == nil, "what is given up is free")
    }

    @Test
    func `a voter that lost its disk comes back as a learner, and gets its vote again`() {
        let whole = Self.configuration([Self.paris, Self.lyon, Self.lille], policy: Self.spread)
        var wiped = whole
        wiped.members[2].incarnation = Incarnation(high: 9, low: 9)
        wiped.members[2].role = .learner
        #expect(whole.policyRefusal(ofChangeTo: wiped) == nil)
        var again = wiped
        again.members[2].role = .voter
        #expect(wiped.policyRefusal(ofChangeTo: again) == nil)
        // At another site it is no cure.
        wiped.members[2].site = Self.paris
        #expect(whole.policyRefusal(ofChangeTo: wiped) == .spreadBroken(sites: ["fr/paris/p"]))
    }

    @Test
    func `a policy is changed by one entry, and lives in the log`() {
        var cluster = Cluster(voters: 3)
        cluster.elect(1)
        var target = cluster[1].configuration
        target.policy = Policy(preferredLeaders: ["fr/lyon"])
        cluster.step(1, .changeConfiguration(to: target))
        cluster.settle()
        cluster.tick()
        for id in 1...3 {
            #expect(cluster[id].configuration == target)
            #expect(cluster[id].lastPosition.index == LogIndex(3), "no joint entry")
        }
        cluster.crash(2)
        cluster.restart(2)
        #expect(cluster[2].configuration.policy == target.policy)
        cluster.compact(1)
        #expect(cluster[1].log.start.configuration?.policy == target.policy)
        #expect(cluster.breach == nil)
    }
}
