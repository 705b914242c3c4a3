internal import Foundation

/// The regular files under a folder, folder by folder, in byte order of their names; names are
/// bytes and need not be UTF-8.
///
/// Holds the names of the open folders only.
struct FileWalk {
    /// One file.
    struct File: Hashable, Sendable {
        /// From the folder on, with `/` in between.
        var relativePath: [UInt8]
        /// To open it with.
        var path: [UInt8]
        var size: UInt64
    }

    /// What was passed over.
    struct Skipped: Hashable, Sendable {
        /// Symbolic links, which are not followed.
        var links = 0
        /// Sockets, pipes and devices.
        var others = 0
        /// Folders and files that could not be looked at.
        var unreadable = 0
    }

    private struct Level {
        var relativePath: [UInt8]
        /// Descending, so that the next is the last.
        var names: [[UInt8]]
    }

    private let root: [UInt8]
    private var levels: [Level] = []
    /// What was passed over so far.
    private(set) var skipped = Skipped()

    /// Begins at a folder.
    ///
    /// - Throws: `Failure` if it cannot be read.
    init(_ root: String) throws(Failure) {
        var bytes = Array(root.utf8)
        while bytes.count > 1, bytes.last == UInt8(ascii: "/") { bytes.removeLast() }
        self.root = bytes
        guard let names = Self.names(bytes) else {
            throw Failure(
                .missingInput,
                "the folder \(Escaped.text(root)) cannot be read: \(SystemError.last)",
                advice: "check the path and its permissions"
            )
        }
        levels = [Level(relativePath: [], names: names)]
    }

    /// The next file; nil at the end.
    mutating func next() -> File? {
        while var level = levels.popLast() {
            guard let name = level.names.popLast() else { continue }
            let relativePath = level.relativePath + name
            levels.append(level)
            let path = root + [UInt8(ascii: "/")] + relativePath
            var status = stat()
            let isKnown = unsafe (path + [0]).withUnsafeBytes { bytes -> Bool in
                let first = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
                guard let start = unsafe first else { return false }
                return unsafe lstat(start, &status) == 0
            }
            guard isKnown else {
                skipped.unreadable += 1
                continue
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG:
                return File(
                    relativePath: relativePath,
                    path: path,
                    size: UInt64(max(0, status.st_size))
                )
            case S_IFDIR:
                if let names = Self.names(path) {
                    levels.append(
                        Level(relativePath: relativePath + [UInt8(ascii: "/")], names: names)
                    )
                } else {
                    skipped.unreadable += 1
                }
            case S_IFLNK: skipped.links += 1
            default: skipped.others += 1
            }
        }
        return nil
    }

    /// How many regular files are still to come, as far as they can be looked at now.
    ///
    /// Looks at each of them; stops early if the program shall end.
    func count() -> UInt64 {
        var walk = self
        var count: UInt64 = 0
        while !Interruption.isRequested, walk.next() != nil { count += 1 }
        return count
    }

    /// When a file was last changed, in milliseconds since 1970; 0 for times before.
    static func milliseconds(_ status: stat) -> UInt64 {
        let seconds = Int64(status.st_mtim.tv_sec)
        return UInt64(max(0, seconds * 1000 + Int64(status.st_mtim.tv_nsec) / 1_000_000))
    }

    private static func names(_ path: [UInt8]) -> [[UInt8]]? {
        let opened = unsafe (path + [0]).withUnsafeBytes { bytes -> OpaquePointer? in
            let first = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
            guard let start = unsafe first else { return nil }
            return unsafe opendir(start)
        }
        guard let folder = unsafe opened else { return nil }
        defer { unsafe closedir(folder) }
        var names: [[UInt8]] = []
        while let entry = unsafe readdir(folder) {
            // Within the record that readdir gave: the name and the zero behind it.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: UInt8.self, capacity: 256) { bytes in
                    unsafe Array(UnsafeBufferPointer(start: bytes, count: 256).prefix { $0 != 0 })
                }
            }
            if name != [0x2E], name != [0x2E, 0x2E] { names.append(name) }
        }
        return names.sorted { $1.lexicographicallyPrecedes($0) }
    }
}
