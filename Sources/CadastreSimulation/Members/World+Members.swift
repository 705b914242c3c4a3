internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What must hold while the members change, and after.
extension World {
    /// Whether a majority of whoever votes has an entry, by the configuration under which the node
    /// commits it: any that was in force in its present turn, as its own log has them.
    func isQuorum(of node: SimulatedNode) -> ((LogView.Record) -> Bool)? {
        guard scenario.members != nil else { return nil }
        let rules = node.rules
        return { record in rules.contains { self.isHeld(record, under: $0) } }
    }

    /// A configuration is committed: whose clocks count from there on, and what was rare about it.
    func committed(_ configuration: Configuration, by node: SimulatedNode) {
        model.configured(
            voters: configuration.voters.map(\.value),
            outgoing: configuration.outgoing.map(\.value)
        )
        let words = configuration.members
            .map { "\($0.id)\($0.role == .voter ? "" : " (learner)")" }.joined(separator: ", ")
        let isJoint = !configuration.outgoing.isEmpty
        tell("members are now \(words)\(isJoint ? ", and those before still vote" : "")")
        if isJoint { reach.mark(.jointConfigurationCommitted) }
        if !configuration.members.contains(where: { $0.id == node.id }) {
            reach.mark(.leaderRemoved)
        }
    }

    /// The nodes of the newest configuration, with the disks that it names; all nodes where nothing
    /// changes them.
    var members: [SimulatedNode] {
        guard scenario.members != nil else { return nodes }
        guard let configuration = newestConfiguration else { return [] }
        return nodes.filter { configuration.member($0.id)?.incarnation == $0.incarnation }
    }

    /// Whether nothing of any change is left over: all members agree on who they are, with the disks
    /// that are there, and the operator has what it wanted.
    var areMembersSettled: Bool {
        guard scenario.members != nil else { return true }
        guard let newest = newestConfiguration, newest.outgoing.isEmpty, owner.steps.isEmpty,
            owner.wiped == nil, members.count == newest.members.count
        else { return false }
        return members.allSatisfy { $0.consensus?.status.configuration == newest }
    }
}
