internal import RaftCore

/// The policy under which a cluster is founded.
enum GenesisPolicy {
    /// Reads `policy`, which may be left out, and checks that the founding members keep it.
    ///
    /// - Throws: `ConfigurationError` naming the first mistake.
    static func read(
        _ root: JSONObject,
        for members: [Member]
    ) throws(ConfigurationError) -> Policy {
        guard let object = try root.object(ifPresent: "policy") else { return Policy() }
        try object.allow(["allowed_countries", "preferred_leaders", "survives_one_site"])
        let policy = Policy(
            allowedCountries: try object.texts("allowed_countries"),
            preferredLeaders: try object.texts("preferred_leaders"),
            survivesOneSite: try object.flag("survives_one_site")
        )
        if let fault = policy.fault { throw root.failure("policy", fault) }
        let founded = Configuration(members: members, featureLevel: 0, policy: policy)
        if let member = founded.outsidePolicy.first {
            throw root.failure(
                "policy",
                "member \(member.id) stands at \(member.site), where it allows nobody"
            )
        }
        let sites = founded.indispensableSites
        guard !policy.survivesOneSite || sites.isEmpty else {
            throw root.failure(
                "policy",
                "the loss of \(sites.joined(separator: " or of ")) would leave no quorum"
            )
        }
        return policy
    }
}
