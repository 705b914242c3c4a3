internal import CadastreDisk
internal import RaftCore

/// Faults of disks.
extension World {
    /// A coming call fails; of the rare kinds, the next one.
    func failDisk() {
        let node = victim()
        guard node.isUp else { return }
        let all = SimulatedDisk.Fallible.allCases
        let kind = chance.pick([
            .sync, .write, .read, .open, .rename, .syncDirectory, chance.pick(all),
        ])
        let soonest = kind == .write ? 20 : kind == .sync || kind == .read ? 6 : 1
        node.disk.fail(kind, nth: 1 + chance.below(soonest))
    }

    /// Counts the faults of a disk that have come.
    func markFailures(of node: SimulatedNode) {
        for kind in node.disk.failures[node.markedFailures...] {
            tell("the disk of node \(node.id) fails: \(kind)")
            switch kind {
            case .sync: reach.mark(.failedSync)
            case .write: reach.mark(.failedWrite)
            case .read: reach.mark(.failedRead)
            case .open: reach.mark(.failedOpen)
            case .rename: reach.mark(.failedRename)
            case .syncDirectory: reach.mark(.failedDirectorySync)
            case .truncate, .preallocate, .remove, .list, .size, .createDirectory, .lock, .exists,
                .freeSpace, .forgetCache:
                reach.mark(.failedOtherCall)
            }
        }
        node.markedFailures = node.disk.failures.count
    }

    func fillDisk() {
        let node = victim()
        guard node.disk.capacity == nil, !node.isNew else { return }
        reach.mark(.fullDisk)
        node.disk.capacity = node.disk.usedBytes + chance.below(chance.pick([4_096, 100_000]))
        tell("the disk of node \(node.id) is nearly full")
        seeHealth(of: node)
        plan(.mend(.room(node.place)), after: someTime())
    }

    func slowDisk() {
        let node = victim()
        if node.role == .leader { reach.mark(.slowDiskOfLeader) }
        node.slowUntil = max(node.slowUntil, now + someTime())
        tell("the disk of node \(node.id) is slow until \(node.slowUntil / Span.microsecond) µs")
        seeHealth(of: node)
    }
}
