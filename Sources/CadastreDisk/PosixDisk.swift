internal import CWriteback
internal import Glibc

/// The files of this machine.
///
/// Has no state, so any thread may use it.
///
/// Every descriptor is closed on exec; a call interrupted by a signal is made again; a write that
/// took part of the bytes goes on with the rest.
package final class PosixDisk: Disk {
    /// The one there is.
    package init() {}

    package func open(_ path: String, mode: OpenMode) throws(DiskError) -> any DiskFile {
        let flags: Int32 =
            switch mode {
            case .read: O_RDONLY
            case .readWrite: O_RDWR
            case .create: O_RDWR | O_CREAT
            case .createExclusively: O_RDWR | O_CREAT | O_EXCL
            }
        let descriptor = try PosixDisk.open(path, flags: flags, operation: .open)
        // A FIFO or a directory opens, and fails or blocks much later: refuse it by name here.
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw DiskError(operation: .open, path: path, code: EINVAL)
        }
        return PosixFile(path: path, descriptor: descriptor)
    }

    package func exists(_ path: String) throws(DiskError) -> Bool {
        if unsafe access(path, F_OK) == 0 { return true }
        let code = errno
        if code == ENOENT || code == ENOTDIR { return false }
        throw DiskError(operation: .exists, path: path, code: code)
    }

    package func list(_ directory: String) throws(DiskError) -> [String] {
        guard let stream = unsafe opendir(directory) else {
            throw DiskError(operation: .list, path: directory, code: errno)
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else {
                let code = errno
                guard code == 0 else {
                    throw DiskError(operation: .list, path: directory, code: code)
                }
                return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(cString: $0)
                }
            }
            if name != "." && name != ".." { names.append(name) }
        }
    }

    package func rename(_ path: String, to newPath: String) throws(DiskError) {
        guard unsafe Glibc.rename(path, newPath) == 0 else {
            throw DiskError(operation: .rename, path: path, code: errno)
        }
    }

    package func remove(_ path: String) throws(DiskError) {
        guard unsafe unlink(path) == 0 else {
            throw DiskError(operation: .remove, path: path, code: errno)
        }
    }

    package func createDirectory(_ path: String) throws(DiskError) {
        let isAbsolute = path.hasPrefix("/")
        var made = isAbsolute ? "" : "."
        let parts = path.split(separator: "/")
        let whole = parts.reduce(made) { "\($0)/\($1)" }
        for part in parts {
            let parent = made.isEmpty ? "/" : made
            made += "/\(part)"
            if unsafe mkdir(made, 0o700) == 0 {
                try syncDirectory(parent)
                continue
            }
            let code = errno
            guard code == EEXIST else {
                throw DiskError(operation: .createDirectory, path: made, code: code)
            }
            // Whoever made it may have ended before it synced the parent.
            if made == whole { try syncParent(parent) }
        }
    }

    /// Syncs the directory above one that was there already.
    ///
    /// One that this process may not even look into is none that it left unsynced.
    private func syncParent(_ path: String) throws(DiskError) {
        do throws(DiskError) {
            try syncDirectory(path)
        } catch {
            guard error.code == EACCES else { throw error }
        }
    }

    package func syncDirectory(_ path: String) throws(DiskError) {
        let descriptor = try PosixDisk.open(
            path,
            flags: O_RDONLY | O_DIRECTORY,
            operation: .syncDirectory
        )
        defer { _ = close(descriptor) }
        let code = PosixDisk.retried { fsync(descriptor) }
        guard code == 0 else {
            throw DiskError(operation: .syncDirectory, path: path, code: code)
        }
    }

    package func lock(_ path: String) throws(DiskError) -> any DiskLock {
        let descriptor = try PosixDisk.open(path, flags: O_RDWR | O_CREAT, operation: .lock)
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        // An open-file-description lock: unlike the old kind it also refuses a second owner in
        // this process, and is not lost when some other descriptor of the file is closed.
        let code = PosixDisk.retried { unsafe fcntl(descriptor, openFileLock, &request) }
        guard code == 0 else {
            close(descriptor)
            // POSIX allows EACCES for a lock that another has. The file itself may be used: it is
            // open.
            throw DiskError(operation: .lock, path: path, code: code == EACCES ? EAGAIN : code)
        }
        return PosixLock(descriptor: descriptor)
    }

    package func freeSpace(_ directory: String) throws(DiskError) -> Int {
        var status = statvfs()
        guard unsafe statvfs(directory, &status) == 0 else {
            throw DiskError(operation: .freeSpace, path: directory, code: errno)
        }
        let (bytes, overflow) = UInt64(status.f_bavail)
            .multipliedReportingOverflow(by: UInt64(status.f_frsize))
        return overflow ? Int.max : Int(clamping: bytes)
    }

    private static func open(
        _ path: String,
        flags: Int32,
        operation: DiskError.Operation
    ) throws(DiskError) -> Int32 {
        var descriptor: Int32 = -1
        let code = retried {
            descriptor = unsafe Glibc.open(path, flags | O_CLOEXEC | O_NONBLOCK, 0o600)
            return descriptor
        }
        guard code == 0 else { throw DiskError(operation: operation, path: path, code: code) }
        return descriptor
    }

    /// The `errno` of a call, 0 if it went well; made again when a signal came in between.
    fileprivate static func retried(_ call: () -> Int32) -> Int32 {
        while true {
            if call() >= 0 { return 0 }
            let code = errno
            if code != EINTR { return code }
        }
    }
}

