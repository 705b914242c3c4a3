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
        let count = min(buffer.count, max(0, inode.current.count - offset))
        guard count > 0 else { return 0 }
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
        try requireRoom(offset + bytes.count, .write)
        unsafe inode.write(at: offset, bytes)
    }

    func sync() throws(DiskError) {
        try begin(.sync, .sync) {
            if !disk.isCrashed { disk.drop(inode) }
        }
        disk.statistics.syncs += 1
        inode.sync()
    }

    func size() throws(DiskError) -> Int {
        try begin(.size, nil)
        return inode.current.count
    }

    func truncate(to size: Int) throws(DiskError) {
        try requireWritable(.truncate)
        try begin(.truncate, nil, offset: size)
        try requireRoom(size, .truncate)
        inode.resize(to: size)
    }

    func preallocate(_ size: Int) throws(DiskError) {
        try requireWritable(.preallocate)
        try begin(.preallocate, nil, offset: size)
        guard size > inode.current.count else { return }
        try requireRoom(size, .preallocate)
        inode.resize(to: size)
    }

    func zeroFill(_ range: Range<Int>) throws(DiskError) {
        try requireWritable(.write)
        try begin(.write, .write, offset: range.lowerBound)
        disk.statistics.writes += 1
        disk.statistics.writtenBytes += range.count
        try requireRoom(range.upperBound, .write)
        inode.zeroFill(range)
    }

    func close() { isOpen = false }

    private func begin(
        _ operation: DiskError.Operation,
        _ kind: SimulatedDisk.Fallible?,
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

    private func requireRoom(_ size: Int, _ operation: DiskError.Operation) throws(DiskError) {
        guard let capacity = disk.capacity, size > inode.current.count else { return }
        guard disk.usedBytes + (size - inode.current.count) <= capacity else {
            throw DiskError(operation: operation, path: path, offset: size, code: ENOSPC)
        }
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
