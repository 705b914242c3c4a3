internal import CadastreNode
internal import NIOConcurrencyHelpers
internal import RaftCore

/// Who belongs to the cluster, by the newest configuration that this node has.
///
/// Written by the consensus loop, read by anyone.
final class Roster: Sendable {
    private let identity: NodeIdentity
    private let content: NIOLockedValueBox<MemberRoster>

    /// Whom a configuration names, as this node knows it.
    convenience init(_ configuration: Configuration, of identity: NodeIdentity) {
        self.init(MemberRoster(configuration, of: identity))
    }

    /// The members as a folder knows them.
    convenience init(_ open: OpenNode) { self.init(open.roster) }

    private init(_ roster: MemberRoster) {
        identity = roster.identity
        content = NIOLockedValueBox(roster)
    }

    /// Where members may stand, and where the leader should.
    var policy: Policy { content.withLockedValue { $0.policy } }

    /// All members, ascending.
    var members: [Member] { content.withLockedValue { $0.members } }

    /// Whom this node dials (``MemberRoster/dialled``).
    var dialled: [Member] { content.withLockedValue { $0.dialled } }

    /// Whether a node that the configuration does not name may speak to this one
    /// (``MemberRoster/admitsStrangers(hearsLeader:)``).
    func admitsStrangers(hearsLeader: Bool) -> Bool {
        content.withLockedValue { $0.admitsStrangers(hearsLeader: hearsLeader) }
    }

    /// As what a node is heard that was let in
    /// (``MemberRoster/standing(of:_:hearsLeader:isConnected:)``).
    func standing(of caller: Caller, hearsLeader: Bool) -> MemberRoster.Standing {
        content.withLockedValue {
            $0.standing(
                of: caller.node,
                caller.incarnation,
                hearsLeader: hearsLeader,
                isConnected: true
            )
        }
    }

    /// Voters beside this node.
    var otherVoters: Int {
        members.count { $0.votes && $0.id != identity.node }
    }

    /// The member of this number, or the one that is just leaving under it.
    func member(_ id: NodeID) -> Member? { content.withLockedValue { $0.member(id) } }

    /// Whether the configuration names a node, with this disk.
    func names(_ id: NodeID, _ incarnation: Incarnation) -> Bool {
        content.withLockedValue { $0.names(id, incarnation) }
    }

    /// The same number, unless it is a witness's: clients are not sent there.
    func full(_ id: NodeID) -> NodeID { member(id)?.role == .witness ? .none : id }

    /// This node as a member; nil while the configuration does not name it with this disk.
    var own: Member? { content.withLockedValue { $0.own } }

    /// The configuration, or the leader, has changed (``MemberRoster/update(_:leader:)``).
    func update(_ configuration: Configuration?, leader: NodeID) {
        content.withLockedValue { $0.update(configuration, leader: leader) }
    }
}