/// `F_OFD_SETLK`, which the C library shows only to GNU sources.
///
/// The same on every Linux machine.
private let openFileLock: Int32 = 37

/// One descriptor.
private final class PosixFile: DiskFile {
    let path: String
    private var descriptor: Int32

    init(path: String, descriptor: Int32) {
        self.path = path
        self.descriptor = descriptor
    }

    deinit { close() }

    func read(
        at offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        let (done, code) = Transfer.whole(buffer.count) { done in
            let rest = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[done...])
            return unsafe pread(descriptor, rest.baseAddress, rest.count, offset + done)
        }
        guard code == 0 else {
            throw DiskError(operation: .read, path: path, offset: offset + done, code: code)
        }
        return done
    }

    func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        let (done, code) = Transfer.whole(bytes.count) { done in
            let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[done...])
            return unsafe pwrite(descriptor, rest.baseAddress, rest.count, offset + done)
        }
        // A file system that takes nothing and says nothing has no more room.
        guard code == 0, done == bytes.count else {
            throw DiskError(
                operation: .write,
                path: path,
                offset: offset + done,
                code: code == 0 ? ENOSPC : code
            )
        }
    }

    func sync() throws(DiskError) {
        // Never made again, not even after EINTR: what the first call lost is not found again.
        guard fdatasync(descriptor) == 0 else {
            throw DiskError(operation: .sync, path: path, code: errno)
        }
    }

    func startWriting(_ range: Range<Int>) {
        // A file system that cannot writes when it is synced.
        _ = cadastre_start_writeback(descriptor, Int64(range.lowerBound), Int64(range.count))
    }

    func size() throws(DiskError) -> Int {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw DiskError(operation: .size, path: path, code: errno)
        }
        return Int(status.st_size)
    }

    func truncate(to size: Int) throws(DiskError) {
        let code = PosixDisk.retried { ftruncate(descriptor, size) }
        guard code == 0 else {
            throw DiskError(operation: .truncate, path: path, offset: size, code: code)
        }
    }

    func preallocate(_ size: Int) throws(DiskError) {
        // Returns the reason instead of setting errno.
        var code = EINTR
        while code == EINTR { code = posix_fallocate(descriptor, 0, size) }
        guard code == 0 || code == EOPNOTSUPP || code == EINVAL else {
            throw DiskError(operation: .preallocate, path: path, offset: size, code: code)
        }
    }

    func zeroFill(_ range: Range<Int>) throws(DiskError) {
        let zeros = [UInt8](repeating: 0, count: min(range.count, zeroPieceSize))
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(zeros.count, range.upperBound - offset)
            try unsafe zeros.span.bytes.withUnsafeBytes { (bytes) throws(DiskError) in
                try unsafe write(
                    at: offset,
                    UnsafeRawBufferPointer(rebasing: bytes[..<count])
                )
            }
            offset += count
        }
    }

    func forgetCache() throws(DiskError) {
        // Returns the reason instead of setting errno.
        let code = posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED)
        guard code == 0 else {
            throw DiskError(operation: .forgetCache, path: path, code: code)
        }
    }

    func close() {
        guard descriptor >= 0 else { return }
        // Nothing to learn here: whoever needs the bytes has called sync.
        _ = Glibc.close(descriptor)
        descriptor = -1
    }
}

/// Bytes of zeros written by one call.
private let zeroPieceSize = 1_048_576

/// The descriptor that holds a lock.
private final class PosixLock: DiskLock {
    private var descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { release() }

    func release() {
        guard descriptor >= 0 else { return }
        // Closing frees the lock, and cannot fail in a way that keeps it.
        _ = close(descriptor)
        descriptor = -1
    }
}
