internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// Disks that are lost as a whole, one at a time.
extension World {
    /// Whether the cluster survives the loss of one more disk.
    ///
    /// Every acknowledged write is on a majority of the voters' disks, and of the rest of any three
    /// or more voters a majority holds it: so one disk may go, and no other before its number, or
    /// another node in its place, votes again. And no change may be under way, or asked for: one that
    /// leaves two voters, of whom one is just gone, would be the end.
    func mayWipe(_ now: Configuration) -> Bool {
        guard owner.wiped == nil, now.voters.count >= 3, now.outgoing.isEmpty,
            nodes.allSatisfy({ $0.rotten == nil })
        else { return false }
        let isAsked = nodes.contains { node in
            node.consensusInbox.contains { if case .changeMembers = $0 { true } else { false } }
        }
        guard !isAsked else { return false }
        return now.members.allSatisfy { member in
            guard let place = place(of: member.id) else { return false }
            let newest = newestConfiguration(in: nodes[place].log)
            return newest?.configuration == now
                && newest?.record.position.index ?? .zero <= committed.last
        }
    }

    /// A node's machine burns, and comes back with an empty disk, founded to join under its old
    /// number.
    func wipe(_ node: SimulatedNode) {
        tell("the disk of node \(node.id) is lost, and an empty one takes its place")
        reach.mark(.memberWiped)
        if node.role == .leader { reach.mark(.leaderWiped) }
        faultCount += 1
        crash(node, after: chance.draw(100 * Span.millisecond...900 * Span.millisecond))
        owner.wiped = node.place
        owner.newestBeforeWipe = owner.asked
        monitor.wiped(node.place, incarnation: node.incarnation)
        progress.wiped(node.place)
        node.takeEmptyDisk(
            seed: chance.bits(),
            incarnation: Incarnation(high: chance.bits() | 1, low: chance.bits())
        )
        mustBeFounded.append(node.place)
    }

    /// Founds the folder of a node that is to join.
    func foundToJoin(_ node: SimulatedNode) throws(Violation) {
        do throws(NodeError) {
            try NodeFolder.found(
                SimulatedNode.folder,
                on: node.watched,
                genesis: genesis,
                node: node.id,
                incarnation: node.incarnation,
                settings: scenario.settings,
                seed: chance.bits()
            )
        } catch {
            throw Violation(.unexpectedStop, "node \(node.id) cannot be founded: \(error)")
        }
    }
}
