/// Files as the rest of Cadastre sees them, and what they promise about crashes.
///
/// Two disks keep this contract: ``PosixDisk`` and ``SimulatedDisk``; one suite of tests runs
/// against both.
///
/// What survives a crash (the machine stops at any moment):
/// - Bytes written and then followed by ``DiskFile/sync()`` that returned: all of them.
/// - Bytes written since: each 512-byte sector is kept or lost by itself, in any order; the size of
///   the file likewise. Nothing else of the file changes.
/// - A file created, renamed or removed: only once ``syncDirectory(_:)`` of its directory has
///   returned; until then the old or the new entry, never half of one. A new file that was synced
///   is still lost when its directory entry is.
/// - A directory made: likewise, and everything in it with it. ``createDirectory(_:)`` syncs the
///   parents itself, so once it has returned the directory stays.
///
/// After a ``DiskFile/sync()`` that failed nothing may be assumed about any byte written since the
/// last one that succeeded, and a second try proves nothing: the kernel may have dropped the bytes,
/// or show them although the device never got them, to later processes too
/// (``DiskFile/forgetCache()``).
package protocol Disk: AnyObject, Sendable {
    /// Opens one file.
    func open(_ path: String, mode: OpenMode) throws(DiskError) -> any DiskFile
    /// Whether something of this name exists.
    func exists(_ path: String) throws(DiskError) -> Bool
    /// The names in a directory, sorted by their bytes, without `.` and `..`.
    func list(_ directory: String) throws(DiskError) -> [String]
    /// Gives a file another name; replaces what has it.
    func rename(_ path: String, to newPath: String) throws(DiskError)
    /// Removes one file.
    func remove(_ path: String) throws(DiskError)
    /// Makes a directory and those above it, durably; one that exists is no failure.
    func createDirectory(_ path: String) throws(DiskError)
    /// Makes the entries of a directory durable.
    func syncDirectory(_ path: String) throws(DiskError)
    /// Takes the lock that this file stands for, for as long as the result lives; creates the file.
    /// - Throws: an error that ``DiskError/isLocked`` while another owner, here or in another
    ///   process, has it. The kernel frees the lock of a process that ends.
    func lock(_ path: String) throws(DiskError) -> any DiskLock
    /// Bytes that may still be written under this directory.
    func freeSpace(_ directory: String) throws(DiskError) -> Int
}

/// How a file is opened.
package enum OpenMode: Hashable, Sendable {
    /// To read; it must exist.
    case read
    /// To read and write; it must exist.
    case readWrite
    /// To read and write; made if missing.
    case create
    /// To read and write; it must not exist.
    case createExclusively
}

/// One open file.
///
/// Used by one thread at a time.
package protocol DiskFile: AnyObject {
    /// The name it was opened by.
    var path: String { get }
    /// Reads up to the size of the buffer and says how much there was: less only at the end of the
    /// file, 0 behind it.
    func read(
        at offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int
    /// Writes all bytes or fails; after a failure any part of them may have been written. Behind
    /// the end the file grows, and what lies between reads as zeros.
    func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(DiskError)
    /// Returns when everything written before is durable (fdatasync, the size included).
    func sync() throws(DiskError)
    /// Asks that what was written here be on its way to the device, so that a ``sync()`` has less to
    /// wait for (sync_file_range(2), `SYNC_FILE_RANGE_WRITE`).
    ///
    /// Advice: nothing is durable by it, and what goes wrong is told by the next ``sync()``. Waits
    /// where the device has enough to do.
    func startWriting(_ range: Range<Int>)
    /// Bytes in the file.
    func size() throws(DiskError) -> Int
    /// Cuts the file or extends it by zeros.
    func truncate(to size: Int) throws(DiskError)
    /// Reserves room for this many bytes, and makes the file at least as long. Costs no writing;
    /// where the file system cannot, does nothing.
    func preallocate(_ size: Int) throws(DiskError)
    /// Writes zeros, in large pieces.
    func zeroFill(_ range: Range<Int>) throws(DiskError)
    /// Lets go of what memory keeps of the file, so that what is read next comes from the device.
    ///
    /// What was written and not yet synced stays, so call ``sync()`` first. As far as the file system
    /// follows such advice.
    func forgetCache() throws(DiskError)
    /// Closes it; whatever is called later fails. A second close does nothing.
    func close()
}

/// A lock held; given back when released or let go.
package protocol DiskLock: AnyObject {
    /// Gives the lock back. A second time does nothing.
    func release()
}

extension DiskFile {
    /// Writes the bytes of an array.
    package func write(at offset: Int, _ bytes: [UInt8]) throws(DiskError) {
        try unsafe bytes.span.bytes.withUnsafeBytes { (buffer) throws(DiskError) in
            try unsafe write(at: offset, buffer)
        }
    }

    /// Reads up to `count` bytes; fewer only at the end of the file.
    package func read(at offset: Int, count: Int) throws(DiskError) -> [UInt8] {
        // Not filled with zeros first: these are the large reads of a start and of followers.
        var failure: DiskError?
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, found in
            do throws(DiskError) {
                found = try unsafe read(at: offset, into: UnsafeMutableRawBufferPointer(buffer))
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

extension Disk {
    /// The whole of a small file.
    /// - Throws: `EFBIG` when it is larger than `maximumSize`.
    package func readWhole(_ path: String, maximumSize: Int) throws(DiskError) -> [UInt8] {
        let file = try open(path, mode: .read)
        defer { file.close() }
        let size = try file.size()
        guard size <= maximumSize else {
            throw DiskError(operation: .read, path: path, offset: nil, code: DiskError.tooLarge)
        }
        return try file.read(at: 0, count: size)
    }

    /// Replaces a small file so that after a crash it is the old or the new one: a temporary file
    /// beside it, synced, renamed, and the directory synced.
    package func replace(
        _ name: String,
        in directory: String,
        with bytes: [UInt8]
    ) throws(DiskError) {
        let temporary = "\(directory)/\(name).new"
        let file = try open(temporary, mode: .create)
        defer { file.close() }
        try file.truncate(to: 0)
        try file.write(at: 0, bytes)
        try file.sync()
        try rename(temporary, to: "\(directory)/\(name)")
        try syncDirectory(directory)
    }
}
