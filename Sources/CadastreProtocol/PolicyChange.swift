package import RaftCore

/// Which sites a group may use, and how, as an operator reads and writes it.
package struct PolicyDescription: Hashable, Sendable {
    /// Two lower-case letters each, ascending; none: any country.
    package var allowedCountries: [String]
    /// The most wanted first: sites, or the fronts of their names.
    package var preferredLeaders: [String]
    /// The loss of any one site leaves a quorum.
    package var survivesOneSite: Bool

    /// Asks for nothing, unless told what.
    package init(
        allowedCountries: [String] = [],
        preferredLeaders: [String] = [],
        survivesOneSite: Bool = false
    ) {
        self.allowedCountries = allowedCountries
        self.preferredLeaders = preferredLeaders
        self.survivesOneSite = survivesOneSite
    }

    /// As it is in a configuration.
    package init(_ policy: Policy) {
        self.init(
            allowedCountries: policy.allowedCountries,
            preferredLeaders: policy.preferredLeaders,
            survivesOneSite: policy.survivesOneSite
        )
    }

    /// What is wrong with it, whoever the members are; nil if it can be in force.
    package var fault: String? { policy.fault }

    /// As it is put in a configuration, once it was checked.
    package var policy: Policy {
        Policy(
            allowedCountries: allowedCountries,
            preferredLeaders: preferredLeaders,
            survivesOneSite: survivesOneSite
        )
    }
}

/// Another policy, whole, for the one that its author has read: of two operators who change it at
/// once, one is told.
package struct PolicyChange: Hashable, Sendable {
    /// What its author believes to be in force.
    package var expected: PolicyDescription
    /// What is to be.
    package var policy: PolicyDescription

    /// Composes a change.
    package init(from expected: PolicyDescription, to policy: PolicyDescription) {
        self.expected = expected
        self.policy = policy
    }

    /// Checks that the new policy can be in force at all.
    ///
    /// - Throws: `invalidValue`, naming what is wrong.
    package func check() throws(ProtocolError) {
        if let fault = policy.fault { throw ProtocolError(.invalidValue, fault) }
    }
}

/// What a change of the policy does.
package struct PolicyPlan: Hashable, Sendable {
    /// The policy without it.
    package var before: PolicyDescription
    /// The policy with it.
    package var after: PolicyDescription

    /// Composes a plan.
    package init(before: PolicyDescription, after: PolicyDescription) {
        self.before = before
        self.after = after
    }
}
