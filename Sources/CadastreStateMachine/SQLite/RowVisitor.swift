internal import CSQLite

/// Looks at the rows of a statement from within a step of SQLite: the statement's condition
/// `stops_at(…)` asks it of each row, and only those at which it stops come out of the step.
///
/// In and out of a step and column by column, a row of a list takes 430 ns, so 310 (SQLite 3.40).
protocol RowVisitor: AnyObject {
    /// Whether the step ends at this row.
    func stops(at row: borrowing VisitedRow) -> Bool
}

/// What `stops_at` was given, in its order and numbered from 0: as long as the call lasts.
@safe
struct VisitedRow: ~Copyable {
    private let values: UnsafeMutablePointer<OpaquePointer?>

    fileprivate init(_ values: UnsafeMutablePointer<OpaquePointer?>) {
        unsafe self.values = values
    }

    /// 64 bits as they were bound.
    @inline(__always)
    func integer(_ place: Int) -> UInt64 {
        UInt64(bitPattern: unsafe sqlite3_value_int64(values[place]))
    }

    /// Shows the bytes where SQLite has them.
    @inline(__always)
    func withBytes<Result>(_ place: Int, _ visit: (UnsafeRawBufferPointer) -> Result) -> Result {
        let start = unsafe sqlite3_value_blob(values[place])
        let count = Int(unsafe sqlite3_value_bytes(values[place]))
        return unsafe visit(UnsafeRawBufferPointer(start: start, count: count))
    }
}

extension Connection {
    /// Lets statements ask `stops_at(…)`, of any number of values; not what a file holds.
    func defineStopsAt() throws(StateMachineError) {
        let code = unsafe sqlite3_create_function_v2(
            handle,
            "stops_at",
            -1,
            SQLITE_UTF8 | SQLITE_DIRECTONLY,
            Unmanaged.passUnretained(self).toOpaque(),
            { context, _, values in
                guard let pointer = unsafe sqlite3_user_data(context), let values = unsafe values
                else { return }
                let connection = unsafe Unmanaged<Connection>.fromOpaque(pointer)
                    .takeUnretainedValue()
                guard let visitor = connection.visitor else {
                    unsafe sqlite3_result_error_code(context, SQLITE_MISUSE)
                    return
                }
                let stops = visitor.stops(at: unsafe VisitedRow(values))
                unsafe sqlite3_result_int(context, stops ? 1 : 0)
            },
            nil,
            nil,
            nil
        )
        guard code == SQLITE_OK else { throw failure("define stops_at", code) }
    }
}
