package import CadastreDisk
package import CadastreProtocol
package import RaftCore

/// Applies the commands of the log to rows in SQLite, and answers queries from them.
///
/// ```
/// entry ─► Applier (Apply/) ─┐                    ┌─► Statement ─► SQLite ─► VirtualFiles ─► Disk
/// query ─► Answerer (Answer/)┴─► Rows: SQLiteRows ┤
///                                                 └─► digest, usage, slots, sessions in memory
/// ```
///
/// Synchronous, used by one thread. Executing and committing are two things: a command is executed
/// when `apply` returns and may then be answered, since the log is its durability; one SQLite
/// transaction spans many entries. What holds:
///
/// - Applied position, digest and effects are in the same transaction, so after any crash or failure
///   the file is the state as of exactly one entry, and the log goes on from there.
/// - The same log gives the same rows: all that varies comes in the entry.
/// - A refused command changes nothing but when its session was seen, and the slot that keeps its
///   reply where a retry is to get it again.
/// - The counters of usage are what counting the objects would give; the digest is the sum over all
///   rows.
/// - One connection to the file, ever.
///
/// It knows nothing of Raft, of waiting for a read index, or of time: its caller does.
package final class StateMachine {
    /// The file of the database in its directory.
    package static let fileName = "state.sqlite"

    /// What a crash of the machine keeps at least: the position as of the last checkpoint, which
    /// synced the write-ahead log and then the main file.
    ///
    /// A COMMIT alone is not counted: it reaches the operating system, not the disk. The log is
    /// compacted up to here and no further.
    package internal(set) var durablyApplied = LogPosition.zero
    /// What was done since the start.
    package var statistics: StateMachineStatistics {
        var result = counters
        result.dirtyRows = rows.dirtyRows
        result.commits += rows.commits
        result.objects = rows.objectCount
        result.logPages = UInt64(
            rows.connection.files.logSize / (rows.connection.pageSizeInUse + Self.frameHeaderSize)
        )
        return result
    }

    let path: String
    let disk: any Disk
    /// Held while the database is open: SQLite of any other process meets it as a locked file.
    var lock: any DiskLock
    let identity: StateMachineIdentity
    let settings: StateMachineSettings
    let key: RowHashKey
    var rows: SQLiteRows
    var counters = StateMachineStatistics()
    /// Commands applied when objects were last stored.
    var commandsStored: UInt64 = 0
    /// Failures since a transaction was last committed, with its checkpoint if one was due.
    var failures = 0
    /// A checkpoint found no room: another is tried when there is nothing else to do.
    var isCheckpointOverdue = false
    /// There was no room, and since then no transaction was committed and no checkpoint made.
    package internal(set) var isOutOfSpace = false
    /// The main file is not written, since somebody may be copying it.
    var isMainFileHeld = false
    /// The write-ahead log took more room than it does without an image, and is to give it back.
    var hasHugeLog = false
    /// The failure after which nothing is done any more.
    var latched: StateMachineError?

    /// What stands in front of each page in the write-ahead log.
    private static let frameHeaderSize = 24

    /// Opens the state of a node, or founds it.
    ///
    /// - Throws: `foreign` for the database of another node, cluster or incarnation, which is left
    ///   untouched; `unknownSchema`; `damaged`; `terminal` when the disk fails.
    package static func open(
        directory: String,
        on disk: any Disk,
        identity: StateMachineIdentity,
        settings: StateMachineSettings = StateMachineSettings()
    ) throws(StateMachineError) -> StateMachine {
        let path = "\(directory)/\(fileName)"
        var lock: any DiskLock
        do {
            if try !disk.exists(directory) {
                try disk.createDirectory(directory)
                try disk.syncDirectory(directoryName(of: directory))
            }
            lock = try disk.lock(path)
            if try finishInstallation(of: path, on: disk) {
                // The lock is on the file that was replaced.
                lock.release()
                lock = try disk.lock(path)
            }
            try settleLog(of: path, on: disk)
        } catch {
            guard !error.isLocked else { throw .inUse }
            throw .terminal(
                SQLiteError(operation: "open", code: 14, extendedCode: 14, message: "\(error)")
            )
        }
        do {
            return try StateMachine(
                path: path,
                disk: disk,
                lock: lock,
                identity: identity,
                settings: settings
            )
        } catch .sqlite(let error) {
            throw error.isDamage ? .damaged(error.description) : .terminal(error)
        }
    }

    /// Makes memory and device agree in the write-ahead log, where a process before this one left one.
    ///
    /// If its last sync had failed, the kernel may show frames that the device never got and take
    /// them for clean: moved into the main file they would be there in part after a power cut. The
    /// main file itself is written anew from the log.
    private static func settleLog(of path: String, on disk: any Disk) throws(DiskError) {
        let log = path + "-wal"
        guard try disk.exists(log) else { return }
        let file = try disk.open(log, mode: .readWrite)
        defer { file.close() }
        try file.sync()
        try file.forgetCache()
    }

    private init(
        path: String,
        disk: any Disk,
        lock: any DiskLock,
        identity: StateMachineIdentity,
        settings: StateMachineSettings
    ) throws(StateMachineError) {
        self.path = path
        self.disk = disk
        self.lock = lock
        self.identity = identity
        self.settings = settings
        key = RowHashKey(cluster: identity.cluster)
        rows = try Self.openRows(
            path: path,
            disk: disk,
            identity: identity,
            settings: settings,
            accessVersion: 1
        )
        // What a migration or an image made of the log is given back.
        hasHugeLog = rows.connection.files.logSize >= settings.checkpointSizeBytes
        // What a process before this one committed may be in no more than the system's memory.
        do throws(StateMachineError) {
            try makeDurable()
        } catch {
            // A full disk must not keep the node from starting: what would give it room is a start.
            guard case .sqlite(let cause) = error, cause.isDiskFull else { throw error }
            isOutOfSpace = true
            rows.connection.abandon()
            rows = try Self.openRows(
                path: path,
                disk: disk,
                identity: identity,
                settings: settings,
                accessVersion: 1
            )
        }
    }

    // MARK: What is known

    /// The newest entry that was applied, in the open transaction.
    package var applied: LogPosition { rows.applied }

    /// The order-independent hash over all rows, the open transaction included.
    package var digest: StateDigest { rows.digest }

    /// Cluster time in ms since 1970; 0 before the first tick.
    package var clusterTime: UInt64 { rows.system.clusterTime }

    /// Who may act for whom, for the door.
    package var accessView: AccessView { rows.access }

    /// Bytes that may still be written beside the database; nil if the disk does not say.
    package var freeSpace: Int? {
        // What is not known is no reason to refuse anything: a write that fails is.
        try? disk.freeSpace(directoryName(of: path))
    }

    /// Rows over which reading stepped: what a query cost is the difference between two readings.
    ///
    /// Begins again at 0 where a transaction was lost.
    package var rowsRead: UInt64 { rows.connection.rowsRead }

    // MARK: Applying and answering

    /// Applies the entry that follows the last one, and appends one reply for each command.
    ///
    /// An entry without commands moves `applied` alone; a configuration also says whose clocks
    /// count. The transaction stays open: when the replies are where they belong, ``endOfTurn(idle:)``
    /// ends it if it is large, and must be called after every entry.
    ///
    /// - Throws: `mustReapply` with `replies` as it was before; `terminal`; `damaged`.
    package func apply(
        _ context: EntryContext,
        commands: [CommandEnvelope],
        into replies: inout [Reply]
    ) throws(StateMachineError) {
        precondition(
            context.position.index == applied.index.next && context.position.term >= applied.term,
            "entry \(context.position) was handed over after \(applied)"
        )
        let before = replies.count
        do {
            try begin()
            try perform(context, commands: commands, into: &replies)
        } catch {
            replies.removeLast(replies.count - before)
            throw recover(from: error)
        }
    }

    private func perform(
        _ context: EntryContext,
        commands: [CommandEnvelope],
        into replies: inout [Reply]
    ) throws(StateMachineError) {
        switch context.kind {
        case .commands:
            let applier = Applier(rows, key: key)
            let commands = commands.span
            for place in commands.indices {
                let reply = try applier.apply(commands[place], in: context)
                counters.commandsApplied += 1
                if reply.refusal != nil { counters.commandsRefused += 1 }
                replies.append(reply)
            }
        case .noOp:
            precondition(commands.isEmpty, "a no-op holds no commands")
        case .configuration(let configuration):
            precondition(commands.isEmpty, "a configuration holds no commands")
            rows.system.voters = configuration.voters.map(\.value)
            rows.system.outgoingVoters = configuration.outgoing.map(\.value)
        }
        rows.applied = context.position
        counters.entriesApplied += 1
    }

    /// Answers a query of the principal from the rows as they are now, about the tenant where the
    /// query names none.
    ///
    /// Who asks linearizably waits for the read index first; this does not.
    ///
    /// - Throws: as `apply`: a read that failed may have cost the open transaction.
    package func answer(
        _ query: Query,
        tenant: TenantID,
        principal: Principal
    ) throws(StateMachineError) -> Result<Answer, Refusal> {
        try checkLatch()
        counters.queriesAnswered += 1
        do {
            return try Answerer(rows).answer(query, tenant: tenant, principal: principal)
        } catch {
            throw recover(from: error)
        }
    }

    /// Commits, checkpoints and closes.
    ///
    /// Nothing may be called afterwards.
    package func close() throws(StateMachineError) {
        try commit()
        try checkpoint()
        latched = .terminal(
            SQLiteError(operation: "use", code: 21, extendedCode: 21, message: "it is closed")
        )
        defer { lock.release() }
        do {
            try rows.connection.close()
        } catch .sqlite(let cause) {
            throw .terminal(cause)
        }
    }
}
