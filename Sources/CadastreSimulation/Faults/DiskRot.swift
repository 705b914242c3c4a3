internal import CadastreProtocol

/// What rots on the disks of a world whose nodes are down.
struct DiskRot {
    /// The journal, at one start of so many.
    var journalOneIn = 2
    /// The state, at one start of so many.
    var stateOneIn = 4
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
        self.rot = rot
        // What rots is found at a start.
        if !faults.contains(.crash) { faults.append(.crash) }
    }
}

/// A node's journal has rotted: what is known of it until it is whole again.
struct RottenJournal {
    /// The files as they were.
    var before: [(path: String, bytes: [UInt8])]
    /// The newest question of the mending node.
    var asked: RepairMessage?
}
