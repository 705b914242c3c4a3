internal import Glibc

/// A disk in memory that keeps the contract of ``Disk`` and no more: at a crash everything that was
/// not synced is kept, lost or torn by sector, as one seed decides.
///
/// - ``crash()`` stops the machine: unsynced bytes and names are settled by the seed, locks are free,
///   and every call fails with ``DiskError/crashed`` until ``restart()``. Files opened before stay
///   dead.
/// - ``fail(_:nth:code:)`` makes one coming call fail. A failed write may leave any part of its
///   bytes; after a failed sync the bytes it should have made durable never become so, whatever
///   later syncs say, and readers see them or not, as with a kernel that drops dirty pages.
/// - ``crash(atOperation:)`` stops the machine in the middle of a coming call.
/// - ``endProcess()`` ends the process alone: locks are free and files dead as at a crash, but what
///   was written stays in the machine's memory, for the next process to see and a crash to lose.
/// - ``capacity`` makes the disk small: a write that does not fit takes what room there is.
/// - `flipBit`, `zero` and `makeUnreadable` damage what is stored (SimulatedDisk+Damage.swift).
///
/// Not modelled: a synced sector that is lost, or a write at a wrong place (a test does that by
/// hand with the functions for damage).
///
/// `@unchecked Sendable`: single-threaded by contract. The simulator runs everything on one thread.
package final class SimulatedDisk: Disk, @unchecked Sendable {
    /// What was asked of the disk so far.
    package struct Statistics: Hashable, Sendable {
        /// Calls that may fail or crash.
        package var operations = 0
        /// Writes.
        package var writes = 0
        /// Bytes written.
        package var writtenBytes = 0
        /// Reads.
        package var reads = 0
        /// Bytes that the largest of them asked for.
        package var largestRead = 0
        /// Syncs of files.
        package var syncs = 0
        /// Ranges of which it was asked that they be on their way.
        package var startedWrites = 0
        /// Syncs of directories.
        package var directorySyncs = 0

        /// Nothing yet.
        package init() {}
    }

    /// A kind of call that can be made to fail.
    package enum Fallible: Hashable, Sendable, CaseIterable {
        case read, write, sync, syncDirectory, rename, open
        case truncate, preallocate, remove, list, size, createDirectory, lock, exists, freeSpace
        case forgetCache
    }

    /// Who is gone, until ``restart()``.
    package enum End: Hashable, Sendable {
        /// The process alone.
        case process
        /// The machine, and what it had in memory.
        case machine
    }

    /// What was asked of the disk so far; may be set to zero.
    package var statistics = Statistics()
    /// Bytes that fit on the disk; `nil` is no limit.
    package var capacity: Int?
    /// Who has stopped, if anybody.
    package private(set) var end: End?
    /// Whether every call fails because the process or its machine has stopped.
    package var isCrashed: Bool { end != nil }
    /// The faults of ``fail(_:nth:code:)`` that have come, oldest first.
    package private(set) var failures: [Fallible] = []

    /// Grows at each crash; a file opened in an earlier life is dead.
    private(set) var life = 0
    private var generator: SplitMix64
    var names = SimulatedNames()
    private var locks: Set<String> = []
    private var faults: [Fault] = []
    private var plannedEnd: (operation: Int, end: End)?

    private struct Fault {
        var kind: Fallible
        var remaining: Int
        var code: Int32
    }

    /// An empty disk; everything random follows from the seed.
    package init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// The same files, durable or not, on another disk.
    package init(copying other: SimulatedDisk, seed: UInt64) {
        generator = SplitMix64(seed: seed)
        capacity = other.capacity
        names = SimulatedNames(copying: other.names)
    }

    // MARK: The contract

    package func open(_ path: String, mode: OpenMode) throws(DiskError) -> any DiskFile {
        try begin(.open, .open, path)
        if let inode = names.files[path] {
            guard mode != .createExclusively else {
                throw DiskError(operation: .open, path: path, code: EEXIST)
            }
            return SimulatedFile(path: path, inode: inode, disk: self, isWritable: mode != .read)
        }
        guard !names.directories.contains(path) else {
            throw DiskError(operation: .open, path: path, code: EISDIR)
        }
        guard mode == .create || mode == .createExclusively,
            names.directories.contains(parent(of: path))
        else { throw DiskError(operation: .open, path: path, code: ENOENT) }
        let inode = names.create(path)
        return SimulatedFile(path: path, inode: inode, disk: self, isWritable: true)
    }

    package func exists(_ path: String) throws(DiskError) -> Bool {
        try begin(.exists, .exists, path)
        return names.files[path] != nil || names.directories.contains(path)
    }

    package func list(_ directory: String) throws(DiskError) -> [String] {
        try begin(.list, .list, directory)
        guard names.directories.contains(directory) else {
            throw DiskError(operation: .list, path: directory, code: ENOENT)
        }
        return names.list(directory)
    }

    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        try begin(.rename, .rename, path)
        guard names.files[path] != nil, names.directories.contains(parent(of: newPath)) else {
            throw DiskError(operation: .rename, path: path, code: ENOENT)
        }
        names.rename(path, to: newPath)
    }

    package func remove(_ path: String) throws(DiskError) {
        try begin(.remove, .remove, path)
        guard names.files[path] != nil else {
            throw DiskError(operation: .remove, path: path, code: ENOENT)
        }
        names.remove(path)
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        var made = path.hasPrefix("/") ? "" : nil as String?
        let parts = path.split(separator: "/")
        for (place, part) in parts.enumerated() {
            let next = made.map { "\($0)/\(part)" } ?? String(part)
            made = next
            try begin(.createDirectory, .createDirectory, next)
            guard names.files[next] == nil else {
                throw DiskError(operation: .createDirectory, path: next, code: EEXIST)
            }
            let isNew = !names.directories.contains(next)
            if isNew { names.createDirectory(next) }
            if isNew || place == parts.count - 1 { try syncDirectory(parent(of: next)) }
        }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        try begin(.syncDirectory, .syncDirectory, path)
        statistics.directorySyncs += 1
        guard names.directories.contains(path) else {
            throw DiskError(operation: .syncDirectory, path: path, code: ENOENT)
        }
        names.sync(path)
    }

    package func lock(_ path: String) throws(DiskError) -> any DiskLock {
        try begin(.lock, .lock, path)
        guard names.directories.contains(parent(of: path)) else {
            throw DiskError(operation: .lock, path: path, code: ENOENT)
        }
        guard !locks.contains(path) else {
            throw DiskError(operation: .lock, path: path, code: EAGAIN)
        }
        if names.files[path] == nil { _ = names.create(path) }
        locks.insert(path)
        return SimulatedLock(path: path, disk: self, life: life)
    }

    package func freeSpace(_ directory: String) throws(DiskError) -> Int {
        try begin(.freeSpace, .freeSpace, directory)
        return freeBytes
    }

    // MARK: Faults

    /// Makes the `nth` coming call of this kind fail, 1 being the next one.
    package func fail(_ kind: Fallible, nth: Int, code: Int32 = DiskError.inputOutput) {
        precondition(nth >= 1, "the next call is number 1")
        faults.append(Fault(kind: kind, remaining: nth, code: code))
    }

    /// Forgets the faults that have not come yet, and a planned crash.
    package func forgetFaults() {
        faults.removeAll()
        plannedEnd = nil
    }

    /// Stops the machine at the `nth` coming call of any kind, 1 being the next one.
    ///
    /// If that is a write or a sync, the crash decides how much of it was done.
    package func crash(atOperation nth: Int) {
        precondition(nth >= 1, "the next call is number 1")
        plannedEnd = (statistics.operations + nth, .machine)
    }

    /// Ends the process at the `nth` coming call of any kind, 1 being the next one.
    ///
    /// A write may have been begun; a sync loses nothing that was written.
    package func endProcess(atOperation nth: Int) {
        precondition(nth >= 1, "the next call is number 1")
        plannedEnd = (statistics.operations + nth, .process)
    }

    /// Stops the machine now and settles what was not synced.
    package func crash() {
        guard end != .machine else { return }
        endProcess()
        end = .machine
        names.settle(with: &generator)
        // In the order of the names, so that the seed alone decides.
        for path in paths { names.files[path]?.settle(with: &generator) }
    }

    /// Ends the process now; the machine goes on with everything that was written.
    package func endProcess() {
        guard end == nil else { return }
        end = .process
        plannedEnd = nil
        life += 1
        locks.removeAll()
    }

    /// Starts the process again, and the machine if it had stopped.
    package func restart() { end = nil }

    /// Bytes in all files.
    package var usedBytes: Int {
        // A sum does not depend on the order.
        names.files.values.reduce(0) { $0 + $1.current.count }
    }

    // MARK: Called by the open files

    /// Bytes that still fit.
    var freeBytes: Int { capacity.map { max(0, $0 - usedBytes) } ?? Int.max }

    /// Counts a call, and fails it if a fault or a crash was planned for it.
    func begin(
        _ operation: DiskError.Operation,
        _ kind: Fallible,
        _ path: String,
        offset: Int? = nil,
        onCrash partly: () -> Void = {}
    ) throws(DiskError) {
        func failure(_ code: Int32) -> DiskError {
            DiskError(operation: operation, path: path, offset: offset, code: code)
        }
        guard !isCrashed else { throw failure(DiskError.crashed) }
        statistics.operations += 1
        if let planned = plannedEnd, statistics.operations >= planned.operation {
            switch planned.end {
            case .machine:
                partly()
                crash()
            case .process:
                endProcess()
                partly()
            }
            throw failure(DiskError.crashed)
        }
        var code: Int32?
        for place in faults.indices where faults[place].kind == kind {
            faults[place].remaining -= 1
            if faults[place].remaining == 0 { code = faults[place].code }
        }
        faults.removeAll { $0.remaining == 0 }
        if let code {
            failures.append(kind)
            partly()
            throw failure(code)
        }
    }

    /// Draws from the disk's seed.
    func draw(below bound: Int) -> Int { generator.next(below: bound) }

    /// Gives a lock of this life back.
    func free(_ path: String, life: Int) {
        if life == self.life { locks.remove(path) }
    }

    /// Loses what a failed sync should have kept.
    func drop(_ inode: SimulatedInode) { inode.dropPending(with: &generator) }
}
