import CadastreDisk

/// What was asked of one folder's files.
final class Tally {
    /// Calls that write bytes, and those bytes.
    var writes = 0
    var writtenBytes = 0
    /// Calls that read bytes, and those bytes.
    var reads = 0
    var readBytes = 0
    /// Syncs of files and of directories.
    var syncs = 0
    /// Bytes of zeros by which room is made ahead of time.
    var preparedBytes = 0
    /// All calls: each is at least one system call on a real disk.
    var calls = 0
}

/// Passes everything on to another disk, and counts it by folder.
///
/// `@unchecked Sendable`: used by the one thread of the program.
final class CountingDisk: Disk, @unchecked Sendable {
    private let disk: any Disk
    private var tallies: [String: Tally] = [:]

    /// Counts from now on.
    init(_ disk: any Disk) { self.disk = disk }

    /// What was asked below a folder of this name, since the last ``reset()``.
    func tally(of folder: String) -> Tally {
        if let known = tallies[folder] { return known }
        let tally = Tally()
        tallies[folder] = tally
        return tally
    }

    /// Forgets what was counted.
    func reset() {
        for tally in tallies.values {
            tally.writes = 0
            tally.writtenBytes = 0
            tally.reads = 0
            tally.readBytes = 0
            tally.syncs = 0
            tally.preparedBytes = 0
            tally.calls = 0
        }
    }

    private func call(_ path: String) -> Tally {
        let folder = path.split(separator: "/").dropLast().last.map(String.init) ?? ""
        let tally = tally(of: folder)
        tally.calls += 1
        return tally
    }

    func open(_ path: String, mode: OpenMode) throws(DiskError) -> any DiskFile {
        CountedFile(try disk.open(path, mode: mode), call(path))
    }
    func exists(_ path: String) throws(DiskError) -> Bool {
        _ = call(path)
        return try disk.exists(path)
    }
    func list(_ directory: String) throws(DiskError) -> [String] {
        _ = call(directory + "/.")
        return try disk.list(directory)
    }
    func rename(_ path: String, to newPath: String) throws(DiskError) {
        _ = call(path)
        try disk.rename(path, to: newPath)
    }
    func remove(_ path: String) throws(DiskError) {
        _ = call(path)
        try disk.remove(path)
    }
    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func syncDirectory(_ path: String) throws(DiskError) {
        call(path + "/.").syncs += 1
        try disk.syncDirectory(path)
    }
    func lock(_ path: String) throws(DiskError) -> any DiskLock { try disk.lock(path) }
    func freeSpace(_ directory: String) throws(DiskError) -> Int {
        _ = call(directory + "/.")
        return try disk.freeSpace(directory)
    }
}

/// A file whose calls are counted.
private final class CountedFile: DiskFile {
    private let file: any DiskFile
    private let tally: Tally

    init(_ file: any DiskFile, _ tally: Tally) {
        self.file = file
        self.tally = tally
    }

    var path: String { file.path }

    func read(
        at offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int {
        tally.calls += 1
        tally.reads += 1
        let count = try file.read(at: offset, into: buffer)
        tally.readBytes += count
        return count
    }

    func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        tally.calls += 1
        tally.writes += 1
        tally.writtenBytes += bytes.count
        try file.write(at: offset, bytes)
    }

    func sync() throws(DiskError) {
        tally.calls += 1
        tally.syncs += 1
        try file.sync()
    }

    func startWriting(_ range: Range<Int>) {
        tally.calls += 1
        file.startWriting(range)
    }

    func zeroFill(_ range: Range<Int>) throws(DiskError) {
        tally.calls += 1
        tally.preparedBytes += range.count
        try file.zeroFill(range)
    }

    func size() throws(DiskError) -> Int {
        tally.calls += 1
        return try file.size()
    }
    func truncate(to size: Int) throws(DiskError) {
        tally.calls += 1
        try file.truncate(to: size)
    }
    func preallocate(_ size: Int) throws(DiskError) {
        tally.calls += 1
        try file.preallocate(size)
    }
    func forgetCache() throws(DiskError) {
        tally.calls += 1
        try file.forgetCache()
    }
    func close() {
        tally.calls += 1
        file.close()
    }
}
