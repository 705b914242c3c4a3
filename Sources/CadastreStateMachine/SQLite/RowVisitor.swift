internal import CSQLite

/// Looks at the rows of a statement from within a step of SQLite: the statement's condition
/// `stops_at(…)` asks it of each row, and only those at which it stops come out of the step, or are
/// changed by it to what `new_value(…)` asks for.
///
/// Stepped, with a call for each column, a row of a list took 430 ns; a prototype in C that was asked
/// like this took 310 (SQLite 3.40).
///
/// A class to inherit from, since one is called for each row without a count of its references.
class RowVisitor {
    /// Whether the step ends at this row.
    ///
    /// It asks nothing of the rows: SQLite is within a step.
    func stops(at row: borrowing VisitedRow) -> Bool {
        preconditionFailure("a visitor that does not say where it stops")
    }

    /// Says what a column of the row at which it stopped last is to be.
    ///
    /// - Parameters:
    ///   - column: What `new_value` was given.
    ///   - value: Takes it.
    /// - Returns: Whether it took one; else the statement fails.
    func give(_ column: Int, to value: borrowing NewValue) -> Bool { false }
}

/// What `stops_at` was given, in its order and numbered from 0: as long as the call lasts.
@safe
struct VisitedRow: ~Copyable {
    private let values: UnsafeMutablePointer<OpaquePointer?>
    private let count: Int

    fileprivate init(_ values: UnsafeMutablePointer<OpaquePointer?>, count: Int) {
        unsafe self.values = values
        self.count = count
    }

    /// 64 bits as they were bound.
    @inline(__always)
    func integer(_ place: Int) -> UInt64 {
        UInt64(bitPattern: unsafe sqlite3_value_int64(value(place)))
    }

    /// Shows the bytes where SQLite has them.
    @inline(__always)
    func withBytes<Result>(_ place: Int, _ visit: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = unsafe sqlite3_value_blob(value(place))
        let count = Int(unsafe sqlite3_value_bytes(value(place)))
        return unsafe visit(UnsafeRawBufferPointer(start: start, count: count))
    }

    @inline(__always)
    private func value(_ place: Int) -> OpaquePointer? {
        precondition(place < count, "stops_at was given fewer values")
        return unsafe values[place]
    }
}

/// What `new_value` comes to.
@safe
struct NewValue: ~Copyable {
    private let context: OpaquePointer?

    fileprivate init(_ context: OpaquePointer?) { unsafe self.context = context }

    /// 64 bits; SQLite shows those above 2^63 as negative.
    @inline(__always)
    func become(_ value: UInt64) {
        unsafe sqlite3_result_int64(context, Int64(bitPattern: value))
    }

    /// Bytes that SQLite reads where they lie: they must stay there until the row is written.
    @unsafe
    @inline(__always)
    func become(shared bytes: UnsafeRawBufferPointer) {
        if let start = bytes.baseAddress {
            unsafe sqlite3_result_blob(context, start, Int32(bytes.count), nil)
        } else {
            unsafe sqlite3_result_zeroblob(context, 0)
        }
    }
}

extension Connection {
    /// Lets statements ask a visitor.
    func defineVisits() throws(StateMachineError) {
        try defineStopsAt()
        try defineNewValue()
    }

    /// Lets statements ask `stops_at(…)`, of any number of values; not what a file holds.
    ///
    /// Not `SQLITE_DETERMINISTIC`: SQLite asks again for each row, after the bounds of its search.
    private func defineStopsAt() throws(StateMachineError) {
        let code = unsafe sqlite3_create_function_v2(
            handle,
            "stops_at",
            -1,
            SQLITE_UTF8 | SQLITE_DIRECTONLY,
            Unmanaged.passUnretained(self).toOpaque(),
            { context, count, values in
                guard let pointer = unsafe sqlite3_user_data(context), let values = unsafe values
                else { preconditionFailure("SQLite calls without what it was given") }
                unsafe Unmanaged<Connection>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
                    connection in
                    guard let visitor = unsafe connection.visitor else {
                        unsafe sqlite3_result_error_code(context, SQLITE_MISUSE)
                        return
                    }
                    let stops = unsafe visitor._withUnsafeGuaranteedRef {
                        unsafe $0.stops(at: VisitedRow(values, count: Int(count)))
                    }
                    // The row at which it stops is counted by the step, out of which it comes.
                    if !stops { connection.rowsRead &+= 1 }
                    unsafe sqlite3_result_int(context, stops ? 1 : 0)
                }
            },
            nil,
            nil,
            nil
        )
        guard code == SQLITE_OK else { throw failure("define stops_at", code) }
    }

    /// Lets statements ask `new_value(column)`.
    ///
    /// Not `SQLITE_DETERMINISTIC`: it is another for each row.
    private func defineNewValue() throws(StateMachineError) {
        let code = unsafe sqlite3_create_function_v2(
            handle,
            "new_value",
            1,
            SQLITE_UTF8 | SQLITE_DIRECTONLY,
            Unmanaged.passUnretained(self).toOpaque(),
            { context, _, values in
                guard let pointer = unsafe sqlite3_user_data(context), let values = unsafe values
                else { preconditionFailure("SQLite calls without what it was given") }
                unsafe Unmanaged<Connection>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
                    connection in
                    let isGiven = unsafe connection.visitor?._withUnsafeGuaranteedRef {
                        unsafe $0.give(Int(sqlite3_value_int(values[0])), to: NewValue(context))
                    }
                    if isGiven != true { unsafe sqlite3_result_error_code(context, SQLITE_MISUSE) }
                }
            },
            nil,
            nil,
            nil
        )
        guard code == SQLITE_OK else { throw failure("define new_value", code) }
    }
}
