package import CadastreDisk
internal import RaftCore

extension Journal {
    /// Whether there is a journal in the directory, whole or not.
    package static func exists(
        directory: String,
        on disk: any Disk
    ) throws(StorageError) -> Bool {
        do throws(DiskError) {
            guard try disk.exists(directory) else { return false }
            return try disk.list(directory).contains { SegmentFormat.number(inName: $0) != nil }
        } catch {
            throw .disk(error)
        }
    }

    /// Makes an empty journal.
    ///
    /// The salts follow from `seed`, which must be fresh randomness.
    ///
    /// A crash on the way leaves no journal or an empty one.
    /// - Throws: `journalExists`, `locked`, `outOfSpace` or `disk`.
    package static func format(
        directory: String,
        on disk: any Disk,
        identity: JournalIdentity,
        settings: JournalSettings = JournalSettings(),
        seed: UInt64
    ) throws(StorageError) {
        settings.check()
        do throws(DiskError) {
            try disk.createDirectory(directory)
        } catch {
            throw StorageError(preparing: error)
        }
        let lock = try takeLock(directory, on: disk)
        defer { lock.release() }
        if try exists(directory: directory, on: disk) {
            throw .journalExists(directory: directory)
        }
        var salts = SplitMix64(seed: seed)
        let header = SegmentHeader(
            identity: identity,
            number: 1,
            salt: salts.next(),
            size: settings.segmentSize
        )
        do throws(DiskError) {
            let preparation = try SegmentPreparation(header, in: directory, on: disk)
            do throws(DiskError) {
                var segment: OpenSegment?
                while segment == nil { segment = try preparation.step(slice: settings.sliceSize) }
                segment?.file.close()
            } catch {
                preparation.abandon()
                throw error
            }
        } catch {
            throw StorageError(preparing: error)
        }
    }

    /// Opens the journal of this directory and says what is in it, the groups ascending.
    ///
    /// Everything that is given back is durable on return. `seed` must be fresh randomness; the
    /// salts of coming segments follow from it. Reads the whole journal once.
    /// - Throws: `noJournal`, `locked`, `disk`, or what is wrong with the files, which are then
    ///   left as they were.
    package static func open(
        directory: String,
        on disk: any Disk,
        identity: JournalIdentity,
        settings: JournalSettings = JournalSettings(),
        seed: UInt64
    ) throws(StorageError) -> (journal: Journal, recovered: [GroupRecovery]) {
        settings.check()
        guard try exists(directory: directory, on: disk) else {
            throw .noJournal(directory: directory)
        }
        let lock = try takeLock(directory, on: disk)
        let recovery = try Recovery(directory: directory, disk: disk, identity: identity).run()
        let opened: [OpenSegment]
        do throws(DiskError) {
            opened = try openTail(recovery, in: directory, on: disk)
        } catch {
            throw .disk(error)
        }
        let journal = Journal(
            directory: directory,
            disk: disk,
            identity: identity,
            lock: lock,
            recovery: recovery,
            active: opened[0],
            supply: SegmentSupply(
                Array(opened.dropFirst()),
                in: directory,
                on: disk,
                identity: identity,
                settings: settings,
                seed: seed
            )
        )
        let isUnmarked = recovery.replay.number > 0 && recovery.synced < recovery.end
        do throws(StorageError) {
            if isUnmarked || recovery.hasRest { try journal.writeMark() }
        } catch {
            // Without room nothing is marked, and nothing was promised yet either. What may be needed
            // if the mark is not said again stays until the next start.
            guard error.isOutOfSpace else { throw error }
            journal.givenBack.removeAll()
        }
        do throws(StorageError) {
            while try journal.giveBack() {}
        } catch {
            // The rest goes with what is given back next.
            guard error.isOutOfSpace else { throw error }
        }
        return (journal, recovery.replay.recovered)
    }

    private static func takeLock(
        _ directory: String,
        on disk: any Disk
    ) throws(StorageError) -> any DiskLock {
        let path = "\(directory)/lock"
        do throws(DiskError) {
            return try disk.lock(path)
        } catch {
            throw error.isLocked ? .locked(file: path) : .disk(error)
        }
    }

    /// Opens the segments from the one that is written next, and takes away what is to be made anew.
    private static func openTail(
        _ recovery: Recovery.Result,
        in directory: String,
        on disk: any Disk
    ) throws(DiskError) -> [OpenSegment] {
        for path in recovery.leftovers { try disk.remove(path) }
        var opened: [OpenSegment] = []
        for header in recovery.segments.from(recovery.end.segment) {
            let path = "\(directory)/\(SegmentFormat.fileName(header.number))"
            opened.append(
                OpenSegment(header: header, file: try disk.open(path, mode: .readWrite))
            )
        }
        try disk.syncDirectory(directory)
        return opened
    }
}

extension StorageError {
    /// A failure before anything was promised.
    fileprivate init(preparing error: DiskError) {
        self = error.isOutOfSpace ? .outOfSpace(error) : .disk(error)
    }
}
