internal import RaftCore

extension Genesis {
    /// Checks the members by the rules that a configuration is judged by.
    ///
    /// - Throws: `Failure` naming the members that break the policy under which they are founded.
    func checkFounding(
        allowedCountries: [String],
        survivesOneSite: Bool
    ) throws(Failure) {
        let founded = Configuration(
            members: members.map(\.founding),
            featureLevel: 0,
            policy: Policy(allowedCountries: allowedCountries, survivesOneSite: survivesOneSite)
        )
        if let member = founded.outsidePolicy.first {
            throw Failure(
                .usage,
                "member \(member.id) stands at \(member.site), which is not allowed",
                advice: "allow its country with --allow-country, or leave the member out"
            )
        }
        guard survivesOneSite, let site = founded.indispensableSites.first else { return }
        throw Failure(
            .usage,
            "the loss of the site \(site) would leave no quorum of voters",
            advice: "spread the voters over more sites, or leave --survive-site out"
        )
    }
}

extension Genesis.Member {
    /// As a configuration names it, as far as a policy asks.
    fileprivate var founding: RaftCore.Member {
        RaftCore.Member(
            id: NodeID(id),
            incarnation: Incarnation(high: 0, low: 0),
            role: role == "learner" ? .learner : role == "witness" ? .witness : .voter,
            site: site,
            peerAddress: peerAddress,
            clientAddress: clientAddress,
            administrationAddress: administrationAddress
        )
    }
}
