internal import CSQLite
internal import CadastreDisk

/// SQLite's files over our own `Disk`: the same code in production and in simulation.
///
/// Registered with SQLite under a name of its own for as long as it lives. There are no locks and
/// no shared memory: the connection is exclusive, and the data folder is locked by the node.
/// Frames of the write-ahead log are collected and written in large pieces (``flush()``).
@safe
final class VirtualFiles {
    let disk: any Disk
    /// The name under which SQLite knows it, ended by zero.
    let name: UnsafeMutablePointer<CChar>
    /// The newest failure of the disk, for messages.
    private(set) var lastFailure: DiskError?
    /// A sync failed: nothing written since the last one is certain, ever.
    ///
    /// Terminal.
    private(set) var syncHasFailed = false

    private let table: UnsafeMutablePointer<sqlite3_vfs>
    private let methods: UnsafeMutablePointer<sqlite3_io_methods>
    private var openFiles: [VirtualFile] = []

    /// Done once for the process, before anything else is asked of SQLite.
    ///
    /// Where somebody came before, it merely stays slower.
    private static let isConfigured = cadastre_configure() == SQLITE_OK

    /// Registers the files of this disk with SQLite.
    init(_ disk: any Disk) throws(StateMachineError) {
        _ = Self.isConfigured
        self.disk = disk
        unsafe table = .allocate(capacity: 1)
        unsafe methods = .allocate(capacity: 1)
        // The address makes the name unique among those alive; it reaches no stored byte.
        let text = "cadastre-\(String(UInt(bitPattern: unsafe table), radix: 16))"
        unsafe name = .allocate(capacity: text.utf8.count + 1)
        for (place, byte) in (Array(text.utf8) + [0]).enumerated() {
            unsafe (name + place).initialize(to: CChar(bitPattern: byte))
        }
        unsafe methods.initialize(to: fileMethods())
        unsafe table.initialize(to: diskMethods())
        unsafe table.pointee.zName = unsafe UnsafePointer(name)
        unsafe table.pointee.pAppData = Unmanaged.passUnretained(self).toOpaque()
        let code = unsafe sqlite3_vfs_register(table, 0)
        guard code == SQLITE_OK else {
            throw .sqlite(
                SQLiteError(
                    operation: "register files",
                    code: code,
                    extendedCode: code,
                    message: "the library has no memory left"
                )
            )
        }
    }

    deinit {
        unsafe sqlite3_vfs_unregister(table)
        unsafe table.deallocate()
        unsafe methods.deallocate()
        unsafe name.deallocate()
    }

    /// Hands all collected bytes to the disk.
    func flush() throws(DiskError) {
        for file in openFiles { try file.flush() }
    }

    /// Bytes of the write-ahead log that are not yet in the main file, those collected included.
    var logSize: Int { openFiles.first { $0.kind == .log }?.logSize ?? 0 }

    /// Bytes in the main file; nil if the disk does not say.
    var mainSize: Int? { openFiles.first { $0.kind == .main }?.size() }

    /// Notes that a checkpoint moved the whole log: the next frames go to its beginning.
    func logWasMoved() {
        for file in openFiles where file.kind == .log { file.logSize = 0 }
    }

    /// Lets no further byte reach the disk, for a connection that is given up after a failure.
    func abandon() {
        for file in openFiles { file.abandon() }
    }

    // MARK: Calls from SQLite

    func open(
        _ path: UnsafePointer<CChar>?,
        into file: UnsafeMutablePointer<sqlite3_file>,
        flags: Int32
    ) -> Int32 {
        unsafe file.pointee.pMethods = nil
        // Temporary files have no name; everything temporary is kept in memory.
        guard let path = unsafe path else { return SQLITE_CANTOPEN }
        let mode: OpenMode =
            flags & SQLITE_OPEN_CREATE != 0
            ? .create : flags & SQLITE_OPEN_READWRITE != 0 ? .readWrite : .read
        let kind: VirtualFile.Kind =
            flags & SQLITE_OPEN_WAL != 0
            ? .log : flags & SQLITE_OPEN_MAIN_DB != 0 ? .main : .journal
        do {
            let opened = try disk.open(unsafe String(cString: path), mode: mode)
            let size = try opened.size()
            let virtual = VirtualFile(opened, kind: kind, size: size, in: self)
            openFiles.append(virtual)
            unsafe UnsafeMutableRawPointer(file).assumingMemoryBound(to: cadastre_file.self)
                .pointee.handle = Unmanaged.passRetained(virtual).toOpaque()
            unsafe file.pointee.pMethods = unsafe UnsafePointer(methods)
            return SQLITE_OK
        } catch {
            return code(of: error, SQLITE_CANTOPEN)
        }
    }

    func remove(_ path: String, syncsDirectory: Bool) -> Int32 {
        do {
            try disk.remove(path)
            if syncsDirectory { try disk.syncDirectory(directoryName(of: path)) }
            return SQLITE_OK
        } catch {
            if error.isMissing { return inputOutput(23) }
            return code(of: error, inputOutput(10))
        }
    }

    func exists(_ path: String) -> Bool? {
        do {
            return try disk.exists(path)
        } catch {
            lastFailure = error
            return nil
        }
    }

    func closed(_ file: VirtualFile) { openFiles.removeAll { $0 === file } }

    func noteSyncFailure() { syncHasFailed = true }

    /// Remembers the failure and gives SQLite's code for it: no space is `SQLITE_FULL`.
    func code(of error: DiskError, _ otherwise: Int32) -> Int32 {
        lastFailure = error
        return error.isOutOfSpace ? SQLITE_FULL : otherwise
    }
}

// MARK: The tables of functions that SQLite calls

