/// The names on a simulated disk: those that are seen, those that a crash leaves, and the changes
/// between.
struct SimulatedNames {
    /// What a reader sees.
    private(set) var files: [String: SimulatedInode] = [:]
    /// The directories that a reader sees, with the roots of absolute and relative paths.
    private(set) var directories = roots
    private var durableFiles: [String: SimulatedInode] = [:]
    private var durableDirectories = roots
    private var pending: [Change] = []

    /// A change that no directory sync has made durable.
    private enum Change {
        case create(String, SimulatedInode)
        case rename(String, to: String, SimulatedInode)
        case remove(String)
        case createDirectory(String)

        /// The names that it is about.
        var paths: [String] {
            switch self {
            case .create(let path, _), .remove(let path), .createDirectory(let path): [path]
            case .rename(let path, let newPath, _): [path, newPath]
            }
        }

        func touches(_ directory: String) -> Bool {
            switch self {
            case .create(let path, _), .remove(let path), .createDirectory(let path):
                parent(of: path) == directory
            case .rename(let path, let newPath, _):
                parent(of: path) == directory || parent(of: newPath) == directory
            }
        }
    }

    /// No name yet.
    init() {}

    /// The same names, each file copied.
    init(copying other: SimulatedNames) {
        directories = other.directories
        durableDirectories = other.durableDirectories
        // Names may share one file; each file is copied once.
        var copies: [ObjectIdentifier: SimulatedInode] = [:]
        func copy(_ inode: SimulatedInode) -> SimulatedInode {
            if let known = copies[ObjectIdentifier(inode)] { return known }
            let made = SimulatedInode(copying: inode)
            copies[ObjectIdentifier(inode)] = made
            return made
        }
        files = other.files.mapValues(copy)
        durableFiles = other.durableFiles.mapValues(copy)
        pending = other.pending.map { change in
            switch change {
            case .create(let path, let inode): .create(path, copy(inode))
            case .rename(let path, let newPath, let inode):
                .rename(path, to: newPath, copy(inode))
            case .remove, .createDirectory: change
            }
        }
    }

    /// The names in a directory, sorted.
    func list(_ directory: String) -> [String] {
        let slash = directory.isEmpty || directory == "/" ? "" : "/"
        let prefix = directory + slash
        // Sorted, so the order of the dictionary does not get out.
        return
            (files.keys.filter { parent(of: $0) == directory }
            + directories.filter { !roots.contains($0) && parent(of: $0) == directory })
            .map { String($0.dropFirst(prefix.count)) }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// A new empty file.
    mutating func create(_ path: String) -> SimulatedInode {
        let inode = SimulatedInode()
        files[path] = inode
        pending.append(.create(path, inode))
        return inode
    }

    /// Gives a file that is there another name.
    mutating func rename(_ path: String, to newPath: String) {
        guard let inode = files.removeValue(forKey: path) else { return }
        files[newPath] = inode
        pending.append(.rename(path, to: newPath, inode))
    }

    /// Takes a name away.
    mutating func remove(_ path: String) {
        files[path] = nil
        pending.append(.remove(path))
    }

    /// Makes one directory, its parent being there.
    mutating func createDirectory(_ path: String) {
        directories.insert(path)
        pending.append(.createDirectory(path))
    }

    /// Puts a file there, durably.
    mutating func put(_ path: String, _ inode: SimulatedInode) {
        files[path] = inode
        durableFiles[path] = inode
        pending.removeAll { change in
            switch change {
            case .create(let name, _), .remove(let name), .rename(_, let name, _): name == path
            case .createDirectory: false
            }
        }
    }

    /// Makes the entries of a directory durable, and what was done before to names that it concerns:
    /// a file that was moved away does not come back under an earlier name.
    mutating func sync(_ directory: String) {
        var concerned: Set<String> = []
        var isKept = pending.map { $0.touches(directory) }
        for (place, change) in pending.enumerated().reversed() {
            isKept[place] = isKept[place] || change.paths.contains(where: concerned.contains)
            if isKept[place] { concerned.formUnion(change.paths) }
        }
        for (place, change) in pending.enumerated() where isKept[place] { makeDurable(change) }
        pending = zip(pending, isKept).compactMap { $1 ? nil : $0 }
    }

    /// What a crash does: of the changes all kept, all lost, the first few kept, or each by itself.
    ///
    /// What lies in a directory that is lost goes with it.
    mutating func settle(with generator: inout SplitMix64) {
        let kept: (Int) -> Bool
        switch generator.next(below: 4) {
        case 0: kept = { _ in true }
        case 1: kept = { _ in false }
        case 2:
            let count = generator.next(below: pending.count + 1)
            kept = { $0 < count }
        default:
            let choices = pending.map { _ in generator.next(below: 2) == 0 }
            kept = { choices[$0] }
        }
        for (place, change) in pending.enumerated() where kept(place) { makeDurable(change) }
        pending.removeAll()
        let reachable = durableDirectories
        func isReachable(_ path: String) -> Bool {
            let parent = parent(of: path)
            return roots.contains(parent)
                || (reachable.contains(parent) && isReachable(parent))
        }
        durableFiles = durableFiles.filter { isReachable($0.key) }
        durableDirectories = durableDirectories.filter {
            roots.contains($0) || isReachable($0)
        }
        files = durableFiles
        directories = durableDirectories
    }

    private mutating func makeDurable(_ change: Change) {
        switch change {
        case .create(let path, let inode): durableFiles[path] = inode
        case .rename(let path, let newPath, let inode):
            durableFiles[path] = nil
            durableFiles[newPath] = inode
        case .remove(let path): durableFiles[path] = nil
        case .createDirectory(let path): durableDirectories.insert(path)
        }
    }
}

/// Directories that were never made.
private let roots: Set<String> = ["", "/", "."]

/// The directory part of a path; empty for a bare name.
func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
    return slash == path.startIndex ? "/" : String(path[..<slash])
}
