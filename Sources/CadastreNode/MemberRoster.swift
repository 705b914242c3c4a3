package import RaftCore

/// With whom a node speaks, by the newest configuration that it has: whom it dials, and as what it
/// hears those who dial it.
///
/// A value: what the runtime's connections go by, and the simulated ones too.
package struct MemberRoster: Sendable {
    /// As what a node is heard that has dialled this one.
    package enum Standing: Hashable, Sendable {
        /// The configuration names it with this very disk: all that it says counts.
        case member
        /// Nobody that is named: only what a leader says is heard.
        case stranger
        /// Not at all.
        case refused
    }

    /// Who this node is.
    package let identity: NodeIdentity
    /// By the configuration, ascending.
    package private(set) var members: [Member]
    /// Where members may stand, and where the leader should.
    package private(set) var policy: Policy
    /// Who votes until a change is finished, ascending.
    private var outgoing: [NodeID]
    /// No members any more, and still needed: they vote, or lead the change that removes them.
    private var leaving: [Member] = []
    /// Whom this node follows, or itself, or none.
    private var leader = NodeID.none

    /// Whom a configuration names, as this node knows it.
    ///
    /// - Parameters:
    ///   - configuration: The newest one.
    ///   - before: The one before it, if it is known: where a change was begun and is not finished,
    ///     it describes those who are leaving.
    ///   - identity: This node.
    package init(
        _ configuration: Configuration,
        before: Configuration? = nil,
        of identity: NodeIdentity
    ) {
        members = (before ?? configuration).members
        outgoing = configuration.outgoing
        policy = configuration.policy
        self.identity = identity
        update(configuration, leader: .none)
    }

    /// All but this node with whom it speaks: the members, and those who are just leaving.
    private var others: [Member] { (members + leaving).filter { $0.id != identity.node } }

    /// The member of this number, or the one that is just leaving under it.
    package func member(_ id: NodeID) -> Member? {
        members.first { $0.id == id } ?? leaving.first { $0.id == id }
    }

    /// This node as a member; nil while the configuration does not name it with this disk.
    package var own: Member? {
        names(identity.node, identity.incarnation) ? member(identity.node) : nil
    }

    /// Whether the configuration names this node, with this disk.
    package func names(_ id: NodeID, _ incarnation: Incarnation) -> Bool {
        member(id)?.incarnation == incarnation
    }

    /// The configuration, or the leader, has changed.
    ///
    /// - Parameters:
    ///   - configuration: The newest one in force; nil if it is the same.
    ///   - leader: Whom this node follows, or itself, or none: who leads a change that removes it is
    ///     needed until the change is committed.
    package mutating func update(_ configuration: Configuration?, leader: NodeID) {
        self.leader = leader
        let known = members + leaving
        if let configuration {
            members = configuration.members
            outgoing = configuration.outgoing
            policy = configuration.policy
        }
        leaving = known.filter { old in
            !members.contains { $0.id == old.id }
                && (old.id == leader || outgoing.contains(old.id))
        }
    }

    // MARK: The two ends of a connection

    /// Whom this node dials.
    ///
    /// A node that is no member dials nobody, unless it leads the change that removes it: nobody
    /// would let it in. Nobody dials a member that stands where the policy allows none.
    package var dialled: [Member] {
        guard own != nil || leader == identity.node else { return [] }
        return others.filter { policy.allows($0.site) }
    }

    /// Whether a node that the configuration does not name may speak to this one.
    ///
    /// The configuration that this node has may be old: a node that joins has the founding one, and
    /// one that was away may know nobody of those who are members now. Somebody must be able to tell
    /// them. It is safe: a stranger is heard as a leader only, and a leader was elected by voters. A
    /// node that hears a leader learns of new members from that one, and lets no stranger in: so
    /// neither a removed nor a wiped node disturbs a cluster that is well. Who stands
    /// for election is heard by those alone who know it, so a change of members counts only on voters
    /// that this leader has heard (`Raft.refusal(ofChangeTo:)`).
    package func admitsStrangers(hearsLeader: Bool) -> Bool { own == nil || !hearsLeader }

    /// As what a node is heard that dials, or has dialled, this one.
    ///
    /// Asked anew for whatever it says: a stranger may have become a member meanwhile, and a member a
    /// stranger.
    ///
    /// - Parameters:
    ///   - id: Its number.
    ///   - incarnation: The life of its disk.
    ///   - hearsLeader: Whether this node leads, or hears a leader.
    ///   - isConnected: Whether it was let in before, on this connection.
    /// - Returns: What of it is heard.
    package func standing(
        of id: NodeID,
        _ incarnation: Incarnation,
        hearsLeader: Bool,
        isConnected: Bool
    ) -> Standing {
        if names(id, incarnation) { return .member }
        if admitsStrangers(hearsLeader: hearsLeader) { return .stranger }
        return isConnected && id == leader ? .stranger : .refused
    }
}
