internal import CadastreDisk
internal import RaftCore

/// When a transaction ends, when the write-ahead log is emptied, and what happens on failure.
extension StateMachine {
    /// Whether the open transaction is as large as may be.
    ///
    /// Up to three sixteenths less on some nodes: the same log must not make all of them store, sync
    /// and empty their write-ahead logs at the same moment, since the quorum is to have one that is
    /// not busy with it.
    var isDue: Bool {
        rows.dirtyRows >= ownShare(of: settings.maximumDirtyRows)
            || rows.dirtyBytes >= ownShare(of: settings.maximumDirtyBytes)
    }

    private func ownShare(of bound: Int) -> Int {
        bound - bound / 16 * Int(identity.node.value % 4)
    }

    /// Ends what was done since the last call: commits if the transaction is large, or if there has
    /// been nothing to do for a while; checkpoints if the write-ahead log is large.
    ///
    /// In that while it also gives some of the file back, if much of it is free.
    ///
    /// Apart from `apply`, since it can fail after its COMMIT: then the entry is in, is not applied
    /// again, and its replies are the only ones.
    ///
    /// - Parameter idle: nothing was waiting for longer than a COMMIT takes (the caller has the
    ///   clock), not merely that the queue is empty now: or every lone put would cost a COMMIT.
    /// - Throws: as `apply`.
    package func endOfTurn(idle: Bool) throws(StateMachineError) {
        guard idle else { return try storeSome() }
        try commit()
        if isCheckpointOverdue { try checkpoint() }
        try giveBackSpace()
    }

    /// Whether ``endOfTurn(idle:)`` has something to do after a turn.
    package var hasToStore: Bool { rows.isStoring || isDue || rows.hasNewCommit }

    /// Whether a transaction is being stored: what is written at once waits for all of it.
    package var isStoring: Bool { rows.isStoring }

    /// Stores a piece of the transaction whose contents are fixed, and fixes the next one when it is
    /// due.
    ///
    /// Objects are stored twice as fast as they change, so that one transaction is committed long
    /// before the next is due.
    private func storeSome() throws(StateMachineError) {
        let commands = Int(counters.commandsApplied - commandsStored)
        commandsStored = counters.commandsApplied
        let count = 2 + 2 * max(commands, rows.changesNoted)
        rows.changesNoted = 0
        guard hasToStore else { return }
        try checkLatch()
        do {
            _ = try rows.store(atMost: isDue ? .max : count)
            try settleCommit()
            guard isDue else { return }
            try rows.freeze()
            _ = try rows.store(atMost: count)
            try settleCommit()
        } catch {
            throw recover(from: error)
        }
    }

    /// Does what follows a COMMIT, whoever made it: what is written at once makes one, too.
    private func settleCommit() throws(StateMachineError) {
        guard rows.hasNewCommit else { return }
        if rows.connection.files.logSize >= logLimit, rows.connection.isInTransaction {
            // A checkpoint needs that none is open; one that is being stored ends soon.
            guard !rows.isStoring else { return }
            _ = try commitAll()
        }
        rows.hasNewCommit = false
        try boundLog()
        succeeded()
    }

    /// Commits the open transaction, if there is one, and empties the write-ahead log if it is
    /// large.
    ///
    /// - Throws: as `apply`.
    package func commit() throws(StateMachineError) {
        try checkLatch()
        do {
            _ = try commitAll()
            try settleCommit()
            try boundLog()
        } catch {
            throw recover(from: error)
        }
    }

    /// Empties the write-ahead log if it is large.
    private func boundLog() throws(StateMachineError) {
        let logSize = rows.connection.files.logSize
        if isMainFileHeld, logSize >= settings.checkpointSizeBytes { hasHugeLog = true }
        if logSize >= logLimit { try makeDurable() }
    }

    /// Commits, and makes all that is committed durable; an image that is held is given up.
    ///
    /// - Throws: as `apply`.
    package func checkpoint() throws(StateMachineError) {
        try checkLatch()
        do {
            _ = try commitAll()
            try makeDurable()
            if rows.hasNewCommit { succeeded() }
            rows.hasNewCommit = false
        } catch {
            throw recover(from: error)
        }
    }

