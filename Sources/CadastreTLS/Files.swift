internal import Glibc

/// Reading and writing the few small files of this target.
enum SmallFile {
    /// The whole content of a file of at most a mebibyte.
    ///
    /// - Throws: `TLSError.unreadable` if it cannot be read, is no regular file or is too large.
    static func read(_ path: String) throws(TLSError) -> [UInt8] {
        try read(path, check: nil)
    }

    /// The content of a key file that nobody but its owner may read.
    ///
    /// - Throws: `TLSError.keyExposed` if the group or the world has any permission on it.
    static func readKey(_ path: String) throws(TLSError) -> [UInt8] {
        // Checked on the open descriptor: a check on the path could look at another file.
        try read(path) { mode in
            mode & 0o077 == 0 ? nil : .keyExposed(path: path, mode: mode & 0o7777)
        }
    }

    /// Creates a file that did not exist, with all of its content on the disk.
    ///
    /// - Throws: `TLSError.unwritable`, and the unfinished file is removed.
    static func create(_ path: String, _ bytes: [UInt8], mode: UInt32) throws(TLSError) {
        let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
        let descriptor = unsafe open(path, flags, mode)
        guard descriptor >= 0 else {
            throw .unwritable(path: path, reason: errnoText())
        }
        var reason: String?
        if fchmod(descriptor, mode) != 0 || !writeAll(descriptor, bytes) || fsync(descriptor) != 0 {
            reason = errnoText()
        }
        if close(descriptor) != 0, reason == nil { reason = errnoText() }
        if reason == nil, !syncFolder(of: path) { reason = errnoText() }
        if let reason {
            remove(path)
            throw .unwritable(path: path, reason: reason)
        }
    }

    /// Removes a file that another step has made useless; one that is gone already is as good.
    static func remove(_ path: String) {
        unsafe unlink(path)
    }

    private static func read(
        _ path: String,
        check: ((UInt32) -> TLSError?)?
    ) throws(TLSError) -> [UInt8] {
        // Not blocking: a named pipe must be refused, not waited for.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw .unreadable(path: path, reason: errnoText()) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .unreadable(path: path, reason: errnoText())
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw .unreadable(path: path, reason: "not a regular file")
        }
        if let error = check?(status.st_mode) { throw error }
        guard status.st_size <= TLSLimits.maximumFileBytes else {
            throw .unreadable(path: path, reason: "larger than \(TLSLimits.maximumFileBytes) bytes")
        }
        var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
        var filled = 0
        while filled < bytes.count {
            let count = unsafe bytes.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(
                    descriptor,
                    buffer.baseAddress?.advanced(by: filled),
                    buffer.count - filled
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .unreadable(path: path, reason: errnoText()) }
            guard count > 0 else { break }
            filled += count
        }
        bytes.removeLast(bytes.count - filled)
        return bytes
    }

    private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe write(
                    descriptor,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written
                )
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            written += count
        }
        return true
    }

    private static func syncFolder(of path: String) -> Bool {
        let slash = path.utf8.lastIndex(of: UInt8(ascii: "/"))
        let folder = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return fsync(descriptor) == 0
    }

    private static func errnoText() -> String {
        let number = errno
        guard let text = unsafe strerror(number) else { return "errno \(number)" }
        return unsafe String(cString: text)
    }
}
