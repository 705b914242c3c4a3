/// What can be done to a world.
///
/// All of it a cluster must survive: what was synced is never taken away, and whatever is broken is
/// mended in the end.
enum FaultKind: CaseIterable {
    /// The machine of a node stops between two turns; what was not synced is settled by chance.
    case crash
    /// It stops in the middle of a coming call to the disk.
    case crashInsideTurn
    /// All machines stop at once.
    case powerCut
    /// A coming sync or write fails.
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
    /// The leader is told to hand over.
    case transfer
}
