package import RaftCore

/// Another policy, whole, for the one that its author has read: of two operators who change it at
/// once, one is told.
package struct PolicyChange: Hashable, Sendable {
    /// What its author believes to be in force.
    package var expected: Policy
    /// What is to be.
    package var policy: Policy

    /// Composes a change.
    package init(from expected: Policy, to policy: Policy) {
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
    package var before: Policy
    /// The policy with it.
    package var after: Policy

    /// Composes a plan.
    package init(before: Policy, after: Policy) {
        self.before = before
        self.after = after
    }
}
