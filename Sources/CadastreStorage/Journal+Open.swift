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
            opened = try repairTail(recovery, in: directory, on: disk)
        } catch {
            throw .disk(error)
        }
        let journal = Journal(
            directory: directory,
            disk: disk,
            identity: identity,
            settings: settings,
            lock: lock,
            seed: seed,
            recovery: recovery,
            active: opened[0],
            prepared: Array(opened.dropFirst())
        )
        let isUnmarked = recovery.replay.number > 0 && recovery.synced < recovery.end
        if isUnmarked || recovery.hasRest {
            do throws(StorageError) {
                try journal.writeMark()
            } catch {
                // Without room nothing is marked, and nothing was promised yet either.
                guard error.isOutOfSpace else { throw error }
            }
        }
        let replay = recovery.replay
        let recovered = replay.groups.map { group in
            GroupRecovery(
                group: group,
                hardState: replay.logs[group]?.hardState ?? .initial,
                headers: replay.headers[group] ?? []
            )
        }
        return (journal, recovered)
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

    /// Makes what was found durable, and the files as long as they should be.
    ///
    /// Returns the segments from the one that is written next.
    private static func repairTail(
        _ recovery: Recovery.Result,
        in directory: String,
        on disk: any Disk
    ) throws(DiskError) -> [OpenSegment] {
        for path in recovery.leftovers { try disk.remove(path) }
        var opened: [OpenSegment] = []
        // S is in the segment of the end or shortly before it.
        for header in recovery.segments where header.number >= recovery.synced.segment {
            let path = "\(directory)/\(SegmentFormat.fileName(header.number))"
            let file = try disk.open(path, mode: .readWrite)
            let size = try file.size()
            if size < header.size { try file.zeroFill(size..<header.size) }
            if header.number <= recovery.end.segment {
                let start =
                    header.number == recovery.synced.segment
                    ? recovery.synced.offset : SegmentFormat.blockSize
                try rewrite(file, start..<max(start, recovery.ends[header.number] ?? start))
            }
            try file.sync()
            if header.number >= recovery.end.segment {
                opened.append(OpenSegment(header: header, file: file))
            } else {
                file.close()
            }
        }
        try disk.syncDirectory(directory)
        return opened
    }

    /// Writes the same bytes again.
    ///
    /// If the sync of a process that ended before had failed, the kernel may show bytes that are
    /// not on the disk and that it holds for clean: only what is written again is covered by the
    /// sync that follows.
    private static func rewrite(_ file: any DiskFile, _ range: Range<Int>) throws(DiskError) {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = min(1_048_576, range.upperBound - offset)
            try file.write(at: offset, try file.read(at: offset, count: count))
            offset += count
        }
    }
}

extension JournalSettings {
    /// Traps on sizes that no configuration should have let through.
    fileprivate func check() {
        precondition(
            SegmentFormat.segmentSizes.contains(segmentSize)
                && segmentSize % SegmentFormat.blockSize == 0,
            "segments of \(segmentSize) bytes"
        )
        precondition(sliceSize > 0, "slices of \(sliceSize) bytes")
    }
}

extension StorageError {
    /// A failure before anything was promised.
    fileprivate init(preparing error: DiskError) {
        self = error.isOutOfSpace ? .outOfSpace(error) : .disk(error)
    }
}
