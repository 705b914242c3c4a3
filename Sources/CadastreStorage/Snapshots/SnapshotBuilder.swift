internal import CadastreDisk
internal import RaftCore

/// Makes a snapshot of a file that does not change meanwhile, a chunk at a time.
///
/// Until ``finish()`` has returned there is none. Whatever fails, the file that was begun is removed,
/// now or at the next start, and the snapshots that are there stay.
package final class SnapshotBuilder {
    /// Chunks that are done, and how many there will be.
    package var progress: (done: Int, all: Int) { (chunks.count, chunkCount) }

    private let store: SnapshotStore
    private let source: SnapshotSource
    private let chunkSize: Int
    private let chunkCount: Int
    private let input: any DiskFile
    private let output: any DiskFile
    private var written = 0
    private var chunks: [SnapshotManifest.Chunk] = []
    private let whole = SHA256()
    private var isOver = false

    fileprivate init(
        _ source: SnapshotSource,
        chunkSize: Int,
        in store: SnapshotStore
    ) throws(DiskError) {
        self.store = store
        self.source = source
        self.chunkSize = chunkSize
        chunkCount = (source.size + chunkSize - 1) / chunkSize
        let input = try store.disk.open(source.path, mode: .read)
        self.input = input
        do throws(DiskError) {
            output = try store.disk.open(
                "\(store.directory)/\(SnapshotStore.buildingName)",
                mode: .create
            )
        } catch {
            input.close()
            throw error
        }
        store.isBuilding = true
    }

    deinit { abandon() }

    /// Takes the next chunk.
    ///
    /// Cost: a read, a hash, a compression and a write of one chunk.
    ///
    /// - Returns: Whether all are taken, and ``finish()`` may be called.
    /// - Throws: `snapshotFailed`, also for lack of room; `sourceEnded` if the file is shorter than
    ///   was said. Afterwards it is given up.
    package func step() throws(StorageError) -> Bool {
        precondition(!isOver, "a snapshot that was given up or finished is gone on with")
        guard chunks.count < chunkCount else { return true }
        let offset = chunks.count * chunkSize
        let size = min(chunkSize, source.size - offset)
        var end: Int?
        do throws(DiskError) {
            let raw = try input.read(at: offset, count: size)
            guard raw.count == size else {
                end = offset + raw.count
                throw DiskError(operation: .read, path: source.path, code: DiskError.inputOutput)
            }
            let stored = LZ4.compress(raw, dictionary: 0) ?? raw
            try output.write(at: written, stored)
            written += stored.count
            whole.update(raw)
            chunks.append(
                SnapshotManifest.Chunk(
                    rawSize: size,
                    storedSize: stored.count,
                    hash: SHA256.hash(raw)
                )
            )
        } catch {
            abandon()
            if let end { throw .sourceEnded(file: source.path, offset: end) }
            throw .snapshotFailed(error)
        }
        return chunks.count == chunkCount
    }

    /// Makes the snapshot durable and known, and removes those that are too many now.
    ///
    /// Call it only if the source was as it was said to be until the last step.
    ///
    /// - Throws: `snapshotFailed`: then there is no new snapshot, or, if the disk failed in its last
    ///   call, there may be one at the next start.
    package func finish() throws(StorageError) -> SnapshotManifest {
        precondition(!isOver && chunks.count == chunkCount, "a snapshot lacks chunks")
        let manifest = SnapshotManifest(
            cluster: store.cluster,
            group: source.group,
            start: source.start,
            digestHigh: source.digestHigh,
            digestLow: source.digestLow,
            clusterTime: source.clusterTime,
            size: source.size,
            chunkSize: chunkSize,
            hash: whole.finalize(),
            chunks: chunks
        )
        let bytes = manifest.encode()
        let id = SnapshotID(SHA256.hash(bytes))
        let path = store.path(id, "chunks")
        var hasName = false
        do throws(DiskError) {
            try output.sync()
            try store.disk.rename(output.path, to: path)
            hasName = true
            // The name of the chunks before that of the manifest, which says that all is there.
            try store.disk.syncDirectory(store.directory)
            try store.disk.replace("\(id).manifest", in: store.directory, with: bytes)
        } catch {
            abandon()
            if hasName {
                for name in ["\(id).manifest.new", "\(id).manifest", "\(id).chunks"] {
                    // What cannot be removed now is at the next start.
                    try? store.disk.remove("\(store.directory)/\(name)")
                }
            }
            throw .snapshotFailed(error)
        }
        close()
        try store.add(manifest, id)
        return manifest
    }

    /// Gives it up: nothing is left of it.
    package func abandon() {
        guard !isOver else { return }
        close()
        // What cannot be removed now is at the next start.
        try? store.disk.remove("\(store.directory)/\(SnapshotStore.buildingName)")
    }

    private func close() {
        isOver = true
        store.isBuilding = false
        input.close()
        output.close()
    }
}

extension SnapshotStore {
    /// Begins a snapshot of a file.
    ///
    /// One at a time: a call while another is being made traps.
    ///
    /// - Parameters:
    ///   - source: The file, which must not change before the last chunk is taken.
    ///   - chunkSize: 4096 to 4 MiB.
    /// - Returns: What makes it, step by step.
    /// - Throws: `snapshotFailed`; `sourceEnded` of an empty file.
    package func build(
        _ source: SnapshotSource,
        chunkSize: Int = SnapshotManifest.usualChunkSize
    ) throws(StorageError) -> SnapshotBuilder {
        precondition(!isBuilding, "two snapshots are made at once")
        precondition(SnapshotManifestFormat.chunkSizes.contains(chunkSize), "the chunk's size")
        guard source.size > 0 else { throw .sourceEnded(file: source.path, offset: 0) }
        do throws(DiskError) {
            // Left over if it could not be removed.
            let path = "\(directory)/\(Self.buildingName)"
            if try disk.exists(path) { try disk.remove(path) }
            return try SnapshotBuilder(source, chunkSize: chunkSize, in: self)
        } catch {
            throw .snapshotFailed(error)
        }
    }
}