/// SQLite's extended input/output error with this number.
func inputOutput(_ number: Int32) -> Int32 { SQLITE_IOERR | number << 8 }

/// The directory in which a path stands.
func directoryName(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}

private func virtualFiles(_ table: UnsafeMutablePointer<sqlite3_vfs>?) -> VirtualFiles? {
    guard let table = unsafe table, let owner = unsafe table.pointee.pAppData else { return nil }
    return unsafe Unmanaged<VirtualFiles>.fromOpaque(owner).takeUnretainedValue()
}

private func handle(
    _ file: UnsafeMutablePointer<sqlite3_file>?
) -> UnsafeMutablePointer<cadastre_file>? {
    unsafe file.map {
        unsafe UnsafeMutableRawPointer($0).assumingMemoryBound(to: cadastre_file.self)
    }
}

private func virtualFile(_ file: UnsafeMutablePointer<sqlite3_file>?) -> VirtualFile? {
    guard let opaque = unsafe handle(file)?.pointee.handle else { return nil }
    return unsafe Unmanaged<VirtualFile>.fromOpaque(opaque).takeUnretainedValue()
}

private func diskMethods() -> sqlite3_vfs {
    var table = unsafe sqlite3_vfs()
    unsafe table.iVersion = 1
    unsafe table.szOsFile = Int32(MemoryLayout<cadastre_file>.size)
    unsafe table.mxPathname = 4_096
    unsafe table.xOpen = { table, path, file, flags, outFlags in
        guard let files = unsafe virtualFiles(table), let file = unsafe file else {
            return SQLITE_CANTOPEN
        }
        if let outFlags = unsafe outFlags { unsafe outFlags.pointee = flags }
        return unsafe files.open(path, into: file, flags: flags)
    }
    unsafe table.xDelete = { table, path, syncsDirectory in
        guard let files = unsafe virtualFiles(table), let path = unsafe path else {
            return SQLITE_IOERR
        }
        return files.remove(unsafe String(cString: path), syncsDirectory: syncsDirectory != 0)
    }
    unsafe table.xAccess = { table, path, _, result in
        guard let files = unsafe virtualFiles(table), let path = unsafe path,
            let exists = files.exists(unsafe String(cString: path))
        else { return inputOutput(13) }
        if let result = unsafe result { unsafe result.pointee = exists ? 1 : 0 }
        return SQLITE_OK
    }
    unsafe table.xFullPathname = { _, path, size, result in
        guard let path = unsafe path, let result = unsafe result else { return SQLITE_CANTOPEN }
        let text = unsafe String(cString: path)
        guard text.utf8.count < Int(size) else { return SQLITE_CANTOPEN }
        for (place, byte) in text.utf8.enumerated() {
            unsafe result[place] = CChar(bitPattern: byte)
        }
        unsafe result[text.utf8.count] = 0
        return SQLITE_OK
    }
    // Nothing here may vary: neither chance nor a clock.
    unsafe table.xRandomness = { _, size, result in
        if let result = unsafe result {
            for place in 0..<Int(size) { unsafe result[place] = 0 }
        }
        return size
    }
    unsafe table.xSleep = { _, microseconds in microseconds }
    unsafe table.xCurrentTime = { _, result in
        if let result = unsafe result { unsafe result.pointee = 0 }
        return SQLITE_OK
    }
    unsafe table.xGetLastError = { _, _, _ in 0 }
    return unsafe table
}

private func fileMethods() -> sqlite3_io_methods {
    var methods = sqlite3_io_methods()
    // Version 1: no shared memory and no memory mapping.
    methods.iVersion = 1
    unsafe methods.xClose = { file in
        guard let record = unsafe handle(file), let opaque = unsafe record.pointee.handle else {
            return SQLITE_OK
        }
        let virtual = unsafe Unmanaged<VirtualFile>.fromOpaque(opaque).takeRetainedValue()
        unsafe record.pointee.handle = nil
        virtual.close()
        return SQLITE_OK
    }
    unsafe methods.xRead = { file, bytes, count, offset in
        guard let virtual = unsafe virtualFile(file) else { return inputOutput(1) }
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: bytes, count: Int(count))
        return unsafe virtual.read(at: Int(offset), into: buffer)
    }
    unsafe methods.xWrite = { file, bytes, count, offset in
        guard let virtual = unsafe virtualFile(file) else { return inputOutput(3) }
        let buffer = unsafe UnsafeRawBufferPointer(start: bytes, count: Int(count))
        return unsafe virtual.write(at: Int(offset), buffer)
    }
    unsafe methods.xTruncate = { file, size in
        unsafe virtualFile(file)?.truncate(to: Int(size)) ?? inputOutput(6)
    }
    unsafe methods.xSync = { file, _ in
        unsafe virtualFile(file)?.sync() ?? inputOutput(4)
    }
    unsafe methods.xFileSize = { file, result in
        guard let size = unsafe virtualFile(file)?.size() else { return inputOutput(7) }
        if let result = unsafe result { unsafe result.pointee = Int64(size) }
        return SQLITE_OK
    }
    unsafe methods.xLock = { _, _ in SQLITE_OK }
    unsafe methods.xUnlock = { _, _ in SQLITE_OK }
    unsafe methods.xCheckReservedLock = { _, result in
        if let result = unsafe result { unsafe result.pointee = 0 }
        return SQLITE_OK
    }
    unsafe methods.xFileControl = { _, _, _ in SQLITE_NOTFOUND }
    unsafe methods.xSectorSize = { _ in 4_096 }
    // A write changes no byte beside it: the contract of `Disk`.
    unsafe methods.xDeviceCharacteristics = { _ in SQLITE_IOCAP_POWERSAFE_OVERWRITE }
    return methods
}
