internal import Glibc

/// One open file of the simulated disk.
final class SimulatedFile: DiskFile {
    let path: String
    private let inode: SimulatedInode
    private let disk: SimulatedDisk
    private let isWritable: Bool
    private let life: Int
    private var isOpen = true

    init(path: String, inode: SimulatedInode, disk: SimulatedDisk, isWritable: Bool) {
        self.path = path
        self.inode = inode
        self.disk = disk
        self.isWritable = isWritable
        life = disk.life
    }

    func read(
        at offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        try begin(.read, .read, offset: offset)
        disk.statistics.reads += 1
        disk.statistics.largestRead = max(disk.statistics.largestRead, buffer.count)
        let count = min(buffer.count, max(0, inode.current.count - offset))
        guard count > 0 else { return 0 }
        if let bad = inode.firstUnreadable(in: offset..<(offset + count)) {
            throw DiskError(operation: .read, path: path, offset: bad, code: EIO)
        }
        unsafe inode.current.withUnsafeBytes { bytes in
            unsafe buffer.copyMemory(
                from: UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + count)])
            )
        }
        return count
    }

    func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        try requireWritable(.write)
        try begin(.write, .write, offset: offset) {
            // Some first part of the bytes may have been taken.
            let count = disk.draw(below: bytes.count + 1)
            unsafe inode.write(
                at: offset,
                UnsafeRawBufferPointer(rebasing: bytes[..<count])
            )
        }
        disk.statistics.writes += 1
        disk.statistics.writtenBytes += bytes.count
        let room = room(for: offset + bytes.count)
        guard room < offset + bytes.count else {
            unsafe inode.write(at: offset, bytes)
            return
        }
        if room > offset {
            let part = unsafe UnsafeRawBufferPointer(rebasing: bytes[..<(room - offset)])
            unsafe inode.write(at: offset, part)
        }
        throw DiskError(operation: .write, path: path, offset: max(room, offset), code: ENOSPC)
    }

    func sync() throws(DiskError) {
        try begin(.sync, .sync) {
            if !disk.isCrashed { disk.drop(inode) }
        }
        disk.statistics.syncs += 1
        inode.sync()
    }

    func startWriting(_ range: Range<Int>) {
        // When what is not synced gets to the device, nobody knows anyway.
        guard isOpen, !disk.isCrashed else { return }
        disk.statistics.startedWrites += 1
    }

    func size() throws(DiskError) -> Int {
        try begin(.size, .size)
        return inode.current.count
    }

    func truncate(to size: Int) throws(DiskError) {
        try requireWritable(.truncate)
        try begin(.truncate, .truncate, offset: size)
        guard room(for: size) >= size else {
            throw DiskError(operation: .truncate, path: path, offset: size, code: ENOSPC)
        }
        inode.resize(to: size)
    }

    func preallocate(_ size: Int) throws(DiskError) {
        try requireWritable(.preallocate)
        try begin(.preallocate, .preallocate, offset: size)
        guard size > inode.current.count else { return }
        // What there is, is taken, as file systems do.
        let room = room(for: size)
        inode.resize(to: min(size, max(room, inode.current.count)))
        guard room >= size else {
            throw DiskError(operation: .preallocate, path: path, offset: size, code: ENOSPC)
        }
    }

    func zeroFill(_ range: Range<Int>) throws(DiskError) {
        try requireWritable(.write)
        try begin(.write, .write, offset: range.lowerBound)
        disk.statistics.writes += 1
        disk.statistics.writtenBytes += range.count
        let room = room(for: range.upperBound)
        inode.zeroFill(range.clamped(to: 0..<max(0, room)))
        guard room >= range.upperBound else {
            throw DiskError(operation: .write, path: path, offset: room, code: ENOSPC)
        }
    }

    func forgetCache() throws(DiskError) {
        try begin(.forgetCache, .forgetCache)
        inode.forgetCache()
    }

    func close() { isOpen = false }

    private func begin(
        _ operation: DiskError.Operation,
        _ kind: SimulatedDisk.Fallible,
        offset: Int? = nil,
        onCrash partly: () -> Void = {}
    ) throws(DiskError) {
        guard isOpen else {
            throw DiskError(operation: operation, path: path, offset: offset, code: EBADF)
        }
        guard life == disk.life else {
            throw DiskError(
                operation: operation,
                path: path,
                offset: offset,
                code: DiskError.crashed
            )
        }
        try disk.begin(operation, kind, path, offset: offset, onCrash: partly)
    }

    private func requireWritable(_ operation: DiskError.Operation) throws(DiskError) {
        guard isWritable else {
            throw DiskError(operation: operation, path: path, code: EBADF)
        }
    }

    /// How large the file may become, if it is to become so large: the disk's room ends somewhere.
    private func room(for size: Int) -> Int {
        let current = inode.current.count
        guard disk.capacity != nil, size > current else { return size }
        return min(size, current + disk.freeBytes)
    }
}

/// A lock of the simulated disk.
final class SimulatedLock: DiskLock {
    private let path: String
    private let disk: SimulatedDisk
    private let life: Int
    private var isHeld = true

    init(path: String, disk: SimulatedDisk, life: Int) {
        self.path = path
        self.disk = disk
        self.life = life
    }

    deinit { release() }

    func release() {
        guard isHeld else { return }
        isHeld = false
        disk.free(path, life: life)
    }
}
