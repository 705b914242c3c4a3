/// Storing objects that lie beside each other and change together, as those that are put in the order of
/// their keys do: one statement goes along their rows and rewrites each where it lies.
///
/// A row that is replaced alone is searched for twice. In a loop of its own it took 3.8 µs of processor
/// time, rewritten in a run of 64 1.6 (SQLite 3.40, 100,000 rows of 400 bytes, of which 32,768 change in
/// a transaction).
extension SQLiteRows {
    /// Rewrites what it can of the next changes to store.
    ///
    /// It passes no more rows, changed or not, than it may store.
    ///
    /// - Parameter limit: At least 1.
    /// - Returns: How many changes it looked at, and which of them need nothing more.
    /// - Throws: What SQLite says; the transaction is then not to be committed.
    func rewriteRun(atMost limit: Int) throws(StateMachineError) -> ObjectRun {
        let most = min(limit, ObjectRun.longest)
        guard most >= ObjectRun.shortest, !rewritePause.takesOne() else { return .one }
        let count = try countAhead(atMost: most)
        guard count * ObjectRun.worthwhile >= most else {
            rewritePause.begin()
            return .one
        }
        let numbers = changes.unstored.prefix(count)
        guard let first = numbers.first, let last = numbers.last else { return .one }
        let statement = statements.rewriteObjects
        unsafe changes.frozen.withRecord(first) { first in
            unsafe statement.bind(1, first.header.bucket)
            unsafe statement.bindShared(2, first.key)
        }
        unsafe changes.frozen.withRecord(last) { unsafe statement.bindShared(3, $0.key) }
        let run = ObjectRewrite(of: self, numbers)
        defer { statement.reset() }
        _ = try statement.step(visitor: run)
        let rewritten = run.rewritten.nonzeroBitCount
        rewrittenObjects += UInt64(rewritten)
        if rewritten * ObjectRun.worthwhile < most {
            rewritePause.begin()
        } else {
            rewritePause.end()
        }
        return ObjectRun(count: count, rewritten: run.rewritten)
    }

    /// How many of the next changes are of one bucket and lie among so many of its rows.
    private func countAhead(atMost most: Int) throws(StateMachineError) -> Int {
        let unstored = changes.unstored.prefix(most)
        guard let first = unstored.first else { return 0 }
        let statement = statements.keyAhead
        let bucket = unsafe changes.frozen.withRecord(first) { first in
            unsafe statement.bindShared(2, first.key)
            return unsafe first.header.bucket
        }
        statement.bind(1, bucket)
        statement.bind(3, UInt64(most - 1))
        defer { statement.reset() }
        guard try statement.step() else {
            // The bucket has fewer rows from there on.
            return unstored.prefix { number in
                unsafe changes.frozen.withRecord(number) { unsafe $0.header.bucket == bucket }
            }.count
        }
        return unsafe statement.withBytes(0) { end in
            unstored.prefix { number in
                unsafe changes.frozen.withRecord(number) { record in
                    unsafe record.order(bucket: bucket, key: end) != .behind
                }
            }.count
        }
    }
}

/// Changes that were looked at together, in the order of their places.
struct ObjectRun {
    /// How many.
    let count: Int
    /// Those whose rows were rewritten, the first in the lowest bit.
    fileprivate let rewritten: UInt64

    /// One that is to be stored alone.
    static let one = ObjectRun(count: 1, rewritten: 0)

    /// A bit for each.
    fileprivate static let longest = 64
    /// Fewer are not worth looking ahead.
    fileprivate static let shortest = 4
    /// Of so many rows that are passed one has to change; with one of three to four, puts at random over
    /// 100,000 keys cost 1.06 of the processor time.
    fileprivate static let worthwhile = 2

    /// Whether that one needs to be stored no more.
    func isRewritten(_ place: Int) -> Bool { rewritten >> UInt64(place) & 1 != 0 }
}

/// Where changes lie far from each other, or are of objects that did not exist, looking ahead is in vain:
/// after each time it is left for twice as many changes.
struct RewritePause {
    private var left = 0
    private var next = Self.shortest

    private static let shortest = 64
    private static let longest = 1_024

    /// Whether the next change is stored alone.
    mutating func takesOne() -> Bool {
        guard left > 0 else { return false }
        left -= 1
        return true
    }

    mutating func begin() {
        left = next
        next = min(2 * next, Self.longest)
    }

    mutating func end() { next = Self.shortest }
}

/// Rewrites the rows of changes from within a step of SQLite, meanwhile the table that holds them does
/// not change.
@safe
private final class ObjectRewrite: RowVisitor {
    private let rows: SQLiteRows
    private let numbers: ArraySlice<ObjectTable.RecordNumber>
    /// The first change whose place was not passed.
    private var next = 0
    /// Where it lies: found once for a row, which asks seven times.
    private var location: (piece: UnsafeRawBufferPointer, offset: Int)
    /// The columns that were given of the row at which it stopped last, a bit for each.
    private var given = complete
    fileprivate private(set) var rewritten: UInt64 = 0

    /// All but the place.
    private static let complete: UInt8 = 0b1111_1100

    init(of rows: SQLiteRows, _ numbers: ArraySlice<ObjectTable.RecordNumber>) {
        self.rows = rows
        self.numbers = numbers
        unsafe location = rows.changes.frozen.location(of: numbers[numbers.startIndex])
    }

    override func stops(at row: borrowing VisitedRow) -> Bool {
        // A SQLite that looked for all rows before it changed the first would find one.
        guard given == Self.complete else { return false }
        return unsafe row.withBytes(0) { key in
            while next < numbers.count {
                let order = unsafe withNext { unsafe ByteOrder.order($0.key, key) }
                if order == .behind { break }
                if order == .same {
                    guard unsafe withNext({ unsafe !$0.header.isDeleted }) else { break }
                    given = 0
                    return true
                }
                pass()
            }
            return false
        }
    }

    override func give(_ column: Int, to value: borrowing NewValue) -> Bool {
        guard given != Self.complete else { return false }
        let isGiven = unsafe withNext { change in
            switch column {
            case 2: unsafe value.become(change.header.sequence)
            case 3: unsafe value.become(change.header.size)
            case 4: unsafe value.become(shared: change.etag)
            case 5: unsafe value.become(change.header.modified)
            case 6: unsafe value.become(change.header.bodyHash)
            case 7: unsafe value.become(shared: change.body)
            default: return false
            }
            return true
        }
        guard isGiven else { return false }
        given |= 1 << UInt8(column)
        if given == Self.complete {
            rewritten |= 1 << UInt64(next)
            pass()
        }
        return true
    }

    /// Goes on to the next change.
    private func pass() {
        next += 1
        guard next < numbers.count else { return }
        unsafe location = rows.changes.frozen.location(of: numbers[numbers.startIndex + next])
    }

    @inline(__always)
    private func withNext<Result>(_ visit: (borrowing PackedObject) -> Result) -> Result {
        unsafe visit(PackedObject(in: location.piece, at: location.offset))
    }
}
