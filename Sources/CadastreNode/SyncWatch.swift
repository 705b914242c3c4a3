internal import RaftCore

/// How long the own disk has kept writes waiting.
///
/// Heartbeats do not pass by the disk, so a leader whose disk hangs would go on to lead and commit
/// nothing (etcd#13527): consensus counts its silence and lets another voter lead.
struct SyncWatch: Sendable {
    /// The newest write that was asked for.
    private var asked: PersistNumber = .zero
    /// Since when nothing was reported durable although something was asked, monotonic; nil while
    /// nothing is under way.
    private var silentSince: UInt64?

    /// A write goes to the journal.
    mutating func asked(_ number: PersistNumber, at moment: UInt64) {
        asked = number
        if silentSince == nil { silentSince = moment }
    }

    /// The journal reported everything through `number` durable.
    mutating func persisted(_ number: PersistNumber, at moment: UInt64) {
        silentSince = number < asked ? moment : nil
    }

    /// Nanoseconds since the disk last gave a sign of life while writes waited; 0 while none do.
    func silence(at moment: UInt64) -> UInt64 {
        guard let silentSince, moment > silentSince else { return 0 }
        return moment - silentSince
    }
}
