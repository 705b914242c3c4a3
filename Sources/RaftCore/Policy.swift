/// Which sites a group may use, and how.
///
/// A part of the configuration: in force from the moment it is appended, and the same everywhere in
/// the log.
public struct Policy: Hashable, Sendable {
    /// The countries in which members may stand, two lower-case letters each, ascending; none: any.
    public var allowedCountries: [String]
    /// Where the leader is wanted, the most wanted first: sites, or the front parts of their names,
    /// so that `fr/paris` is every site of Paris.
    public var preferredLeaders: [String]
    /// The loss of any one site leaves a quorum.
    public var survivesOneSite: Bool

    /// Asks for nothing, unless told what.
    public init(
        allowedCountries: [String] = [],
        preferredLeaders: [String] = [],
        survivesOneSite: Bool = false
    ) {
        self.allowedCountries = allowedCountries
        self.preferredLeaders = preferredLeaders
        self.survivesOneSite = survivesOneSite
    }

    /// Whether a member may stand at a site, `country/city/site/operator`.
    public func allows(_ site: String) -> Bool {
        allowedCountries.isEmpty
            || allowedCountries.contains {
                $0.utf8.elementsEqual(site.utf8.prefix { $0 != Self.slash })
            }
    }

    /// How much the leader is wanted at a site: 0 the most, nil not at all.
    public func rank(of site: String) -> Int? {
        preferredLeaders.firstIndex { preferred in
            let rest = site.utf8.dropFirst(preferred.utf8.count)
            return site.utf8.starts(with: preferred.utf8)
                && (rest.isEmpty || rest.first == Self.slash)
        }
    }

    /// What is wrong with the policy itself, for people; nil if it can be in force.
    public var fault: String? {
        guard allowedCountries.count <= Limits.maximumCountries else {
            return "more than \(Limits.maximumCountries) countries are allowed"
        }
        for country in allowedCountries where !Self.isCountry(country) {
            return "\"\(country)\" is no country's two lower-case letters"
        }
        guard zip(allowedCountries, allowedCountries.dropFirst()).allSatisfy({ $0 < $1 }) else {
            return "the allowed countries are not in order, each once"
        }
        guard preferredLeaders.count <= Limits.maximumPreferredSites else {
            return "more than \(Limits.maximumPreferredSites) sites are preferred"
        }
        for (place, site) in preferredLeaders.enumerated() {
            guard Self.isSite(site) else {
                return "\"\(site)\" is not the front of country/city/site/operator"
            }
            guard allows(site) else { return "\(site) is preferred, and not allowed" }
            guard !preferredLeaders[..<place].contains(site) else {
                return "\(site) is preferred twice"
            }
        }
        return nil
    }

    /// The data centre of a site: who runs a part of it does not matter when it is lost.
    static func dataCentre(of site: String) -> String {
        let parts = site.utf8.split(separator: slash, omittingEmptySubsequences: false)
        guard parts.count > 3 else { return site }
        return String(site[..<parts[2].endIndex])
    }

    private static let slash = UInt8(ascii: "/")

    private static func isCountry(_ text: String) -> Bool {
        text.utf8.count == 2 && text.utf8.allSatisfy { letters ~= $0 }
    }

    private static func isSite(_ text: String) -> Bool {
        let parts = text.utf8.split(separator: slash, omittingEmptySubsequences: false)
        return 1...4 ~= parts.count && text.utf8.count <= Limits.maximumPreferredSiteSize
            && parts.allSatisfy(isName)
    }

    /// As names stand in certificates.
    private static func isName(_ part: Substring.UTF8View) -> Bool {
        1...64 ~= part.count
            && part.allSatisfy {
                letters ~= $0 || UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0
                    || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
            }
    }

    private static let letters = UInt8(ascii: "a")...UInt8(ascii: "z")
}

/// What a policy says about a configuration.
extension Configuration {
    /// Members that stand where the policy allows nobody, ascending.
    public var outsidePolicy: [Member] { members.filter { !policy.allows($0.site) } }

    /// The data centres whose loss would leave too few voters to decide, ascending; whether or not
    /// the policy minds.
    public var indispensableSites: [String] {
        let needed = Quorum.majority(of: voters.count)
        return votersBySite.filter { voters.count - $0.count < needed }.map(\.site)
    }

    /// Why the policy is against a change to `target`; nil where it is not.
    ///
    /// What is broken already, by a member that has lost its disk, may be left so or mended, and not
    /// be made worse. What leaves is not asked about.
    public func policyRefusal(ofChangeTo target: Configuration) -> ConfigurationRefusal? {
        let excluded = target.outsidePolicy.filter { new in
            !outsidePolicy.contains { $0.id == new.id && $0.site == new.site }
        }
        if !excluded.isEmpty { return .outsidePolicy(excluded.map(\.id)) }
        guard target.policy.survivesOneSite else { return nil }
        var target = target
        for (place, member) in target.members.enumerated() {
            // Its vote is gone with its disk, whoever says so.
            if let old = self.member(member.id), old.incarnation != member.incarnation {
                target.members[place].role = old.role
            }
        }
        let (before, after) = (missingWithoutOneSite, target.missingWithoutOneSite)
        let isNoWorse =
            policy.survivesOneSite && before >= after
            && (voters.count <= target.voters.count || before > after)
        return after == 0 || isNoWorse ? nil : .spreadBroken(sites: target.indispensableSites)
    }

    /// How many voters would be missing to a quorum without the site that hurts most.
    private var missingWithoutOneSite: Int {
        let most = votersBySite.map(\.count).max() ?? 0
        return max(0, Quorum.majority(of: voters.count) - (voters.count - most))
    }

    /// How many voters there are in each data centre, ascending by its name.
    private var votersBySite: [(site: String, count: Int)] {
        let sites = voters.compactMap { member($0) }.map { Policy.dataCentre(of: $0.site) }.sorted()
        var result: [(site: String, count: Int)] = []
        for site in sites {
            if result.last?.site == site {
                result[result.count - 1].count += 1
            } else {
                result.append((site, 1))
            }
        }
        return result
    }
}
