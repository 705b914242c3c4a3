internal import CSQLite

/// The one connection to a database, in exclusive mode: it writes, checkpoints and answers.
@safe
final class Connection {
    let handle: OpaquePointer
    let files: VirtualFiles
    /// False once it is closed: its statements are gone as well.
    private(set) var isOpen = true
    /// Rows over which statements and scans stepped, those in memory too: what reading cost.
    var rowsRead: UInt64 = 0
    /// Whether free pages can be given back to the disk.
    private(set) var isShrinkable = false
    /// Bytes of the database's pages.
    private(set) var pageSizeInUse = Connection.pageSize
    /// Whom `stops_at` and `new_value` ask, while a statement does so.
    ///
    /// Kept alive by the step.
    var visitor: Unmanaged<RowVisitor>?
    /// Thousands of steps that may still be taken, where they are limited.
    private var workLeft = 0

    /// Opens or creates the database through our own files.
    init(path: String, files: VirtualFiles) throws(StateMachineError) {
        var opened: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let code = unsafe sqlite3_open_v2(path, &opened, flags, files.name)
        guard code == SQLITE_OK, let opened = unsafe opened else {
            let message = unsafe Self.message(of: opened, files: files)
            let extended = unsafe opened.map { unsafe sqlite3_extended_errcode($0) } ?? code
            unsafe sqlite3_close_v2(opened)
            throw .sqlite(
                SQLiteError(
                    operation: "open \(path)",
                    code: code & 0xff,
                    extendedCode: extended & 0xff == code & 0xff ? extended : code,
                    message: message
                )
            )
        }
        unsafe handle = opened
        self.files = files
        unsafe sqlite3_extended_result_codes(opened, 1)
        _ = unsafe cadastre_db_config(opened, SQLITE_DBCONFIG_DEFENSIVE, 1)
        _ = unsafe cadastre_db_config(opened, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
        _ = unsafe cadastre_db_config(opened, SQLITE_DBCONFIG_ENABLE_VIEW, 0)
        _ = unsafe cadastre_db_config(opened, SQLITE_DBCONFIG_DQS_DML, 0)
        _ = unsafe cadastre_db_config(opened, SQLITE_DBCONFIG_DQS_DDL, 0)
        // Only a clean stop may touch files on closing: see close().
        _ = unsafe cadastre_db_config(opened, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        try defineVisits()
    }

    /// Bytes of a page of a new database; one that exists keeps those that it has.
    ///
    /// Measured with rows of 400 bytes, 32,000 of 100,000 changed in a transaction: storing one and
    /// moving it into the main file takes 4.2 µs of processor time, with pages of 4 KiB 5.7.
    static let pageSize = 8_192
    /// What pages of a database may have: those of the first databases had 4,096.
    static let pageSizes: Set<Int> = [4_096, pageSize]

    /// Sets what the database is run with.
    ///
    /// - Parameters:
    ///   - cacheSizeBytes: Memory for pages.
    ///   - newPageSize: Bytes of a page, if the database is made here.
    /// - Throws: What SQLite or the disk says, or that a setting did not take.
    func configure(
        cacheSizeBytes: Int,
        newPageSize: Int = Connection.pageSize
    ) throws(StateMachineError) {
        // Before the first read: exclusive mode is what spares the shared memory.
        try set("locking_mode", to: "EXCLUSIVE", reads: "exclusive")
        try execute("PRAGMA page_size=\(newPageSize)")
        // A new file only: it decides whether there is a map of which page belongs where, and would
        // write to one that has it.
        if try value(of: "PRAGMA page_count") == "0" {
            try execute("PRAGMA auto_vacuum=INCREMENTAL")
        }
        try set("journal_mode", to: "WAL", reads: "wal")
        try set("synchronous", to: "NORMAL", reads: "1")
        try set("wal_autocheckpoint", to: "0", reads: "0")
        try set("cache_size", to: "-\(cacheSizeBytes / 1_024)", reads: "-\(cacheSizeBytes / 1_024)")
        // Pages that do not fit go into the write-ahead log before the COMMIT: objects are stored in
        // the order of their keys, so a page that left is hardly ever changed again.
        try execute("PRAGMA cache_spill=ON")
        try set("secure_delete", to: "OFF", reads: "0")
        try set("trusted_schema", to: "OFF", reads: "0")
        try set("cell_size_check", to: "ON", reads: "1")
        try set("temp_store", to: "MEMORY", reads: "2")
        try execute("PRAGMA mmap_size=0")
        isShrinkable = try value(of: "PRAGMA auto_vacuum") == "2"
        pageSizeInUse = Int(try value(of: "PRAGMA page_size")) ?? Self.pageSize
    }

    deinit { finish() }

    /// Runs statements without parameters and without interest in their rows.
    func execute(_ text: String) throws(StateMachineError) {
        let code = unsafe sqlite3_exec(handle, text, nil, nil, nil)
        guard code == SQLITE_OK else { throw failure(text, code) }
    }

    /// The first column of the first row, such as the value that a pragma now has.
    func value(of text: String) throws(StateMachineError) -> String {
        let statement = try Statement(text, on: self)
        guard try statement.step() else { return "" }
        let value = statement.string(0)
        statement.reset()
        return value
    }

    /// Sets a pragma and checks that it took, since SQLite ignores what it does not like.
    func set(_ pragma: String, to value: String, reads expected: String) throws(StateMachineError) {
        _ = try self.value(of: "PRAGMA \(pragma)=\(value)")
        let found = try self.value(of: "PRAGMA \(pragma)")
        guard found == expected else {
            throw .sqlite(
                SQLiteError(
                    operation: "PRAGMA \(pragma)=\(value)",
                    code: SQLITE_ERROR,
                    extendedCode: SQLITE_ERROR,
                    message: "it is \(found)"
                )
            )
        }
    }

    /// The texts of all statements that are prepared now, ascending.
    var preparedTexts: [String] {
        var texts: [String] = []
        var statement = unsafe sqlite3_next_stmt(handle, nil)
        while let current = unsafe statement {
            if let text = unsafe sqlite3_sql(current) { texts.append(unsafe String(cString: text)) }
            unsafe statement = sqlite3_next_stmt(handle, current)
        }
        return texts.sorted()
    }

    /// Whether a transaction is open: false after an error that rolled it back.
    var isInTransaction: Bool { unsafe sqlite3_get_autocommit(handle) == 0 }

    /// Moves all frames of the write-ahead log into the main file, syncing both.
    /// - Throws: also when SQLite returned OK but left frames behind: then nothing is proved.
    /// - Returns: the number of frames moved.
    func checkpoint() throws(StateMachineError) -> Int {
        var logged: Int32 = -1
        var moved: Int32 = -1
        let code = unsafe sqlite3_wal_checkpoint_v2(
            handle,
            nil,
            SQLITE_CHECKPOINT_RESTART,
            &logged,
            &moved
        )
        guard code == SQLITE_OK else { throw failure("checkpoint", code) }
        guard logged == moved, logged >= 0 else {
            throw failure("checkpoint of \(logged) frames that moved \(moved)", SQLITE_BUSY)
        }
        files.logWasMoved()
        return Int(moved)
    }

    /// Gives back the room of the write-ahead log, all of which was moved by a checkpoint.
    func truncateLog() throws(StateMachineError) {
        let code = unsafe sqlite3_wal_checkpoint_v2(
            handle,
            nil,
            SQLITE_CHECKPOINT_TRUNCATE,
            nil,
            nil
        )
        guard code == SQLITE_OK else { throw failure("truncate the log", code) }
    }

    /// Closes it cleanly: the write-ahead log is moved into the main file and removed.
    func close() throws(StateMachineError) {
        _ = unsafe cadastre_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0)
        let code = finish()
        // A close that could not write all says so to nobody but the disk.
        if let failure = files.lastFailure { throw .sqlite(SQLiteError("close", failure)) }
        guard code == SQLITE_OK else {
            throw .sqlite(
                SQLiteError(operation: "close", code: code & 0xff, extendedCode: code, message: "")
            )
        }
    }

    /// Closes it without another write, after a failure.
    func abandon() {
        files.abandon()
        finish()
    }

    /// Makes statements fail with `SQLITE_INTERRUPT` once SQLite took this many steps of its machine,
    /// for files in which reading might never end.
    func limitWork(to steps: Int) {
        let granularity = 1_000
        workLeft = steps / granularity
        unsafe sqlite3_progress_handler(
            handle,
            Int32(granularity),
            { context in
                guard let context = unsafe context else { return 1 }
                let connection = unsafe Unmanaged<Connection>.fromOpaque(context)
                    .takeUnretainedValue()
                connection.workLeft -= 1
                return connection.workLeft < 0 ? 1 : 0
            },
            Unmanaged.passUnretained(self).toOpaque()
        )
    }

    /// Ends all statements and closes the handle.
    @discardableResult
    private func finish() -> Int32 {
        guard isOpen else { return SQLITE_OK }
        isOpen = false
        while let statement = unsafe sqlite3_next_stmt(handle, nil) {
            unsafe sqlite3_finalize(statement)
        }
        return unsafe sqlite3_close_v2(handle)
    }

    /// The failure with this code, in SQLite's words and the disk's.
    func failure(_ operation: String, _ code: Int32) -> StateMachineError {
        let extended = unsafe sqlite3_extended_errcode(handle)
        return .sqlite(
            SQLiteError(
                operation: operation,
                code: code & 0xff,
                extendedCode: extended & 0xff == code & 0xff ? extended : code,
                message: unsafe Self.message(of: handle, files: files)
            )
        )
    }

    private static func message(of handle: OpaquePointer?, files: VirtualFiles) -> String {
        let words = unsafe sqlite3_errmsg(handle).map { unsafe String(cString: $0) } ?? ""
        guard let disk = files.lastFailure else { return words }
        return "\(words) (\(disk))"
    }
}
