internal import CadastreProtocol
internal import RaftCore

/// Changing which sites the group may use: a change of the configuration, like one of its members.
extension ConsensusStage {
    /// Begins a change and answers once it is committed, or says why it cannot be; in a dry run,
    /// only says what would be done.
    mutating func setPolicy(
        _ change: PolicyChange,
        key: RequestKey,
        isDryRun: Bool,
        into output: inout ConsensusOutput
    ) {
        var target = raft.configuration
        target.policy = change.policy
        // Before the rest: another node's configuration may be the older one.
        guard raft.role == .leader else {
            refuse(key, .notLeader, into: &output)
            return
        }
        let present = raft.configuration.policy
        guard [change.expected, target.policy].contains(present) else {
            refuse(key, .policyChanged, into: &output)
            return
        }
        if let reason = raft.refusal(ofChangeTo: target), reason != .unchanged {
            refuse(key, reason, ofChangeTo: target, into: &output)
            return
        }
        let plan = PolicyPlan(before: present, after: change.policy)
        begin(.policyPlan(plan), to: target, for: key, isDryRun: isDryRun, into: &output)
    }

    /// Says why the configuration cannot be changed, and what stands against it by name.
    func refuse(
        _ key: RequestKey,
        _ reason: ConfigurationRefusal,
        ofChangeTo target: Configuration,
        into output: inout ConsensusOutput
    ) {
        guard let detail = Self.detail(of: reason, ofChangeTo: target) else {
            refuse(key, Refusal(reason), into: &output)
            return
        }
        output.replies.append(
            OutgoingReply(
                key: key,
                appliedIndex: .zero,
                content: .forbidden(Refusal(reason), detail)
            )
        )
    }

    /// Whether a member, if it is one, stands where the policy allows it to.
    ///
    /// None that stands elsewhere gets in; should one be there, it is sent no state.
    func isWithinPolicy(_ peer: NodeID) -> Bool {
        let configuration = raft.configuration
        return configuration.member(peer).map { configuration.policy.allows($0.site) } ?? true
    }

    private static func detail(
        of reason: ConfigurationRefusal,
        ofChangeTo target: Configuration
    ) -> String? {
        switch reason {
        case .outsidePolicy(let nodes):
            let members = nodes.compactMap { target.member($0) }
                .map { "node \($0.id) stands at \($0.site)" }
                .joined(separator: ", ")
            let countries = target.policy.allowedCountries.joined(separator: ", ")
            return "\(members); allowed: \(countries)"
        case .spreadBroken(let sites):
            return "the loss of \(sites.joined(separator: " or of ")) would leave no quorum"
        case .notLeader, .notReady, .transferring, .changeInProgress, .unchanged, .unusable,
            .mustBeLearner, .notCaughtUp, .wouldLoseQuorum, .keepsItsRole:
            return nil
        }
    }
}
