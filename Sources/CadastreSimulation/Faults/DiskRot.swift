internal import CadastreNode
internal import CadastreProtocol

/// What rots on the disks of a world.
struct DiskRot {
    /// The journal, at one start of so many.
    var journalOneIn = 2
    /// The state, at one start of so many.
    var stateOneIn = 4
    /// Journals rot under running nodes, from one time to the next; nil where only those of nodes
    /// that are down do.
    var runningInterval: ClosedRange<UInt64>?
    /// The mending of a journal meets something, one time in so many.
    var interruptionOneIn = 2
}

extension Scenario {
    /// In a third of the larger worlds disks rot.
    ///
    /// By a chance of its own, as ``drawMembers(seed:)``; one node at a time.
    mutating func drawRot(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x726F_7474_656E_2121)
        guard nodes >= 3, chance.oneIn(3) else { return }
        var rot = DiskRot()
        rot.journalOneIn = chance.pick([1, 2, 3])
        rot.stateOneIn = chance.pick([2, 4])
        rot.interruptionOneIn = chance.pick([1, 2, 4])
        if chance.oneIn(2) {
            rot.runningInterval = 50 * Span.millisecond...500 * Span.millisecond
            // Some nodes read everything again now and then.
            if chance.oneIn(2) { settings.scrubInterval = 300 * Span.millisecond }
        }
        self.rot = rot
        // What rots is found at a start.
        if !faults.contains(.crash) { faults.append(.crash) }
    }
}

extension Scenario {
    /// Beyond what a cluster can survive: disks rot on as many nodes at once as it happens, in worlds of
    /// all sizes, and never give back what they held.
    ///
    /// It may stop for good, and say so; what it answers must be true all the same.
    mutating func goBeyond(seed: UInt64) {
        var chance = Chance(seed: seed ^ 0x6265_796F_6E64_2121)
        isBeyond = true
        members = nil
        weak = Array(0..<places)
        var rot = DiskRot()
        rot.journalOneIn = chance.pick([1, 2])
        rot.stateOneIn = chance.pick([1, 2])
        rot.interruptionOneIn = chance.pick([2, 4])
        if chance.oneIn(2) { rot.runningInterval = 20 * Span.millisecond...300 * Span.millisecond }
        self.rot = rot
        for kind in [FaultKind.crash, .powerCut] where nodes > 1 || !kind.needsOthers {
            if !faults.contains(kind) { faults.append(kind) }
        }
        faultTime += chance.draw(1 * Span.second...3 * Span.second)
    }
}

/// A node's journal has rotted: what is known of it until it is whole again.
struct RottenJournal {
    /// The sectors as they were.
    var before: [(path: String, offset: Int, bytes: [UInt8])]
    /// The newest question of the mending node.
    var asked: RepairMessage?
}
