internal import CSQLite

/// One prepared statement: bound, stepped, reset.
///
/// Its parameters are the only way to pass values.
@safe
final class Statement {
    private let handle: OpaquePointer
    private let connection: Connection
    /// The text, for messages.
    let text: String
    /// What SQLite said to the first parameter that it did not take; told by the next step.
    private var bindCode = SQLITE_OK

    /// Prepares the text, which must be one statement.
    init(_ text: String, on connection: Connection) throws(StateMachineError) {
        var prepared: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(
            connection.handle,
            text,
            -1,
            UInt32(SQLITE_PREPARE_PERSISTENT),
            &prepared,
            nil
        )
        guard code == SQLITE_OK, let prepared = unsafe prepared else {
            throw connection.failure("prepare \(text)", code)
        }
        unsafe handle = prepared
        self.connection = connection
        self.text = text
    }

    deinit {
        // A closed connection has ended its statements.
        if connection.isOpen { unsafe sqlite3_finalize(handle) }
    }

    // MARK: Parameters, numbered from 1

    /// Binds 64 bits as they are; SQLite shows those above 2^63 as negative.
    @inline(__always)
    func bind(_ place: Int32, _ value: UInt64) {
        note(unsafe sqlite3_bind_int64(handle, place, Int64(bitPattern: value)))
    }

    /// Binds 64 bits, or NULL.
    func bind(_ place: Int32, _ value: UInt64?) {
        if let value {
            bind(place, value)
        } else {
            note(unsafe sqlite3_bind_null(handle, place))
        }
    }

    /// Binds bytes, which SQLite copies.
    @inline(__always)
    func bind(_ place: Int32, _ bytes: [UInt8]) {
        let code = unsafe bytes.withUnsafeBytes { buffer in
            if let start = buffer.baseAddress {
                unsafe cadastre_bind_blob(handle, place, start, Int32(buffer.count))
            } else {
                unsafe sqlite3_bind_zeroblob(handle, place, 0)
            }
        }
        note(code)
    }

    /// Binds bytes that SQLite reads where they lie, when the statement is run: they must stay there
    /// until then, and the parameter be bound anew for the next time.
    @unsafe
    @inline(__always)
    func bindShared(_ place: Int32, _ bytes: UnsafeRawBufferPointer) {
        let code =
            if let start = bytes.baseAddress {
                unsafe sqlite3_bind_blob(handle, place, start, Int32(bytes.count), nil)
            } else {
                unsafe sqlite3_bind_zeroblob(handle, place, 0)
            }
        note(code)
    }

    /// Remembers a parameter that was not taken: without it the statement would run with that of
    /// the time before.
    @inline(__always)
    private func note(_ code: Int32) {
        if code != SQLITE_OK, bindCode == SQLITE_OK { bindCode = code }
    }

    // MARK: Running

    /// Moves to the next row; false when there is none.
    ///
    /// - Throws: Also when a parameter was not taken.
    @inline(__always)
    func step() throws(StateMachineError) -> Bool {
        guard bindCode == SQLITE_OK else { throw unbound() }
        let code = unsafe sqlite3_step(handle)
        if code == SQLITE_ROW {
            connection.rowsRead &+= 1
            return true
        }
        if code == SQLITE_DONE { return false }
        throw failed(code)
    }

    /// Moves to the next row at which the visitor stops.
    ///
    /// - Parameter visitor: What `stops_at` and `new_value` in the statement ask.
    /// - Returns: Whether there is one.
    /// - Throws: Also when a parameter was not taken.
    func step(visitor: RowVisitor) throws(StateMachineError) -> Bool {
        precondition(unsafe connection.visitor == nil, "a visitor that steps over rows itself")
        unsafe connection.visitor = Unmanaged.passUnretained(visitor)
        defer {
            unsafe connection.visitor = nil
            extendLifetime(visitor)
        }
        return try step()
    }

    /// Runs a statement that returns no rows, and makes it ready for the next time.
    ///
    /// - Throws: Also when a parameter was not taken.
    @inline(__always)
    func run() throws(StateMachineError) {
        guard bindCode == SQLITE_OK else { throw unbound() }
        let code = unsafe sqlite3_step(handle)
        unsafe sqlite3_reset(handle)
        guard code == SQLITE_DONE else { throw failed(code) }
    }

    /// Makes it ready for the next time; a failure was already reported by ``step()``.
    @inline(__always)
    func reset() { unsafe sqlite3_reset(handle) }

    // MARK: Columns, numbered from 0

    /// 64 bits as they were bound.
    @inline(__always)
    func integer(_ column: Int32) -> UInt64 {
        UInt64(bitPattern: unsafe sqlite3_column_int64(handle, column))
    }

    /// 64 bits, or nil for NULL.
    func optionalInteger(_ column: Int32) -> UInt64? {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : integer(column)
    }

    /// A copy of the bytes.
    @inline(__always)
    func bytes(_ column: Int32) -> [UInt8] {
        let start = unsafe sqlite3_column_blob(handle, column)
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        guard let start = unsafe start, count > 0 else { return [] }
        return unsafe [UInt8](UnsafeRawBufferPointer(start: start, count: count))
    }

    /// How many bytes.
    func size(_ column: Int32) -> Int { Int(unsafe sqlite3_column_bytes(handle, column)) }

    /// Appends the bytes.
    func append(_ column: Int32, to bytes: inout [UInt8]) {
        unsafe withBytes(column) { unsafe bytes.append(contentsOf: $0) }
    }

    /// Shows the bytes where SQLite has them.
    @inline(__always)
    func withBytes<Result>(_ column: Int32, _ visit: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = unsafe sqlite3_column_blob(handle, column)
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        return unsafe visit(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// Text as SQLite holds it, for pragmas.
    func string(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

    private func unbound() -> StateMachineError {
        let error = connection.failure("bind the parameters of \(text)", bindCode)
        bindCode = SQLITE_OK
        return error
    }

    private func failed(_ code: Int32) -> StateMachineError {
        let error = connection.failure(text, code)
        unsafe sqlite3_reset(handle)
        return error
    }
}
