/// What can be done to a world.
///
/// All of it a cluster must survive: what was synced is never taken away, and whatever is broken is
/// mended in the end.
enum FaultKind: CaseIterable {
    /// The machine of a node stops between two turns; what was not synced is settled by chance.
    case crash
    /// It stops in the middle of a coming call to the disk.
    case crashInsideTurn
    /// The process of a node is killed; its machine goes on, with what was written and not synced.
    case kill
    /// It is killed in the middle of a coming call to the disk.
    case killInsideTurn
    /// A process ends as it should and is started again.
    case restart
    /// All machines stop at once.
    case powerCut
    /// All machines stop within a moment, each in the middle of a call to its disk.
    case tornPowerCut
    /// A coming call to the disk fails, of whatever kind.
    case failingDisk
    /// The disk is nearly full for a while.
    case fullDisk
    /// Syncs take up to a second for a while.
    case slowDisk
    /// A node's process stands still for a while.
    case pause
    /// The cluster falls into two parts.
    case partition
    /// One direction of one link is dead.
    case oneWayCut
    /// One node hears nobody and is heard by nobody, the leader by preference.
    case isolation
    /// A third of all messages is lost for a while.
    case storm
    /// Two parts hear each other only through one node that hears all.
    case bridge
    /// Each hears its neighbours in a ring, and they are a majority with it.
    case ring
    /// Nodes are cut off one after the other, and come back in another order.
    case swizzle
    /// What is sent on some links arrives all at once, after a while.
    case clog
    /// The leader is told to hand over.
    case transfer
    /// The wall clock of the one voter whose clock lies jumps by an hour or by years.
    case clockJump

    /// It strikes one node, and leaves the links between others alone.
    var strikesOne: Bool {
        switch self {
        case .crash, .crashInsideTurn, .kill, .killInsideTurn, .restart, .failingDisk, .fullDisk,
            .slowDisk, .pause, .oneWayCut, .isolation, .transfer, .clockJump:
            true
        case .powerCut, .tornPowerCut, .partition, .bridge, .ring, .swizzle, .clog, .storm: false
        }
    }

    /// Shapes of broken links that are drawn apart from the rest.
    static let shapes: [FaultKind] = [.bridge, .ring, .swizzle, .clog]

    /// It means nothing to a node that is alone.
    var needsOthers: Bool {
        switch self {
        case .partition, .oneWayCut, .isolation, .bridge, .ring, .swizzle, .clog, .storm, .transfer,
            .powerCut, .tornPowerCut:
            true
        case .crash, .crashInsideTurn, .kill, .killInsideTurn, .restart, .failingDisk, .fullDisk,
            .slowDisk, .pause, .clockJump:
            false
        }
    }
}

/// What comes in the middle of a start.
enum StartInterruption {
    /// The machine stops.
    case crash
    /// The process is killed.
    case kill
    /// A call to the disk fails.
    case fault
}
