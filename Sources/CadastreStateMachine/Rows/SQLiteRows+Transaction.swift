internal import CadastreDisk
internal import RaftCore

/// How what is only in memory gets into SQLite, and when a transaction ends.
///
/// A transaction holds the state as of one entry. When it is due, what it holds is fixed
/// (``freeze()``): the small tables are written at once, objects are stored piece by piece
/// (``store(atMost:)``) while further entries are applied to memory alone, then it is committed.
/// What is written to SQLite at once, which is rare, ends it first (``beginWriting()``).
extension SQLiteRows {
    /// Whether a transaction was fixed and is not committed yet.
    var isStoring: Bool { frozenAt != nil }

    /// Whether anything was done that is not committed.
    var hasUncommitted: Bool { connection.isInTransaction || applied != committed }

    /// Begins a transaction unless one is open.
    func begin() throws(StateMachineError) {
        guard !connection.isInTransaction else { return }
        try statements.begin.run()
    }

    /// Makes the open transaction one that holds the newest entry, so that it can be written to.
    func beginWriting() throws(StateMachineError) {
        if isStoring { _ = try store(atMost: .max) }
        try begin()
    }

    /// Fixes what the transaction holds: the state as it is now.
    func freeze() throws(StateMachineError) {
        try beginWriting()
        try writeSmallTables()
        changes.freeze()
        rewritePause = RewritePause()
        frozenAt = applied
        dirtyRows = 0
        dirtyBytes = 0
    }

    /// Stores up to so many objects of the fixed transaction, and commits it behind the last.
    ///
    /// - Returns: Whether it was committed.
    func store(atMost count: Int) throws(StateMachineError) -> Bool {
        guard let frozenAt else { return false }
        try storeObjects(atMost: count)
        guard changes.unstoredCount == 0 else { return false }
        try statements.commit.run()
        do {
            try connection.files.flush()
        } catch {
            throw connection.failure("commit", error.isOutOfSpace ? 13 : 10)
        }
        committed = frozenAt
        self.frozenAt = nil
        commits += 1
        hasNewCommit = true
        forgetMuch()
        return true
    }

    /// Writes into the open transaction all that is only in memory; it then holds the newest entry.
    func settle() throws(StateMachineError) {
        try beginWriting()
        try settleObjects()
        try writeSmallTables()
    }

    /// The same for objects alone, before their table is read in order.
    func settleObjects() throws(StateMachineError) {
        guard isStoring || changes.hasRecent else { return }
        try beginWriting()
        changes.freeze()
        try storeObjects(atMost: .max)
    }

    private func storeObjects(atMost count: Int) throws(StateMachineError) {
        var left = min(count, changes.unstoredCount)
        while left > 0 {
            let run = try rewriteRun(atMost: left)
            for place in 0..<run.count {
                guard let record = changes.unstored.first else { break }
                try unsafe changes.frozen.withRecord(record) { object throws(StateMachineError) in
                    if !run.isRewritten(place) { try unsafe store(object) }
                    unsafe remembered.remember(object)
                }
                changes.tookUnstored()
            }
            left -= run.count
        }
        if changes.unstoredCount == 0 { changes.forgetStored() }
    }

    /// Usage, sessions, slots and the counters, in the order of their keys.
    private func writeSmallTables() throws(StateMachineError) {
        for id in dirtyTenantUsages.sorted() {
            guard let row = tenantUsages[id]?.row else { continue }
            try write(row)
            tenantUsages[id]?.isDirty = false
        }
        dirtyTenantUsages.removeAll(keepingCapacity: true)
        for id in dirtyBucketUsages.sorted() {
            guard let row = bucketUsages[id]?.row else { continue }
            try write(row)
            bucketUsages[id]?.isDirty = false
        }
        dirtyBucketUsages.removeAll(keepingCapacity: true)
        for id in dirtySessions.sorted() {
            guard let row = sessionRows[id]?.row else { continue }
            try write(row)
            sessionRows[id]?.isDirty = false
        }
        dirtySessions.removeAll(keepingCapacity: true)
        for id in dirtySlots.sorted() {
            guard let row = slotRows[id]?.row else { continue }
            try write(row)
            slotRows[id]?.isDirty = false
        }
        dirtySlots.removeAll(keepingCapacity: true)
        try writeSystem()
    }

    /// Memory goes back below its bound; what is not written stays.
    private func forgetMuch() {
        if bucketRows.count > Self.maximumCached { bucketRows = [:] }
        if bucketUsages.count > Self.maximumCached { bucketUsages.keep(where: \.isDirty) }
        if slotRows.count > Self.maximumCached { slotRows.keep(where: \.isDirty) }
    }
}
