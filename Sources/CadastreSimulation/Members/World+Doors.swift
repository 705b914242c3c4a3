internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Which connections there can be, and as what a node is heard on them: the product's own rules
/// (``MemberRoster``), over connections that are simulated.
///
/// Simulated is this: a node dials the members that its configuration names and finds the disk that
/// is there now; the two ends tell their number and incarnation; the other end lets the caller in or
/// not; and whoever is not dialled is answered on the connection that it has dialled.
/// What the certificates say is not: all are good.
extension World {
    /// A message under way, with the two ends of its connection.
    struct Letter {
        /// Of the sender.
        var from: Int
        /// Of the receiver.
        var to: Int
        /// The sender's disk.
        var sender: Incarnation
        /// The disk that it is for.
        var receiver: Incarnation
        /// It goes back on a connection that the receiver has dialled.
        var isAnswer: Bool
        var bytes: [UInt8]
    }

    /// Puts a message on the connection that it can take; nil where there is none.
    func letter(_ bytes: [UInt8], from node: SimulatedNode, to place: Int) -> Letter? {
        let peer = nodes[place]
        var letter = Letter(
            from: node.place,
            to: place,
            sender: node.incarnation,
            receiver: peer.incarnation,
            isAnswer: false,
            bytes: bytes
        )
        guard scenario.members != nil else { return letter }
        if dials(node, peer) { return letter }
        let hasLink = node.roster?.dialled.contains { $0.id == peer.id } ?? false
        let isStranger = node.roster.map { !$0.names(peer.id, peer.incarnation) } ?? true
        guard peer.isListening, dials(peer, node), standing(of: peer, at: node) != .refused,
            !hasLink || isStranger
        else { return nil }
        letter.isAnswer = true
        return letter
    }

    /// Whether a letter that came is read, by the process that is there now.
    func isRead(_ letter: Letter, isOfLeader: Bool) -> Bool {
        let (from, node) = (nodes[letter.from], nodes[letter.to])
        guard node.isListening else { return false }
        guard scenario.members != nil else { return true }
        guard node.incarnation == letter.receiver, let roster = node.roster else { return false }
        if letter.isAnswer { return roster.names(from.id, letter.sender) }
        let standing = roster.standing(
            of: from.id,
            letter.sender,
            hearsLeader: node.leader != .none,
            isConnected: node.acquaintances[letter.from] == letter.sender
        )
        node.acquaintances[letter.from] = standing == .refused ? nil : letter.sender
        switch standing {
        case .member: return true
        case .stranger:
            if isOfLeader { reach.mark(.strangerHeardAsLeader) }
            return isOfLeader
        case .refused:
            reach.mark(.strangerRefused)
            return false
        }
    }

    /// Whether a node dials another one, and finds the disk that it looks for.
    func dials(_ node: SimulatedNode, _ peer: SimulatedNode) -> Bool {
        guard scenario.members != nil else { return true }
        return node.roster?.dialled.contains {
            $0.id == peer.id && $0.incarnation == peer.incarnation
        } ?? false
    }

    /// Whether a node that dials another one is let in.
    func isLetIn(_ node: SimulatedNode, by peer: SimulatedNode) -> Bool {
        scenario.members == nil || standing(of: node, at: peer) != .refused
    }

    private func standing(of caller: SimulatedNode, at node: SimulatedNode) -> MemberRoster.Standing
    {
        guard let roster = node.roster else { return .refused }
        return roster.standing(
            of: caller.id,
            caller.incarnation,
            hearsLeader: node.leader != .none,
            isConnected: node.acquaintances[caller.place] == caller.incarnation
        )
    }

    /// The configuration, or whom a node follows, has changed: links that lead to nobody are gone,
    /// and so are callers who are not welcome any more.
    func membersChanged(_ node: SimulatedNode, _ configuration: Configuration?, leader: NodeID) {
        guard scenario.members != nil else { return }
        node.leader = leader
        node.roster?.update(configuration, leader: leader)
        for other in nodes where other.place != node.place {
            if node.acquaintances[other.place] != nil, standing(of: other, at: node) == .refused {
                node.acquaintances[other.place] = nil
            }
            guard node.isConnected[other.place], !dials(node, other) else { continue }
            node.isConnected[other.place] = false
            give(.peerDisconnected(other.id, isRefused: false), to: node.place)
        }
    }

    /// Links that are not up are tried again and again.
    func redial(_ node: SimulatedNode) {
        guard scenario.members != nil, chance.oneIn(3) else { return }
        for other in nodes
        where other.place != node.place && other.isUp && !node.isConnected[other.place]
            && dials(node, other)
        {
            plan(
                .connection(node.place, life: node.life, of: other.place, isUp: true),
                after: chance.draw(200 * Span.microsecond...20 * Span.millisecond)
            )
        }
    }
}
