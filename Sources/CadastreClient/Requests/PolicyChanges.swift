internal import CadastreProtocol
internal import RaftCore

/// Which sites the cluster may use, and how.
public struct Policy: Sendable, Hashable {
    /// The countries in which nodes may stand, two lower-case letters each; none: any.
    public var allowedCountries: [String] {
        didSet { allowedCountries = Self.inOrder(allowedCountries) }
    }
    /// Where the leader is wanted, the most wanted first: `country/city/site/operator`, or the front
    /// of that, so that `fr/paris` is every site of Paris.
    public var preferredLeaders: [String]
    /// The loss of any one site leaves a quorum.
    public var survivesOneSite: Bool

    /// Asks for nothing, unless told what; takes the countries in any order.
    public init(
        allowedCountries: [String] = [],
        preferredLeaders: [String] = [],
        survivesOneSite: Bool = false
    ) {
        self.allowedCountries = Self.inOrder(allowedCountries)
        self.preferredLeaders = preferredLeaders
        self.survivesOneSite = survivesOneSite
    }

    /// What is wrong with it, whoever the members are; nil if it can be in force.
    public var fault: String? { RaftCore.Policy(self).fault }

    private static func inOrder(_ countries: [String]) -> [String] { Set(countries).sorted() }
}

/// What a change of the policy does.
public struct PolicyPlan: Sendable, Hashable {
    /// The policy without it.
    public var before: Policy
    /// The policy with it.
    public var after: Policy

    /// Composes a plan.
    public init(before: Policy, after: Policy) {
        self.before = before
        self.after = after
    }
}

/// Asks a node for the policy, as far as it knows.
public struct GetPolicy: ClientAdministration {
    /// Makes the request.
    public init() {}

    /// The request as the protocol has it.
    public var encoded: EncodedRequest { EncodedRequest(.administration(.policy)) }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Policy {
        guard case .administration(.policy(let policy)) = reply.content else {
            throw UnreadableReply("the answer is no policy")
        }
        return Policy(policy)
    }
}

/// Asks the leader to put another policy in force, whole; answered when it is committed.
///
/// Refused where the present one is neither what was expected nor what is asked for already. Unknown
/// where no answer came: ask for the same again.
public struct SetPolicy: ClientAdministration {
    /// The policy that was read before.
    public var expected: Policy
    /// The policy that is to be.
    public var policy: Policy
    /// Nothing is to change: only say what would.
    public var isDryRun: Bool

    /// Makes the request.
    public init(from expected: Policy, to policy: Policy, isDryRun: Bool = false) {
        self.expected = expected
        self.policy = policy
        self.isDryRun = isDryRun
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        let change = PolicyChange(
            from: RaftCore.Policy(expected),
            to: RaftCore.Policy(policy)
        )
        return EncodedRequest(.administration(.setPolicy(change, isDryRun: isDryRun)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> PolicyPlan {
        guard case .administration(.policyPlan(let plan)) = reply.content else {
            throw UnreadableReply("the answer is no plan of the policy")
        }
        return PolicyPlan(before: Policy(plan.before), after: Policy(plan.after))
    }
}

extension Policy {
    fileprivate init(_ policy: RaftCore.Policy) {
        self.init(
            allowedCountries: policy.allowedCountries,
            preferredLeaders: policy.preferredLeaders,
            survivesOneSite: policy.survivesOneSite
        )
    }
}

extension RaftCore.Policy {
    fileprivate init(_ policy: Policy) {
        self.init(
            allowedCountries: policy.allowedCountries,
            preferredLeaders: policy.preferredLeaders,
            survivesOneSite: policy.survivesOneSite
        )
    }
}
