internal import CadastreDisk
package import RaftCore

/// What became of a chunk that came.
package enum ChunkOutcome: Hashable, Sendable {
    /// It is what the manifest says, and is kept.
    case kept
    /// It came before, or was there: nothing is done.
    case known
    /// The snapshot has no chunk of this number: nothing is done.
    case noSuchChunk
    /// Its bytes are not those of the manifest: nothing is done.
    case wrong
    /// What is there already is still looked through: to be sent again.
    case notYet
}

/// Takes a snapshot from a peer, chunk by chunk, in any order, over crashes and changes of the peer.
///
/// Its file holds raw bytes, each chunk at its place. Which chunks are there is told by their hashes
/// alone: they are looked at when it begins, and all of them together when the last one came.
package final class SnapshotReceiver {
    /// How far it is.
    package enum Stage: Hashable, Sendable {
        /// Looks whether this chunk is there.
        case looking(chunk: Int)
        /// Chunks are wanted.
        case fetching
        /// All are there; this one is next to be read again.
        case verifying(chunk: Int)
        /// The file is whole and durable.
        case complete
        /// It was given up, for another or since it failed.
        case over
    }

    /// What is received.
    package let manifest: SnapshotManifest
    /// How far it is.
    package private(set) var stage = Stage.looking(chunk: 0)
    /// Chunks that are missing.
    package private(set) var missingCount: Int
    /// The file, of raw bytes; whole once ``stage`` is complete.
    package let path: String

    private let store: SnapshotStore
    private let file: any DiskFile
    private var isThere: [Bool]
    /// No chunk before this one is missing.
    private var firstMissing = 0
    private let whole = SHA256()

    fileprivate init(
        _ manifest: SnapshotManifest,
        in store: SnapshotStore
    ) throws(DiskError) {
        self.manifest = manifest
        self.store = store
        path = "\(store.directory)/\(SnapshotStore.receivingName)"
        isThere = [Bool](repeating: false, count: manifest.chunks.count)
        missingCount = manifest.chunks.count
        file = try store.disk.open(path, mode: .create)
        store.receiver = self
    }

    deinit { file.close() }

    /// The numbers of chunks that are missing, ascending, from a number on.
    ///
    /// Empty while ``stage`` is not fetching.
    package func missing(from number: Int = 0, maximumCount: Int) -> [Int] {
        guard stage == .fetching else { return [] }
        var found: [Int] = []
        var place = max(number, firstMissing)
        while place < isThere.count, found.count < maximumCount {
            if !isThere[place] { found.append(place) }
            place += 1
        }
        return found
    }

    /// Does a bounded piece of the work that does not wait for the peer: reads one chunk.
    ///
    /// - Returns: The stage then; to be called again while it is looking or verifying.
    /// - Throws: `snapshotFailed`; `refusedSnapshot` if the whole is not what the manifest says
    ///   although its chunks are: then it is given up and its file removed.
    package func step() throws(StorageError) -> Stage {
        switch stage {
        case .looking(let number):
            if try bytes(of: number) != nil { note(number) }
            stage = number + 1 < isThere.count ? .looking(chunk: number + 1) : .fetching
            if stage == .fetching { beginVerificationIfWhole() }
        case .verifying(let number):
            guard let bytes = try bytes(of: number) else { return try fail() }
            whole.update(bytes)
            guard number + 1 == isThere.count else {
                stage = .verifying(chunk: number + 1)
                return stage
            }
            guard whole.finalize() == manifest.hash else { return try fail() }
            try attempt { () throws(DiskError) in
                if try file.size() != manifest.size { try file.truncate(to: manifest.size) }
                try file.sync()
                try store.disk.syncDirectory(store.directory)
            }
            file.close()
            stage = .complete
        case .fetching, .complete, .over: break
        }
        return stage
    }

    /// Takes a chunk as it was kept by the peer.
    ///
    /// - Throws: `snapshotFailed`, also for lack of room: the chunk is missing, and may come again.
    package func receive(_ stored: [UInt8], chunk number: Int) throws(StorageError) -> ChunkOutcome
    {
        guard isThere.indices.contains(number) else { return .noSuchChunk }
        switch stage {
        case .looking: return .notYet
        case .verifying, .complete, .over: return .known
        case .fetching: break
        }
        guard !isThere[number] else { return .known }
        guard let raw = manifest.chunks[number].raw(of: stored) else { return .wrong }
        try attempt { () throws(DiskError) in
            try file.write(at: number * manifest.chunkSize, raw)
        }
        note(number)
        beginVerificationIfWhole()
        return .kept
    }

    /// Forgets the snapshot: its file is removed if it is still there, and what was written down of
    /// it.
    ///
    /// After an installation as well as to give it up. What cannot be removed now is removed before
    /// another is received.
    package func end() throws(StorageError) {
        close()
        try store.removePartial()
    }

    fileprivate func close() {
        file.close()
        stage = .over
    }

    private func note(_ number: Int) {
        isThere[number] = true
        missingCount -= 1
        while firstMissing < isThere.count, isThere[firstMissing] { firstMissing += 1 }
    }

    private func beginVerificationIfWhole() {
        if missingCount == 0 { stage = .verifying(chunk: 0) }
    }

    /// The chunk's bytes in the file, or nil if they are not what they should be.
    private func bytes(of number: Int) throws(StorageError) -> [UInt8]? {
        let chunk = manifest.chunks[number]
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try file.read(at: number * manifest.chunkSize, count: chunk.rawSize)
        } catch {
            // What the device does not give back is written anew.
            guard error.isUnreadable else { throw .snapshotFailed(error) }
            return nil
        }
        return bytes.count == chunk.rawSize && SHA256.hash(bytes) == chunk.hash ? bytes : nil
    }

    private func fail() throws(StorageError) -> Stage {
        try end()
        throw .refusedSnapshot(reason: "the file is not what its manifest says, or has changed")
    }

    private func attempt(_ body: () throws(DiskError) -> Void) throws(StorageError) {
        do throws(DiskError) {
            try body()
        } catch {
            throw .snapshotFailed(error)
        }
    }
}

