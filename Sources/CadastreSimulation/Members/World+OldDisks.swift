internal import CadastreDisk
internal import RaftCore

/// Disks that were lost and replaced, and turn up again: somebody finds one and puts it back into the
/// machine, in the place of the one that was taken in since.
///
/// It has the number of a member, its old incarnation, and remembers having a vote. A majority of those
/// who voted beside it have a newer configuration, by which the number means another disk; so whatever
/// it asks for comes to nothing, and it disturbs nobody. The newer disk meanwhile is a member that is
/// down: it forgets nothing.
extension World {
    /// The number of a lost disk votes again, or another node for it: the disk may turn up.
    func planOldDisk(_ place: Int) {
        guard scenario.members?.oldDisks == true else { return }
        plan(.oldDisk(place, isOut: false), after: rotChance.draw(0...300 * Span.millisecond))
    }

    /// Puts an old disk back for a while, or takes it out again.
    func oldDisk(_ place: Int, isOut: Bool) {
        let node = nodes[place]
        if isOut {
            takeOldDiskOut(of: node)
            return
        }
        guard case .faults = phase, owner.wiped == nil, node.lost != nil, !node.hasOldDisk else {
            return
        }
        // Nobody is to take the old disk in as a new one, or to mend it.
        guard !owner.steps.contains(where: { $0.takesIn(place) }), !node.isNew, node.rotten == nil,
            node.mending == nil, !mustBeFounded.contains(place)
        else {
            planOldDisk(place)
            return
        }
        guard isChosen() else { return }
        tell("the old disk of node \(node.id) is found, and put back")
        reach.mark(.oldDiskPutBack)
        faultCount += 1
        exchangeDisks(of: node)
        plan(
            .oldDisk(place, isOut: true),
            after: rotChance.draw(300 * Span.millisecond...3 * Span.second)
        )
    }

    /// Takes an old disk out again, if there is one.
    func takeOldDiskOut(of node: SimulatedNode) {
        guard node.hasOldDisk else { return }
        tell("the old disk of node \(node.id) is taken out again")
        exchangeDisks(of: node)
    }

    private func exchangeDisks(of node: SimulatedNode) {
        let delay = rotChance.draw(10 * Span.millisecond...500 * Span.millisecond)
        if node.isUp {
            crash(node, after: delay)
        } else {
            // Its process was gone, its machine was not; a start is planned.
            node.disk.crash()
        }
        monitor.exchanged(node.place, incarnation: node.incarnation)
        progress.exchanged(node.place)
        node.exchangeDisks()
        node.wasKilled = false
    }
}
