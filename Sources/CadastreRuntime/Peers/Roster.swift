internal import CadastreNode
internal import RaftCore
internal import Synchronization

/// Who belongs to the cluster, by the newest configuration that this node has.
///
/// Written by the consensus loop, read by anyone.
final class Roster: Sendable {
    private struct Content {
        /// By the configuration, ascending.
        var members: [Member]
        /// Who votes until a change is finished, ascending.
        var outgoing: [NodeID] = []
        /// No members any more, and still needed: they vote, or lead the change that removes them.
        var leaving: [Member] = []
        /// Where members may stand.
        var policy: Policy
    }

    private let identity: NodeIdentity
    private let content: Mutex<Content>

    /// The members of a configuration, as this node knows them.
    init(_ members: [Member], of identity: NodeIdentity, policy: Policy = .init()) {
        self.identity = identity
        content = Mutex(Content(members: members, policy: policy))
    }

    /// The members as a folder knows them.
    convenience init(_ open: OpenNode) {
        let configuration = open.consensus.status.configuration
        self.init(configuration.members, of: open.identity, policy: configuration.policy)
    }

    /// Where members may stand, and where the leader should.
    var policy: Policy { content.withLock { $0.policy } }

    /// All members, ascending.
    var members: [Member] { content.withLock { $0.members } }

    /// All but this node with whom it speaks: the members, and those who are just leaving.
    var others: [Member] {
        content.withLock { $0.members + $0.leaving }.filter { $0.id != identity.node }
    }

    /// Voters beside this node.
    var otherVoters: Int {
        members.count { $0.votes && $0.id != identity.node }
    }

    /// The member of this number, or the one that is just leaving under it.
    func member(_ id: NodeID) -> Member? {
        content.withLock { content in
            content.members.first { $0.id == id } ?? content.leaving.first { $0.id == id }
        }
    }

    /// The same number, unless it is a witness's: clients are not sent there.
    func full(_ id: NodeID) -> NodeID { member(id)?.role == .witness ? .none : id }

    /// This node as a member; nil while the configuration does not name it with this disk.
    var own: Member? {
        member(identity.node).flatMap { $0.incarnation == identity.incarnation ? $0 : nil }
    }

    /// The configuration, or the leader, has changed.
    ///
    /// - Parameters:
    ///   - configuration: The newest one in force; nil if it is the same.
    ///   - leader: Whom this node follows, or itself, or none: who leads a change that removes it is
    ///     needed until the change is committed.
    func update(_ configuration: Configuration?, leader: NodeID) {
        content.withLock { content in
            let known = content.members + content.leaving
            if let configuration {
                content.members = configuration.members
                content.outgoing = configuration.outgoing
                content.policy = configuration.policy
            }
            let (members, outgoing) = (content.members, content.outgoing)
            content.leaving = known.filter { old in
                !members.contains { $0.id == old.id }
                    && (old.id == leader || outgoing.contains(old.id))
            }
        }
    }
}
