package import CadastreDisk
package import RaftCore

/// The snapshots of a node, in one directory: made, kept, handed out and received.
///
/// ```
/// file ─► SnapshotBuilder ─► <id>.chunks, <id>.manifest ─► chunk(_:of:) ─► peers
/// peers ─► SnapshotReceiver ─► receiving.raw ─► whoever installs it
/// ```
///
/// It knows bytes, not what they are. A snapshot is there once its manifest has its name; that comes
/// last. What is not a whole snapshot is removed when the directory is opened, except the one that is
/// being received. Nothing else depends on a snapshot that is kept: one that is damaged is removed,
/// and made anew.
///
/// Used by one thread.
package final class SnapshotStore {
    /// A snapshot that is there, and where each of its chunks begins.
    struct Stored {
        var id: SnapshotID
        var manifest: SnapshotManifest
        var offsets: [Int]
    }

    let directory: String
    let disk: any Disk
    let cluster: ClusterID
    /// Ascending by position.
    private var stored: [Stored] = []
    /// Snapshots of one group that are kept.
    private let maximumKept: Int
    /// One is being made.
    var isBuilding = false
    /// The one being received, which owns the partial file.
    weak var receiver: SnapshotReceiver?
    /// What ``scrub()`` looks at next.
    private var scrubPlace: (id: SnapshotID, chunk: Int)?
    /// What ``scrub()`` looked at last, and how many bytes that were; nil if there was nothing.
    package private(set) var scrubbed: (id: SnapshotID, size: Int)?

    /// What was not a whole snapshot and was removed when the directory was opened, for people.
    package private(set) var removedAtOpen: [String] = []

    /// Where a snapshot that was received whole is, until it is installed.
    package var receivedPath: String { "\(directory)/\(Self.receivingName)" }

    static let buildingName = "building.new"
    static let receivingName = "receiving.raw"
    static let receivingManifestName = "receiving.manifest"

    /// Opens the directory, or makes it.
    ///
    /// Cost: reads the manifests, not the chunks.
    ///
    /// - Parameters:
    ///   - directory: Of the snapshots alone.
    ///   - disk: Where it is.
    ///   - cluster: Whose snapshots they are; others are refused.
    ///   - keeping: How many of one group are kept, 1 or more; older ones go when a newer one is
    ///     there.
    /// - Throws: `snapshotFailed` when the disk fails.
    package init(
        directory: String,
        on disk: any Disk,
        cluster: ClusterID,
        keeping: Int = 1
    ) throws(StorageError) {
        precondition(keeping >= 1, "no snapshot would be kept")
        self.directory = directory
        self.disk = disk
        self.cluster = cluster
        maximumKept = keeping
        do throws(DiskError) {
            if try !disk.exists(directory) { try disk.createDirectory(directory) }
            try load()
        } catch {
            throw .snapshotFailed(error)
        }
    }

    // MARK: What is there

    /// The snapshots that are there, ascending by their position.
    package var manifests: [SnapshotManifest] { stored.map(\.manifest) }

    /// The newest of a group.
    package func newest(of group: GroupID) -> SnapshotManifest? {
        stored.last { $0.manifest.group == group }?.manifest
    }

    /// The manifest of a snapshot that is there.
    package func manifest(of id: SnapshotID) -> SnapshotManifest? { find(id)?.manifest }

    /// A chunk as it is kept and sent, after its bytes were compared with their hash.
    ///
    /// Cost: one read, one decompression, one hash.
    ///
    /// - Throws: `unknownSnapshot` if there is no such chunk, perhaps since a newer snapshot took its
    ///   place; `damagedSnapshot` with file and offset; `snapshotFailed`.
    package func chunk(_ number: Int, of id: SnapshotID) throws(StorageError) -> [UInt8] {
        guard let found = find(id), found.manifest.chunks.indices.contains(number) else {
            throw .unknownSnapshot(id, chunk: number)
        }
        let chunk = found.manifest.chunks[number]
        let path = path(id, "chunks")
        let offset = found.offsets[number]
        let bytes: [UInt8]
        do throws(DiskError) {
            let file = try disk.open(path, mode: .read)
            defer { file.close() }
            bytes = try file.read(at: offset, count: chunk.storedSize)
        } catch {
            guard error.isMissing || error.isUnreadable else { throw .snapshotFailed(error) }
            throw .damagedSnapshot(file: path, offset: offset, reason: "\(error)")
        }
        guard chunk.raw(of: bytes) != nil else {
            throw .damagedSnapshot(
                file: path,
                offset: offset,
                reason: "chunk \(number) is not what was written"
            )
        }
        return bytes
    }

    /// Looks at the next chunk of all that are kept.
    ///
    /// - Returns: Whether all were seen since the beginning, where it goes on then.
    /// - Throws: As ``chunk(_:of:)``; the next call goes on behind what was found.
    package func scrub() throws(StorageError) -> Bool {
        scrubbed = nil
        guard let first = stored.first else { return true }
        let place = scrubPlace ?? (first.id, 0)
        guard let found = stored.firstIndex(where: { $0.id == place.id }) else {
            scrubPlace = nil
            return false
        }
        let isLastChunk = place.chunk + 1 >= stored[found].manifest.chunks.count
        let isLast = isLastChunk && found + 1 == stored.count
        scrubPlace =
            isLast
            ? nil : isLastChunk ? (stored[found + 1].id, 0) : (place.id, place.chunk + 1)
        scrubbed = (place.id, stored[found].manifest.chunks[place.chunk].storedSize)
        _ = try chunk(place.chunk, of: place.id)
        return isLast
    }

    /// Removes a snapshot, such as one that is damaged; one that is not there is no failure.
    ///
    /// - Throws: `snapshotFailed`; it is gone at the next start at the latest.
    package func remove(_ id: SnapshotID) throws(StorageError) {
        guard let place = stored.firstIndex(where: { $0.id == id }) else { return }
        stored.remove(at: place)
        do throws(DiskError) {
            // Without its manifest it is none, whatever else is left.
            try disk.remove(path(id, "manifest"))
            try disk.syncDirectory(directory)
            try disk.remove(path(id, "chunks"))
        } catch {
            throw .snapshotFailed(error)
        }
    }

    // MARK: Called by the builder

    /// Takes a snapshot whose files are in their places, and removes those of its group that are too
    /// many.
    func add(_ manifest: SnapshotManifest, _ id: SnapshotID) throws(StorageError) {
        insert(manifest, id)
        let old = stored.filter { $0.manifest.group == manifest.group }.dropLast(maximumKept)
        for snapshot in old { try remove(snapshot.id) }
    }

    func path(_ id: SnapshotID, _ kind: String) -> String { "\(directory)/\(id).\(kind)" }

    // MARK: Opening

    private func find(_ id: SnapshotID) -> Stored? { stored.first { $0.id == id } }

    private func insert(_ manifest: SnapshotManifest, _ id: SnapshotID) {
        stored.removeAll { $0.id == id }
        var offsets: [Int] = []
        offsets.reserveCapacity(manifest.chunks.count)
        var offset = 0
        for chunk in manifest.chunks {
            offsets.append(offset)
            offset += chunk.storedSize
        }
        let position = manifest.start.position
        let place = stored.firstIndex { $0.manifest.start.position > position } ?? stored.endIndex
        stored.insert(Stored(id: id, manifest: manifest, offsets: offsets), at: place)
    }

    private func load() throws(DiskError) {
        let names = try disk.list(directory)
        for name in names where name.hasSuffix(".manifest") && name != Self.receivingManifestName {
            if let (manifest, id) = try read(name) {
                insert(manifest, id)
            } else {
                try removeAtOpen(name)
            }
        }
        let kept = Set(stored.flatMap { ["\($0.id).manifest", "\($0.id).chunks"] })
        for name in names where name.hasSuffix(".new") || name.hasSuffix(".chunks") {
            if !kept.contains(name) { try removeAtOpen(name) }
        }
    }

    /// Removes a file; its name is never of use again.
    private func removeAtOpen(_ name: String) throws(DiskError) {
        try disk.remove("\(directory)/\(name)")
        removedAtOpen.append(name)
    }

    /// The snapshot of a manifest's name, or nil if it is not whole.
    private func read(_ name: String) throws(DiskError) -> (SnapshotManifest, SnapshotID)? {
        do throws(DiskError) {
            let bytes = try disk.readWhole(
                "\(directory)/\(name)",
                maximumSize: SnapshotManifest.maximumEncodedSize
            )
            // What is wrong with it does not matter: it is made anew.
            guard let manifest = try? SnapshotManifest(decoding: bytes),
                manifest.cluster == cluster, "\(manifest.id).manifest" == name
            else { return nil }
            let file = try disk.open(path(manifest.id, "chunks"), mode: .read)
            defer { file.close() }
            return try file.size() == manifest.storedSize ? (manifest, manifest.id) : nil
        } catch {
            guard error.isMissing || error.isUnreadable || error.code == DiskError.tooLarge else {
                throw error
            }
            return nil
        }
    }
}

extension SnapshotManifest.Chunk {
    /// The raw bytes of stored ones, or nil if they are not those of this chunk.
    func raw(of stored: [UInt8]) -> [UInt8]? {
        guard stored.count == storedSize else { return nil }
        let raw =
            storedSize == rawSize
            ? stored
            : LZ4.decompress(stored, 0..<storedSize, size: rawSize, dictionary: 0)
        guard let raw, SHA256.hash(raw) == hash else { return nil }
        return raw
    }
}
