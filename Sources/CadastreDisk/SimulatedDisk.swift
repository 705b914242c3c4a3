internal import Glibc

/// A disk in memory that keeps the contract of ``Disk`` and no more: at a crash everything that was
/// not synced is kept, lost or torn by sector, as one seed decides.
///
/// - ``crash()`` stops the machine: unsynced bytes and directory entries are settled by the seed,
///   locks are free, and every call fails with ``DiskError/crashed`` until ``restart()``. Files
///   opened before stay dead.
/// - ``fail(_:nth:code:)`` makes one coming call fail. A failed write may leave any part of its
///   bytes; after a failed sync the bytes it should have made durable never become so, whatever
///   later syncs say, as with a kernel that drops dirty pages.
/// - ``crash(atOperation:)`` stops the machine in the middle of a coming call.
/// - ``capacity`` makes the disk small; `flipBit` and `zero` damage what is stored.
///
/// Not modelled: a synced sector that is lost, or a write at a wrong place (a test does that by
/// hand with the functions for damage); directories being lost.
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
        /// Syncs of files.
        package var syncs = 0
        /// Syncs of directories.
        package var directorySyncs = 0

        /// Nothing yet.
        package init() {}
    }

    /// A kind of call that can be made to fail.
    package enum Fallible: Hashable, Sendable, CaseIterable {
        case read, write, sync, syncDirectory, rename, open
    }

    /// What was asked of the disk so far; may be set to zero.
    package var statistics = Statistics()
    /// Bytes that fit on the disk; `nil` is no limit.
    package var capacity: Int?
    /// Whether the machine has stopped.
    package private(set) var isCrashed = false

    /// Grows at each crash; a file opened in an earlier life is dead.
    private(set) var life = 0
    private var generator: SplitMix64
    private var directories: Set<String> = ["", "/", "."]
    private var entries: [String: SimulatedInode] = [:]
    private var durableEntries: [String: SimulatedInode] = [:]
    private var pendingEntries: [EntryChange] = []
    private var locks: Set<String> = []
    private var faults: [Fault] = []
    private var crashOperation: Int?

    private struct Fault {
        var kind: Fallible
        var remaining: Int
        var code: Int32
    }

    /// A change of names that no directory sync has made durable.
    private enum EntryChange {
        case create(String, SimulatedInode)
        case rename(String, to: String, SimulatedInode)
        case remove(String)

        func touches(_ directory: String) -> Bool {
            switch self {
            case .create(let path, _), .remove(let path): parent(of: path) == directory
            case .rename(let path, let newPath, _):
                parent(of: path) == directory || parent(of: newPath) == directory
            }
        }
    }

    /// An empty disk; everything random follows from the seed.
    package init(seed: UInt64) {
        generator = SplitMix64(seed: seed)
    }

    /// The same files, durable or not, on another disk.
    package init(copying other: SimulatedDisk, seed: UInt64) {
        generator = SplitMix64(seed: seed)
        capacity = other.capacity
        directories = other.directories
        // Names may share one file; each file is copied once.
        var copies: [ObjectIdentifier: SimulatedInode] = [:]
        func copy(_ inode: SimulatedInode) -> SimulatedInode {
            if let known = copies[ObjectIdentifier(inode)] { return known }
            let made = SimulatedInode(copying: inode)
            copies[ObjectIdentifier(inode)] = made
            return made
        }
        entries = other.entries.mapValues(copy)
        durableEntries = other.durableEntries.mapValues(copy)
        pendingEntries = other.pendingEntries.map { change in
            switch change {
            case .create(let path, let inode): .create(path, copy(inode))
            case .rename(let path, let newPath, let inode):
                .rename(path, to: newPath, copy(inode))
            case .remove(let path): .remove(path)
            }
        }
    }

    // MARK: The contract

    package func open(_ path: String, mode: OpenMode) throws(DiskError) -> any DiskFile {
        try begin(.open, .open, path)
        if let inode = entries[path] {
            guard mode != .createExclusively else {
                throw DiskError(operation: .open, path: path, code: EEXIST)
            }
            return SimulatedFile(path: path, inode: inode, disk: self, isWritable: mode != .read)
        }
        guard !directories.contains(path) else {
            throw DiskError(operation: .open, path: path, code: EISDIR)
        }
        guard mode == .create || mode == .createExclusively,
            directories.contains(parent(of: path))
        else { throw DiskError(operation: .open, path: path, code: ENOENT) }
        let inode = SimulatedInode()
        entries[path] = inode
        pendingEntries.append(.create(path, inode))
        return SimulatedFile(path: path, inode: inode, disk: self, isWritable: true)
    }

    package func exists(_ path: String) throws(DiskError) -> Bool {
        try begin(.exists, nil, path)
        return entries[path] != nil || directories.contains(path)
    }

    package func list(_ directory: String) throws(DiskError) -> [String] {
        try begin(.list, nil, directory)
        guard directories.contains(directory) else {
            throw DiskError(operation: .list, path: directory, code: ENOENT)
        }
        // Sorted, so the order of the dictionary does not get out.
        return (Array(entries.keys) + directories).filter {
            !$0.isEmpty && $0 != directory && parent(of: $0) == directory
        }
        .map { String($0.split(separator: "/").last ?? "") }
        .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        try begin(.rename, .rename, path)
        guard let inode = entries[path], directories.contains(parent(of: newPath)) else {
            throw DiskError(operation: .rename, path: path, code: ENOENT)
        }
        entries[path] = nil
        entries[newPath] = inode
        pendingEntries.append(.rename(path, to: newPath, inode))
    }

    package func remove(_ path: String) throws(DiskError) {
        try begin(.remove, nil, path)
        guard entries[path] != nil else {
            throw DiskError(operation: .remove, path: path, code: ENOENT)
        }
        entries[path] = nil
        pendingEntries.append(.remove(path))
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        try begin(.createDirectory, nil, path)
        var made = path.hasPrefix("/") ? "" : nil as String?
        for part in path.split(separator: "/") {
            made = made.map { "\($0)/\(part)" } ?? String(part)
            guard let made else { continue }
            guard entries[made] == nil else {
                throw DiskError(operation: .createDirectory, path: made, code: EEXIST)
            }
            directories.insert(made)
        }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        try begin(.syncDirectory, .syncDirectory, path)
        statistics.directorySyncs += 1
        guard directories.contains(path) else {
            throw DiskError(operation: .syncDirectory, path: path, code: ENOENT)
        }
        var rest: [EntryChange] = []
        for change in pendingEntries {
            if change.touches(path) { makeDurable(change) } else { rest.append(change) }
        }
        pendingEntries = rest
    }

    package func lock(_ path: String) throws(DiskError) -> any DiskLock {
        try begin(.lock, nil, path)
        guard directories.contains(parent(of: path)) else {
            throw DiskError(operation: .lock, path: path, code: ENOENT)
        }
        guard !locks.contains(path) else {
            throw DiskError(operation: .lock, path: path, code: EAGAIN)
        }
        if entries[path] == nil {
            let inode = SimulatedInode()
            entries[path] = inode
            pendingEntries.append(.create(path, inode))
        }
        locks.insert(path)
        return SimulatedLock(path: path, disk: self, life: life)
    }

    package func freeSpace(_ directory: String) throws(DiskError) -> Int {
        try begin(.freeSpace, nil, directory)
        return max(0, (capacity ?? Int.max) - usedBytes)
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
        crashOperation = nil
    }

    /// Stops the machine at the `nth` coming call of any kind, 1 being the next one.
    ///
    /// If that is a write or a sync, the crash decides how much of it was done.
    package func crash(atOperation nth: Int) {
        precondition(nth >= 1, "the next call is number 1")
        crashOperation = statistics.operations + nth
    }

    /// Stops the machine now and settles what was not synced.
    package func crash() {
        guard !isCrashed else { return }
        isCrashed = true
        crashOperation = nil
        life += 1
        locks.removeAll()
        settleEntries()
        entries = durableEntries
        // In the order of the names, so that the seed alone decides.
        for path in entries.keys.sorted() {
            entries[path]?.settle(with: &generator)
        }
    }

    /// Starts the machine again after a crash.
    package func restart() { isCrashed = false }

    // MARK: Looking and damaging

    /// The bytes of a file as a reader would see them, or `nil` if there is none.
    package func contents(_ path: String) -> [UInt8]? { entries[path]?.current }

    /// The names of all files, sorted.
    package var paths: [String] { entries.keys.sorted() }

    /// Puts a whole file there, durably.
    package func setContents(_ path: String, _ bytes: [UInt8]) {
        let inode = SimulatedInode()
        inode.current = bytes
        inode.durable = bytes
        entries[path] = inode
        durableEntries[path] = inode
        pendingEntries.removeAll { change in
            switch change {
            case .create(let name, _), .remove(let name): name == path
            case .rename(_, let name, _): name == path
            }
        }
    }

    /// Turns one bit over, durably.
    ///
    /// Nothing happens behind the end of the file.
    package func flipBit(_ path: String, at offset: Int, bit: Int) {
        guard let inode = entries[path], offset < inode.current.count else { return }
        inode.current[offset] ^= UInt8(1) << UInt8(bit & 7)
        if offset < inode.durable.count { inode.durable[offset] = inode.current[offset] }
    }

    /// Writes zeros over part of a file, durably.
    package func zero(_ path: String, _ range: Range<Int>) {
        guard let inode = entries[path] else { return }
        for offset in range.clamped(to: 0..<inode.current.count) { inode.current[offset] = 0 }
        for offset in range.clamped(to: 0..<inode.durable.count) { inode.durable[offset] = 0 }
    }

    /// Bytes in all files.
    package var usedBytes: Int {
        // A sum does not depend on the order.
        entries.values.reduce(0) { $0 + $1.current.count }
    }

    // MARK: Called by the open files

    /// Counts a call, and fails it if a fault or a crash was planned for it.
    func begin(
        _ operation: DiskError.Operation,
        _ kind: Fallible?,
        _ path: String,
        offset: Int? = nil,
        onCrash partly: () -> Void = {}
    ) throws(DiskError) {
        guard !isCrashed else {
            throw DiskError(
                operation: operation,
                path: path,
                offset: offset,
                code: DiskError.crashed
            )
        }
        statistics.operations += 1
        if let planned = crashOperation, statistics.operations >= planned {
            partly()
            crash()
            throw DiskError(
                operation: operation,
                path: path,
                offset: offset,
                code: DiskError.crashed
            )
        }
        guard let kind else { return }
        var code: Int32?
        for place in faults.indices where faults[place].kind == kind {
            faults[place].remaining -= 1
            if faults[place].remaining == 0 { code = faults[place].code }
        }
        faults.removeAll { $0.remaining == 0 }
        if let code {
            partly()
            throw DiskError(operation: operation, path: path, offset: offset, code: code)
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

    // MARK: Directory entries at a crash

    private func makeDurable(_ change: EntryChange) {
        switch change {
        case .create(let path, let inode): durableEntries[path] = inode
        case .rename(let path, let newPath, let inode):
            durableEntries[path] = nil
            durableEntries[newPath] = inode
        case .remove(let path): durableEntries[path] = nil
        }
    }

    /// All kept, all lost, the first few kept, or each by itself.
    private func settleEntries() {
        let kept: (Int) -> Bool
        switch generator.next(below: 4) {
        case 0: kept = { _ in true }
        case 1: kept = { _ in false }
        case 2:
            let count = generator.next(below: pendingEntries.count + 1)
            kept = { $0 < count }
        default:
            let choices = pendingEntries.map { _ in generator.next(below: 2) == 0 }
            kept = { choices[$0] }
        }
        for (place, change) in pendingEntries.enumerated() where kept(place) {
            makeDurable(change)
        }
        pendingEntries.removeAll()
    }
}

/// The directory part of a path; empty for a bare name.
private func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
