internal import CadastreProtocol
internal import RaftCore

/// The rows in SQLite, with the digest, and with a memory of what changes often.
///
/// Tenants, grants, their usage and sessions are always in memory; buckets, their usage and slots
/// are kept as far as ``maximumCached`` allows. Objects, usage, slots, times of sessions, counters,
/// applied position and digest are written once per COMMIT (``freeze()``); all else at once.
final class SQLiteRows {
    let connection: Connection
    let statements: Statements
    let key: RowHashKey

    /// The counters; part of the digest, written by ``freeze()``.
    var system = SystemRow()
    /// The newest entry whose effects are in the rows.
    var applied = LogPosition.zero
    /// The newest entry whose effects were committed: that of the file.
    var committed = LogPosition.zero
    /// The entry whose effects the open transaction holds, where that is fixed.
    var frozenAt: LogPosition?
    /// Transactions committed.
    var commits: UInt64 = 0
    /// A transaction was committed, and what follows a COMMIT was not done yet.
    var hasNewCommit = false
    /// Objects that are only in memory.
    var changes: ObjectChanges
    /// Objects that were stored last, as SQLite has them.
    var remembered: RememberedObjects
    /// How long objects are stored one by one.
    var rewritePause = RewritePause()
    /// Objects whose rows were rewritten in runs.
    var rewrittenObjects: UInt64 = 0
    /// The sum over all rows but the system row, whose hash is added when it is asked for.
    var rowsDigest = StateDigest.zero
    /// A recomputation of the digest that is under way.
    var verification: Verification?
    /// Rows changed that are not in a transaction whose contents are fixed.
    var dirtyRows = 0
    /// Changes of objects that were noted since somebody asked; of one command up to a thousand.
    var changesNoted = 0
    /// Bytes of the changes that made them: those of objects, each time they change.
    var dirtyBytes = 0

    var tenantRows = NumberedRows<TenantID, TenantRow>()
    var tenantUsages = NumberedRows<TenantID, Cached<TenantUsageRow>>()
    var dirtyTenantUsages: [TenantID] = []
    /// Objects of all tenants: the sum over `tenantUsages`, for status and metrics.
    var objectCount: UInt64 = 0
    var access = AccessView()

    var bucketRows: [[UInt8]: BucketRow] = [:]
    /// The one that was asked for last.
    var lastBucket: BucketRow?
    var bucketUsages = NumberedRows<BucketID, Cached<BucketUsageRow>>()
    var dirtyBucketUsages: [BucketID] = []

    var sessionRows = NumberedRows<UInt64, Cached<SessionRow>>()
    var dirtySessions: [UInt64] = []
    var sessionCounts: [SessionHolder: Int] = [:]
    /// No session was last seen before this: spares most ticks the search for silent ones.
    var oldestSeen: UInt64 = 0
    var slotRows = NumberedRows<SlotKey, Cached<SlotRow>>()
    var dirtySlots: [SlotKey] = []

    /// Rows of one kind kept in memory although they are in the file; what is read beyond is
    /// not kept, what is changed is forgotten at the next COMMIT.
    ///
    /// 65,536 slots or usages are some 8 MiB.
    static let maximumCached = 65_536

    /// A row in memory, and whether the file has an older one.
    struct Cached<Row> {
        var row: Row
        var isDirty: Bool
    }

    /// The key of a slot.
    struct SlotKey: NumberedKey, Comparable {
        var session: UInt64
        var slot: UInt32
        var mixed: UInt64 { session &+ UInt64(slot) }
        static func < (left: Self, right: Self) -> Bool {
            (left.session, left.slot) < (right.session, right.slot)
        }
    }

    /// Takes over an open connection whose schema is the newest, and reads what is kept in memory.
    init(
        _ connection: Connection,
        key: RowHashKey,
        rememberedBytes: Int,
        accessVersion: UInt64
    ) throws(StateMachineError) {
        self.connection = connection
        let memory = MemoryPieces()
        changes = ObjectChanges(memory)
        remembered = RememberedObjects(maximumBytes: rememberedBytes, in: memory)
        self.key = key
        statements = try Statements(connection)
        access.version = accessVersion
        try load()
        committed = applied
    }

