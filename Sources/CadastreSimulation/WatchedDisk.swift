internal import CadastreDisk
internal import Glibc

/// Passes everything on to a simulated disk and remembers, for the journal, which bytes have really
/// been synced.
///
/// The persist-before-send monitor believes these and not what the journal says.
///
/// `@unchecked Sendable`: as its ``SimulatedDisk``, used by the one thread of the simulation.
final class WatchedDisk: Disk, @unchecked Sendable {
    private let disk: SimulatedDisk
    private let watched: String
    /// Bytes synced since they were last asked for, in pieces that were written together.
    private var synced: [[UInt8]] = []

    /// Watches the files below `watched`.
    init(_ disk: SimulatedDisk, watching watched: String) {
        self.disk = disk
        self.watched = watched + "/"
    }

    /// Whether these bytes were synced in one piece since the last ``forget()``.
    func hasSynced(_ bytes: [UInt8]) -> Bool {
        synced.reversed().contains { piece in
            unsafe piece.withUnsafeBytes { piece in
                unsafe bytes.withUnsafeBytes { unsafe Self.find($0, in: piece) }
            }
        }
    }

    /// Looks for the largest byte first: in sums and hashes every byte is as frequent, and the small
    /// ones stand everywhere else too.
    private static func find(
        _ wanted: UnsafeRawBufferPointer,
        in piece: UnsafeRawBufferPointer
    ) -> Bool {
        guard let rarest = wanted.indices.max(by: { unsafe wanted[$0] < wanted[$1] }),
            let wantedStart = wanted.baseAddress, let pieceStart = piece.baseAddress
        else { return unsafe wanted.isEmpty }
        let byte = unsafe Int32(wanted[rarest])
        var place = 0
        while place <= piece.count - wanted.count,
            let found = unsafe memchr(
                pieceStart + place + rarest,
                byte,
                piece.count - wanted.count - place + 1
            )
        {
            place = unsafe UnsafeRawPointer(found) - pieceStart - rarest
            if unsafe memcmp(pieceStart + place, wantedStart, wanted.count) == 0 { return true }
            place += 1
        }
        return false
    }

    /// Begins a new turn.
    func forget() { synced.removeAll(keepingCapacity: true) }

    fileprivate func add(_ pieces: [[UInt8]]) { synced.append(contentsOf: pieces) }

    func open(_ path: String, mode: OpenMode) throws(DiskError) -> any DiskFile {
        let file = try disk.open(path, mode: mode)
        return path.hasPrefix(watched) ? WatchedFile(file, disk: self) : file
    }
    func exists(_ path: String) throws(DiskError) -> Bool { try disk.exists(path) }
    func list(_ directory: String) throws(DiskError) -> [String] { try disk.list(directory) }
    func rename(_ path: String, to newPath: String) throws(DiskError) {
        try disk.rename(path, to: newPath)
    }
    func remove(_ path: String) throws(DiskError) { try disk.remove(path) }
    func createDirectory(_ path: String) throws(DiskError) { try disk.createDirectory(path) }
    func syncDirectory(_ path: String) throws(DiskError) { try disk.syncDirectory(path) }
    func lock(_ path: String) throws(DiskError) -> any DiskLock { try disk.lock(path) }
    func freeSpace(_ directory: String) throws(DiskError) -> Int { try disk.freeSpace(directory) }
}

/// A file of the journal under watch.
private final class WatchedFile: DiskFile {
    private let file: any DiskFile
    private let disk: WatchedDisk
    /// Written and not synced: where the piece begins, and its bytes.
    private var pending: [(offset: Int, bytes: [UInt8])] = []

    init(_ file: any DiskFile, disk: WatchedDisk) {
        self.file = file
        self.disk = disk
    }

    var path: String { file.path }

    func read(
        at offset: Int,
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(DiskError) -> Int { try unsafe file.read(at: offset, into: buffer) }

    func write(at offset: Int, _ bytes: UnsafeRawBufferPointer) throws(DiskError) {
        try unsafe file.write(at: offset, bytes)
        if let last = pending.last, last.offset + last.bytes.count == offset {
            unsafe pending[pending.count - 1].bytes.append(contentsOf: bytes)
        } else {
            unsafe pending.append((offset, [UInt8](bytes)))
        }
    }

    func sync() throws(DiskError) {
        // What a sync that failed should have kept, no later one is believed to keep.
        defer { pending.removeAll(keepingCapacity: true) }
        try file.sync()
        disk.add(pending.map(\.bytes))
    }

    func startWriting(_ range: Range<Int>) { file.startWriting(range) }
    func size() throws(DiskError) -> Int { try file.size() }
    func truncate(to size: Int) throws(DiskError) { try file.truncate(to: size) }
    func preallocate(_ size: Int) throws(DiskError) { try file.preallocate(size) }
    func zeroFill(_ range: Range<Int>) throws(DiskError) { try file.zeroFill(range) }
    func forgetCache() throws(DiskError) { try file.forgetCache() }
    func close() { file.close() }
}
