package import CadastreDisk
internal import RaftCore

/// Which file is the database: putting another in its place, setting one aside.
///
/// A write-ahead log belongs to one main file, and SQLite would move it into any that stands beside
/// it. So a log is durably gone before another main file gets its name:
///
/// ```
/// state.sqlite.install   durable from here on: this one is the state, whatever else there is
/// state.sqlite-wal       removed, durably
/// state.sqlite.install ─► state.sqlite
/// ```
///
/// A start that finds the first name does the rest; until it is durable everything is as before.
extension StateMachine {
    /// What a verified file is called once it is decided that it is the state.
    static func installationPath(of path: String) -> String { path + ".install" }

    /// Puts a staged file in the place of the present database, and goes on with its state.
    ///
    /// All or nothing, whenever the machine stops. What was not committed is lost, and nobody misses
    /// it, since the staged state is further. An image that is held is given up; `accessView` gets a
    /// newer version.
    ///
    /// - Parameter staged: Nothing of this machine's: its file is gone afterwards.
    /// - Throws: `unusableImage` if it is not newer than the present state, and `imageFailed` if it
    ///   could not be moved: then all is as before. `terminal` and `damaged`, as `apply`.
    package func install(_ staged: VerifiedState) throws(StateMachineError) {
        try checkLatch()
        guard staged.applied.index > applied.index else {
            throw .unusableImage("it is of entry \(staged.applied), the state of \(applied)")
        }
        let directory = directoryName(of: path)
        do {
            try disk.rename(staged.path, to: Self.installationPath(of: path))
        } catch {
            throw .imageFailed(SQLiteError("install an image", error))
        }
        do {
            try disk.syncDirectory(directory)
            let origin = directoryName(of: staged.path)
            if origin != directory { try disk.syncDirectory(origin) }
            giveUpImage()
            rows.connection.abandon()
            try Self.finishInstallation(of: path, on: disk)
            // The lock is on the file that was replaced.
            lock.release()
            lock = try disk.lock(path)
        } catch {
            throw latch(.terminal(SQLiteError("install an image", error)))
        }
        try reopen(as: staged)
    }

    private func reopen(as staged: VerifiedState) throws(StateMachineError) {
        try reopen()
        guard applied == staged.applied, digest == staged.digest else {
            throw latch(.damaged("it is not the image that was verified"))
        }
        durablyApplied = applied
        failures = 0
        isOutOfSpace = false
        isCheckpointOverdue = false
    }

    /// Does what is left of an installation, and removes what belongs to no database.
    ///
    /// - Returns: Whether the file at `path` is another one now.
    @discardableResult
    static func finishInstallation(of path: String, on disk: any Disk) throws(DiskError) -> Bool {
        let directory = directoryName(of: path)
        let pending = installationPath(of: path)
        if try disk.exists(pending) {
            try removeLogs(of: path, on: disk)
            try disk.rename(pending, to: path)
            try disk.syncDirectory(directory)
            return true
        }
        // Left over when the main file was set aside: it would go into the new one.
        if try disk.exists("\(path)-wal"), try size(of: path, on: disk) == 0 {
            try removeLogs(of: path, on: disk)
        }
        return false
    }

    /// Removes what SQLite would move into the file, durably.
    static func removeLogs(of path: String, on disk: any Disk) throws(DiskError) {
        var hasRemoved = false
        for name in ["\(path)-wal", "\(path)-journal"] where try disk.exists(name) {
            try disk.remove(name)
            hasRemoved = true
        }
        if hasRemoved { try disk.syncDirectory(directoryName(of: path)) }
    }

    private static func size(of path: String, on disk: any Disk) throws(DiskError) -> Int {
        guard try disk.exists(path) else { return 0 }
        let file = try disk.open(path, mode: .read)
        defer { file.close() }
        return try file.size()
    }

    /// Gives the database that nobody has open another name, `state.sqlite.aside`, and its
    /// write-ahead log with it, so that a new one can be founded in its place.
    ///
    /// For a database that is damaged or foreign. The one that was set aside before is removed: one
    /// is kept, for whoever looks into what happened.
    ///
    /// - Returns: Where it is now; nil if there was none.
    /// - Throws: `inUse`; `terminal` when the disk fails: asking again goes on.
    @discardableResult
    package static func setAside(
        directory: String,
        on disk: any Disk
    ) throws(StateMachineError) -> String? {
        let path = "\(directory)/\(fileName)"
        let aside = "\(path).aside"
        do {
            guard try disk.exists(path) else { return nil }
            let lock = try disk.lock(path)
            defer { lock.release() }
            for name in ["\(aside)-wal", aside] where try disk.exists(name) {
                try disk.remove(name)
            }
            try disk.syncDirectory(directory)
            // The main file first: without it a log is nothing, and is removed at the next start.
            // The other way round what is left of a damaged database might pass as a whole one.
            try disk.rename(path, to: aside)
            try disk.syncDirectory(directory)
            if try disk.exists("\(path)-wal") {
                try disk.rename("\(path)-wal", to: "\(aside)-wal")
                try disk.syncDirectory(directory)
            }
        } catch {
            guard !error.isLocked else { throw .inUse }
            throw .terminal(SQLiteError("set the database aside", error))
        }
        return aside
    }
}

extension SQLiteError {
    /// What the disk refused, where SQLite was not asked.
    package init(_ operation: String, _ error: DiskError) {
        let code: Int32 = error.isOutOfSpace ? 13 : 10
        self.init(operation: operation, code: code, extendedCode: code, message: "\(error)")
    }
}
