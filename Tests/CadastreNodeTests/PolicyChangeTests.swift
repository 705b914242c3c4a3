import CadastreNode
import CadastreProtocol
import RaftCore
import Testing

/// Changing the policy through the consensus stage.
@Suite
struct PolicyChangeTests {
    private static let key = RequestKey(connection: 1, request: 9)
    private static let none = Policy()
    private static let french = Policy(allowedCountries: ["fr"])

    private static func set(
        _ policy: Policy,
        from expected: Policy = none,
        isDryRun: Bool = false
    ) -> ConsensusEvent {
        .setPolicy(PolicyChange(from: expected, to: policy), key, isDryRun: isDryRun)
    }

    /// A leader of three, which all stand at `fr/paris`.
    private func leader() throws -> (NodeFixture, term: UInt64) {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        return (node, term)
    }

    private func plan(of node: NodeFixture) -> PolicyPlan? {
        guard case .policyPlan(let plan)? = node.repliesSoFar.last?.content else { return nil }
        return plan
    }

    private func refusal(of node: NodeFixture) -> (refusal: Refusal, detail: String)? {
        switch node.repliesSoFar.last?.content {
        case .forbidden(let refusal, let detail)?: (refusal, detail)
        case .refused(let refusal, _)?: (refusal, "")
        default: nil
        }
    }

    @Test
    func `a policy is answered when it is committed, and asked for again without harm`() throws {
        var (node, term) = try leader()
        node.turn(Self.set(Self.french))
        #expect(node.output.configuration?.policy == Self.french)
        #expect(node.repliesSoFar.isEmpty, "nothing of it is committed yet")
        try node.agree(term)
        #expect(plan(of: node) == PolicyPlan(before: Self.none, after: Self.french))
        let last = node.node.consensus.status.lastIndex
        for expected in [Self.none, Self.french] {
            node.turn(Self.set(Self.french, from: expected))
            #expect(plan(of: node) == PolicyPlan(before: Self.french, after: Self.french))
        }
        #expect(node.node.consensus.status.lastIndex == last)
    }

    @Test
    func `a dry run says the same and changes nothing`() throws {
        var (node, _) = try leader()
        let last = node.node.consensus.status.lastIndex
        node.turn(Self.set(Self.french, isDryRun: true))
        #expect(plan(of: node) == PolicyPlan(before: Self.none, after: Self.french))
        #expect(node.node.consensus.status.lastIndex == last)
        #expect(node.node.consensus.status.configuration.policy == Policy())
    }

    @Test
    func `of two who change it at once, one is told`() throws {
        var (node, term) = try leader()
        node.turn(Self.set(Self.french))
        try node.agree(term)
        node.turn(Self.set(Policy(allowedCountries: ["be", "fr"])))
        #expect(refusal(of: node)?.refusal == .policyChanged)
    }

    @Test
    func `a policy that its members break is refused, with who and where`() throws {
        var (node, _) = try leader()
        let last = node.node.consensus.status.lastIndex
        node.turn(Self.set(Policy(allowedCountries: ["be"])))
        let excluded = try #require(refusal(of: node))
        #expect(excluded.refusal == .countryNotAllowed)
        #expect(excluded.detail.contains("node 1 stands at fr/paris, node 2 stands at fr/paris"))
        #expect(excluded.detail.hasSuffix("allowed: be"))
        node.turn(Self.set(Policy(survivesOneSite: true)))
        let spread = try #require(refusal(of: node))
        #expect(spread.refusal == .spreadBroken)
        #expect(spread.detail == "the loss of fr/paris would leave no quorum")
        #expect(node.node.consensus.status.lastIndex == last)
    }

    @Test
    func `a node elsewhere is not taken in, nor back`() throws {
        var (node, term) = try leader()
        node.turn(Self.set(Self.french))
        try node.agree(term)
        func new(_ number: UInt64) -> MemberDescription {
            MemberDescription(
                node: number,
                role: "",
                site: "us/boston/b/o",
                peerAddress: "n:1",
                clientAddress: "n:2",
                administrationAddress: "n:3",
                incarnation: Incarnation(high: 9, low: number).hexadecimal
            )
        }
        for change in [MemberChange.add(new(4)), .rejoin(new(3))] {
            for isDryRun in [true, false] {
                node.turn(.changeMembers(change, Self.key, isDryRun: isDryRun))
                let refused = try #require(refusal(of: node))
                #expect(refused.refusal == .countryNotAllowed)
                #expect(refused.detail.hasSuffix("stands at us/boston/b/o; allowed: fr"))
            }
        }
        #expect(node.node.consensus.status.configuration.members.count == 3)
    }

    @Test
    func `who does not lead does not judge`() throws {
        var node = try NodeFixture(members: 3)
        node.turn(Self.set(Policy(allowedCountries: ["be"])))
        #expect(refusal(of: node)?.refusal == .notLeader)
    }
}