    /// The digest of all rows as they are now.
    var digest: StateDigest {
        var digest = rowsDigest
        digest += system.digest(key)
        return digest
    }

    /// Notes that one row takes the place of another in the digest.
    @inline(__always)
    func replace<Row: DigestedRow>(_ old: Row?, by new: Row?) {
        if let old { rowsDigest -= old.digest(key) }
        if let new { rowsDigest += new.digest(key) }
        if verification != nil { verification?.replaced(old, by: new, key: key) }
    }

    /// Notes a row written at once.
    @inline(__always)
    func wrote(bytes: Int) {
        dirtyRows += 1
        dirtyBytes += bytes
    }

    // MARK: The whole

    func writeSystem() throws(StateMachineError) {
        let statement = statements.putSystem
        statement.bind(1, applied.index.value)
        statement.bind(2, applied.term.value)
        statement.bind(3, rowsDigest.high)
        statement.bind(4, rowsDigest.low)
        statement.bind(5, system.clusterTime)
        statement.bind(6, system.sequence)
        statement.bind(7, system.lastTenant)
        statement.bind(8, system.lastBucket)
        statement.bind(9, system.sessionsOpened)
        statement.bind(10, Self.bytes(of: system.voters))
        statement.bind(11, Self.bytes(of: system.outgoingVoters))
        try statement.run()
    }

    private func load() throws(StateMachineError) {
        try loadSystem()
        let statement = try Statement(Statements.Text.allTenants, on: connection)
        while try statement.step() {
            let row = try tenantRow(statement)
            tenantRows[row.id] = row
            access.tenants[row.name] = AccessView.Tenant(id: row.id, status: row.status)
        }
        let usages = try Statement(Statements.Text.allTenantUsage, on: connection)
        while try usages.step() {
            let row = tenantUsageRow(usages)
            tenantUsages[row.tenant] = Cached(row: row, isDirty: false)
            objectCount &+= row.objects
        }
        let grants = try Statement(Statements.Text.allGrants, on: connection)
        while try grants.step() {
            access.grants[grants.bytes(1), default: []].insert(TenantID(grants.integer(0)))
        }
        let sessions = try Statement(Statements.Text.allSessions, on: connection)
        while try sessions.step() {
            let row = try sessionRow(sessions)
            sessionRows[row.id] = Cached(row: row, isDirty: false)
            sessionCounts[SessionHolder(row.principal), default: 0] += 1
        }
    }

    private func loadSystem() throws(StateMachineError) {
        let statement = statements.system
        defer { statement.reset() }
        guard try statement.step() else { return }
        applied = LogPosition(
            index: LogIndex(statement.integer(1)),
            term: Term(statement.integer(2))
        )
        rowsDigest = StateDigest(high: statement.integer(3), low: statement.integer(4))
        system.clusterTime = statement.integer(5)
        system.sequence = statement.integer(6)
        system.lastTenant = statement.integer(7)
        system.lastBucket = statement.integer(8)
        system.sessionsOpened = statement.integer(9)
        system.voters = try Self.numbers(in: statement.bytes(10))
        system.outgoingVoters = try Self.numbers(in: statement.bytes(11))
    }

    private static func bytes(of numbers: [UInt64]) -> [UInt8] {
        numbers.flatMap { number in
            (0..<8).map { UInt8(truncatingIfNeeded: number >> (8 * UInt64($0))) }
        }
    }

    private static func numbers(in bytes: [UInt8]) throws(StateMachineError) -> [UInt64] {
        guard bytes.count.isMultiple(of: 8) else {
            throw .damaged("the list of voters has \(bytes.count) bytes")
        }
        return stride(from: 0, to: bytes.count, by: 8).map { start in
            bytes[start..<start + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
    }
}