    func begin() throws(StateMachineError) {
        try checkLatch()
        try rows.begin()
    }

    /// A transaction was committed, with its checkpoint if one was due.
    ///
    /// Nothing less proves that the disk is well again: a COMMIT whose checkpoint never succeeds
    /// does not, nor does one that had nothing to commit.
    private func succeeded() {
        failures = 0
        isOutOfSpace = isCheckpointOverdue
    }

    /// Commits everything that was applied.
    ///
    /// - Returns: Whether anything was not yet.
    private func commitAll() throws(StateMachineError) -> Bool {
        guard rows.hasUncommitted else { return false }
        try rows.freeze()
        return try rows.store(atMost: .max)
    }

    /// Moves the write-ahead log into the main file; both are synced, in this order.
    func makeDurable() throws(StateMachineError) {
        giveUpImage()
        let pages: Int
        do throws(StateMachineError) {
            pages = try rows.connection.checkpoint()
        } catch {
            if case .sqlite(let cause) = error, cause.isDiskFull { isCheckpointOverdue = true }
            throw error
        }
        durablyApplied = rows.committed
        isCheckpointOverdue = false
        isOutOfSpace = false
        counters.checkpoints += 1
        counters.checkpointedPages += UInt64(pages)
        if hasHugeLog {
            hasHugeLog = false
            try rows.connection.truncateLog()
        }
    }

    // MARK: Failure

    func checkLatch() throws(StateMachineError) {
        if let latched { throw latched }
    }

    /// Goes back to what the file holds, and says from where the log must be applied again.
    ///
    /// Terminal, and then for good, are: a sync that failed, since no later sync proves anything; a
    /// second failure with no transaction committed between, unless there is merely no space; a
    /// database that is damaged, which a second look does not mend, or cannot be opened again.
    func recover(from error: StateMachineError) -> StateMachineError {
        guard case .sqlite(let cause) = error else {
            return latch(error)
        }
        guard !cause.isDamage else { return latch(.damaged(cause.description)) }
        if cause.isDiskFull {
            isOutOfSpace = true
            if isMainFileHeld {
                // A log that is emptied begins anew in the room that it has.
                giveUpImage()
                isCheckpointOverdue = true
            }
        } else {
            failures += 1
        }
        guard !rows.connection.files.syncHasFailed, failures < 2 else {
            return latch(.terminal(cause))
        }
        do {
            try reopen()
        } catch {
            return error
        }
        guard rows.applied >= durablyApplied else {
            return latch(.damaged("entry \(rows.applied) is older than what was durable"))
        }
        counters.reapplications += 1
        return .mustReapply(from: rows.applied, because: cause)
    }

    /// Lets go of the connection and opens the file that is there now.
    ///
    /// - Throws: `damaged` or `terminal`, which is latched.
    func reopen() throws(StateMachineError) {
        rows.connection.abandon()
        counters.commits += rows.commits
        do {
            rows = try Self.openRows(
                path: path,
                disk: disk,
                identity: identity,
                settings: settings,
                accessVersion: rows.access.version + 1
            )
        } catch .sqlite(let error) {
            throw latch(error.isDamage ? .damaged(error.description) : .terminal(error))
        } catch {
            throw latch(error)
        }
    }

    func latch(_ error: StateMachineError) -> StateMachineError {
        latched = error
        return error
    }

    // MARK: Opening

    /// Opens the file, brings its schema up to date, checks whose it is and reads what is kept in
    /// memory.
    static func openRows(
        path: String,
        disk: any Disk,
        identity: StateMachineIdentity,
        settings: StateMachineSettings,
        accessVersion: UInt64
    ) throws(StateMachineError) -> SQLiteRows {
        let connection = try Connection(path: path, files: VirtualFiles(disk))
        try connection.configure(cacheSizeBytes: settings.cacheSizeBytes)
        try connection.execute("BEGIN IMMEDIATE")
        try Schema.bring(connection)
        try Schema.claim(connection, for: identity)
        try connection.execute("COMMIT")
        return try SQLiteRows(
            connection,
            key: RowHashKey(cluster: identity.cluster),
            rememberedBytes: settings.rememberedBytes,
            accessVersion: accessVersion
        )
    }
}