extension SnapshotStore {
    /// The snapshot of which a part was received before the last stop, if there is one.
    ///
    /// Receiving it goes on with what is there.
    package func resumable() throws(StorageError) -> SnapshotManifest? {
        do throws(DiskError) {
            let path = "\(directory)/\(Self.receivingManifestName)"
            guard try disk.exists(path) else { return nil }
            let bytes = try disk.readWhole(
                path,
                maximumSize: SnapshotManifest.maximumEncodedSize
            )
            // What is wrong with it does not matter: it is received anew.
            return try? SnapshotManifest(decoding: bytes)
        } catch {
            guard error.isUnreadable || error.code == DiskError.tooLarge else {
                throw .snapshotFailed(error)
            }
            return nil
        }
    }

    /// Begins to receive a snapshot, or goes on with it.
    ///
    /// One at a time: another one that is being received is given up, and its file removed.
    ///
    /// - Parameters:
    ///   - manifest: As the peer sent it.
    ///   - group: Of which group it must be.
    ///   - index: The oldest last entry that is of use.
    /// - Returns: What takes it, beginning with a look at what is there.
    /// - Throws: `refusedSnapshot` for one of another cluster or group, or that is older, with what
    ///   was received before untouched; `snapshotFailed`, also if there is no room for the file.
    package func receive(
        _ manifest: SnapshotManifest,
        group: GroupID,
        notOlderThan index: LogIndex
    ) throws(StorageError) -> SnapshotReceiver {
        guard manifest.cluster == cluster, manifest.group == group else {
            throw .refusedSnapshot(reason: "it is of another cluster or group")
        }
        guard manifest.start.position.index >= index else {
            throw .refusedSnapshot(
                reason: "it ends with entry \(manifest.start.position.index), before \(index)"
            )
        }
        let isKnown = try resumable()?.id == manifest.id
        receiver?.close()
        do throws(DiskError) {
            if !isKnown {
                // A crash between the two leaves a manifest with the file of another: its chunks are
                // told apart by their hashes.
                try removeFile(Self.receivingName)
                try requireRoom(manifest.size)
                try disk.replace(
                    Self.receivingManifestName,
                    in: directory,
                    with: manifest.encode()
                )
            }
            return try SnapshotReceiver(manifest, in: self)
        } catch {
            throw .snapshotFailed(error)
        }
    }

    /// Removes what is left of a snapshot that was received or given up.
    package func removePartial() throws(StorageError) {
        do throws(DiskError) {
            // With what whoever installs it has made beside it.
            let prefix = Self.receivingName
            for name in try disk.list(directory) where name.hasPrefix(prefix) {
                try disk.remove("\(directory)/\(name)")
            }
            try removeFile(Self.receivingManifestName)
            try disk.syncDirectory(directory)
        } catch {
            throw .snapshotFailed(error)
        }
    }

    private func removeFile(_ name: String) throws(DiskError) {
        let path = "\(directory)/\(name)"
        if try disk.exists(path) { try disk.remove(path) }
    }

    private func requireRoom(_ size: Int) throws(DiskError) {
        guard try disk.freeSpace(directory) < size else { return }
        throw DiskError(
            operation: .freeSpace,
            path: directory,
            offset: nil,
            code: DiskError.noSpace
        )
    }
}
