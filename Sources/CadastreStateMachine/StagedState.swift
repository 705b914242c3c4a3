package import CadastreDisk
package import RaftCore

/// A database that came from another node, on its way to be this node's own.
///
/// It is believed in nothing: its file may hold any bytes. Step by step, so that its owner does other
/// things between:
///
/// 1. Opened: it is a database with exactly our tables, of our cluster, of the entry and with the
///    digest that are expected.
/// 2. Verified: its rows have that digest, and its indices hold what its tables do.
/// 3. Adopted: it says that it is this node's, is closed, and is one synced file.
///
/// Whenever it fails its file is of no use, and is to be removed.
package final class StagedState {
    /// The file.
    package let path: String
    /// The entry that it is the state of.
    package let applied: LogPosition
    /// The digest of its rows.
    package let digest: StateDigest
    /// What can be installed, once it is verified and adopted.
    package private(set) var verified: VerifiedState?

    private let disk: any Disk
    private let identity: StateMachineIdentity
    /// Nil once it is closed.
    private var rows: SQLiteRows?

    /// Opens the file at `path`, of which nobody else has one open.
    ///
    /// Cost: reads all that a state machine keeps in memory.
    ///
    /// - Parameters:
    ///   - path: Of the file.
    ///   - disk: Where it lies.
    ///   - identity: Whose it is to be.
    ///   - applied: The entry of which it must be the state.
    ///   - digest: What its rows must have.
    ///   - settings: Those of a state machine.
    /// - Throws: `unusableImage`, `foreign` with the identity of another cluster; `imageFailed` when
    ///   the disk fails.
    init(
        path: String,
        on disk: any Disk,
        identity: StateMachineIdentity,
        applied: LogPosition,
        digest: StateDigest,
        settings: StateMachineSettings
    ) throws(StateMachineError) {
        self.path = path
        self.disk = disk
        self.identity = identity
        self.applied = applied
        self.digest = digest
        let size: Int
        do {
            // Those of an attempt that was interrupted; in no case this file's.
            try StateMachine.removeLogs(of: path, on: disk)
            let file = try disk.open(path, mode: .read)
            defer { file.close() }
            size = try file.size()
        } catch {
            throw .imageFailed(SQLiteError("open an image", error))
        }
        try judging { () throws(StateMachineError) in
            let connection = try Connection(path: path, files: VirtualFiles(disk))
            // Rows that are all read once, in pages that may lead to each other for ever.
            connection.limitWork(to: 50_000_000 + 16 * size)
            try connection.configure(cacheSizeBytes: settings.cacheSizeBytes)
            try connection.execute("BEGIN IMMEDIATE")
            try Schema.check(connection)
            try Schema.bring(connection)
            try Schema.checkCluster(connection, identity)
            for table in ["tenants", "buckets"] {
                // The others have no index whose rows the digest does not cover.
                let found = try connection.value(of: "PRAGMA integrity_check('\(table)')")
                guard found == "ok" else { throw .damaged(found) }
            }
            let rows = try SQLiteRows(
                connection,
                key: RowHashKey(cluster: identity.cluster),
                rememberedBytes: settings.rememberedBytes,
                accessVersion: 1
            )
            guard rows.applied == applied else {
                throw .damaged("it is of entry \(rows.applied), not of \(applied)")
            }
            guard rows.digest == digest else {
                throw .damaged("it has the digest \(rows.digest), not \(digest)")
            }
            try rows.beginVerification()
            self.rows = rows
        }
    }

    /// Goes on: at most this many objects, or the end.
    ///
    /// - Returns: Whether it can be installed now.
    /// - Throws: As opening it; afterwards it is closed.
    package func step(maximumRows: Int) throws(StateMachineError) -> Bool {
        guard verified == nil else { return true }
        guard let rows else { throw .unusableImage("it was given up") }
        var isVerified = false
        try judging { () throws(StateMachineError) in
            try rows.continueVerification(maximumRows: maximumRows)
            guard let verification = rows.verification, case .done = verification.stage else {
                return
            }
            var computed = verification.sum
            computed += rows.system.digest(rows.key)
            guard computed == digest, verification.damage == nil else {
                let words = verification.damage ?? "they have the digest \(computed)"
                throw .damaged("its rows are not those of \(digest): \(words)")
            }
            rows.verification = nil
            isVerified = true
        }
        guard isVerified else { return false }
        try finish(rows)
        verified = VerifiedState(path: path, applied: applied, digest: digest)
        return true
    }

    /// Closes it without a change.
    package func giveUp() {
        rows?.connection.abandon()
        rows = nil
    }

    /// Makes it this node's, in one file that is durable.
    private func finish(_ rows: SQLiteRows) throws(StateMachineError) {
        try judging { () throws(StateMachineError) in
            try Schema.adopt(rows.connection, for: identity)
            try rows.connection.execute("COMMIT")
            try rows.connection.close()
        }
        self.rows = nil
        do {
            guard try !disk.exists("\(path)-wal") else {
                throw StateMachineError.unusableImage("its changes did not go into one file")
            }
            let file = try disk.open(path, mode: .readWrite)
            defer { file.close() }
            try file.sync()
            try disk.syncDirectory(directoryName(of: path))
        } catch let error as DiskError {
            throw .imageFailed(SQLiteError("close an image", error))
        } catch let error as StateMachineError {
            throw error
        } catch {
            preconditionFailure("neither the disk nor the database failed: \(error)")
        }
    }

    /// Says of a failure whether it is the file's or the disk's, and lets go of the file.
    private func judging(
        _ body: () throws(StateMachineError) -> Void
    ) throws(StateMachineError) {
        do {
            try body()
        } catch {
            giveUp()
            switch error {
            case .sqlite(let cause):
                throw cause.isEnvironment
                    ? .imageFailed(cause) : .unusableImage(cause.description)
            case .damaged(let words): throw .unusableImage(words)
            case .unknownSchema(let number):
                throw .unusableImage("it has schema \(number), which a newer program wrote")
            case .mustReapply, .terminal, .unreadableEntry, .diverged, .inUse, .foreign,
                .unusableImage, .imageFailed:
                throw error
            }
        }
    }
}

/// A state that was verified and is this node's own: a file that can take the place of the database.
package struct VerifiedState: Hashable, Sendable {
    /// The file.
    package let path: String
    /// The entry that it is the state of.
    package let applied: LogPosition
    /// The digest of its rows.
    package let digest: StateDigest

    fileprivate init(path: String, applied: LogPosition, digest: StateDigest) {
        self.path = path
        self.applied = applied
        self.digest = digest
    }
}

extension StateMachine {
    /// Begins to make a file that came from another node this one's (``StagedState``).
    ///
    /// - Throws: As ``StagedState/init(path:on:identity:applied:digest:settings:)``.
    package static func stage(
        path: String,
        on disk: any Disk,
        identity: StateMachineIdentity,
        expecting applied: LogPosition,
        digest: StateDigest,
        settings: StateMachineSettings = StateMachineSettings()
    ) throws(StateMachineError) -> StagedState {
        try StagedState(
            path: path,
            on: disk,
            identity: identity,
            applied: applied,
            digest: digest,
            settings: settings
        )
    }
}

extension SQLiteError {
    /// Whether memory or the disk failed, not the file: the same bytes may do another time.
    ///
    /// A file that ends within a page is the file's fault.
    var isEnvironment: Bool {
        (code == 7 || code == 10 || code == 13 || code == 14) && extendedCode != 10 | 2 << 8
    }
}
