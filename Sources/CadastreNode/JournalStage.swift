package import CadastreStorage
internal import RaftCore

/// The stage that makes durable: everything that waits becomes one batch and one sync.
package final class JournalStage {
    let journal: Journal

    /// Bytes of entries in one batch; more waits for the next, so that a reply never waits for
    /// megabytes behind it.
    private static let maximumBatchSize = 8 * 1_048_576

    /// A stage over an open journal.
    package init(journal: Journal) { self.journal = journal }

    /// The journal had no room for the last writes; they wait in the inbox.
    private var isFull = false
    /// The last turn made something durable.
    private var hasWritten = false
    /// Files are left that nobody needs any more.
    private var hasMoreToGiveBack = false

    /// Writes, syncs, then reads, then gives back what is not needed.
    ///
    /// - Parameters:
    ///   - events: Emptied, but for writes that found no room: they come first in the next turn.
    ///   - results: Gets one `persisted` for each sync and one answer for each read, and where a log
    ///     begins that was compacted.
    /// - Throws: What the disk said. A failed write or sync is final: the node stops.
    package func turn(
        _ events: inout [JournalEvent],
        into results: inout [JournalResult]
    ) throws(StorageError) {
        hasWritten = false
        let unwritten = try write(events, into: &results)
        for event in events {
            guard case .read(let group, let range, let purpose) = event else { continue }
            results.append(.entriesRead(purpose, try read(group, range, for: purpose)))
        }
        try answer(events, into: &results)
        for case .compact(let group, let index) in events {
            try compact(group, through: index, into: &results)
        }
        events.removeAll(keepingCapacity: true)
        events.append(contentsOf: unwritten)
        if isFull != !unwritten.isEmpty {
            isFull.toggle()
            results.append(.diskFull(isFull))
        }
    }

    /// A batch that is being gathered, and where in the turn's events it begins.
    private struct Batch {
        var writes: [JournalWrite] = []
        var size = 0
        /// The newest write that ends in this batch.
        var newest: PersistNumber?
        var firstEvent = 0
        var firstWrite = 0
    }

    /// Writes in batches of a bounded size.
    ///
    /// A write that is larger is cut: what of it is durable
    /// after a crash is a beginning, and its number is only reported with its end.
    ///
    /// - Returns: The writes for which there was no room.
    private func write(
        _ events: [JournalEvent],
        into results: inout [JournalResult]
    ) throws(StorageError) -> [JournalEvent] {
        var limit = min(Self.maximumBatchSize, journal.maximumBatchSize)
        var batch = Batch()
        for (place, event) in events.enumerated() {
            guard case .write(let number, let writes) = event else { continue }
            for (offset, write) in writes.enumerated() {
                let size = Journal.size(of: [write])
                if !batch.writes.isEmpty, batch.size + size > limit {
                    guard try sync(batch, into: &results) else {
                        return Self.unwritten(of: events, from: batch)
                    }
                    batch = Batch(firstEvent: place, firstWrite: offset)
                    limit = min(Self.maximumBatchSize, journal.maximumBatchSize)
                }
                batch.writes.append(write)
                batch.size += size
            }
            batch.newest = number
        }
        guard batch.newest != nil, try !sync(batch, into: &results) else { return [] }
        return Self.unwritten(of: events, from: batch)
    }

    /// Makes one batch durable.
    ///
    /// - Returns: False where there is no room for a next segment.
    private func sync(
        _ batch: Batch,
        into results: inout [JournalResult]
    ) throws(StorageError) -> Bool {
        do throws(StorageError) {
            try journal.write(batch.writes)
        } catch {
            guard error.isOutOfSpace else { throw error }
            return false
        }
        hasWritten = true
        if let newest = batch.newest { results.append(.persisted(newest)) }
        return true
    }

    /// The writes from the beginning of a batch on, as events for the next turn.
    private static func unwritten(
        of events: [JournalEvent],
        from batch: Batch
    ) -> [JournalEvent] {
        var rest: [JournalEvent] = []
        for (place, event) in events.enumerated() where place >= batch.firstEvent {
            guard case .write(let number, let writes) = event else { continue }
            let first = place == batch.firstEvent ? batch.firstWrite : 0
            rest.append(.write(number, Array(writes[first...])))
        }
        return rest
    }

    /// Gives back what the group does not need, in one bounded step; the rest is left to
    /// ``followUp()`` and ``idle()``.
    private func compact(
        _ group: GroupID,
        through index: LogIndex,
        into results: inout [JournalResult]
    ) throws(StorageError) {
        let before = journal.start(of: group)
        do throws(StorageError) {
            hasMoreToGiveBack = try journal.compact(group, through: index)
        } catch {
            // What is not given back now is with the next compaction.
            guard error.isOutOfSpace else { throw error }
        }
        let start = journal.start(of: group)
        if start != before { results.append(.compacted(group, start)) }
    }

    /// Takes away a file that is not needed any more, if there is one.
    private func giveBack() throws(StorageError) {
        do throws(StorageError) {
            hasMoreToGiveBack = try journal.giveBack()
        } catch {
            guard error.isOutOfSpace else { throw error }
            hasMoreToGiveBack = false
        }
    }

    /// Reads entries back; nil where a truncation of this very turn took what a peer was to get,
    /// which makes its message stale.
    private func read(
        _ group: GroupID,
        _ range: Range<LogIndex>,
        for purpose: ReadPurpose
    ) throws(StorageError) -> [Entry] {
        do throws(StorageError) {
            return try journal.read(group, range, maximumSize: Self.maximumReadSize)
        } catch {
            // What was to be sent may be gone by now. What was to be applied is gone only if a
            // snapshot took its place, which the consensus stage learns by itself.
            guard case .unavailable = error else { throw error }
            if case .apply = purpose, range.lowerBound > journal.start(of: group).position.index {
                throw error
            }
            return []
        }
    }

    /// Bytes that one read brings back at most, past its first entry.
    private static let maximumReadSize = 4 * 1_048_576

    /// What a turn leaves behind, for when its results are on their way: as much of the next segment
    /// as what was written asks for; and where it only read, the mark of what was written before.
    ///
    /// Under steady load no pause comes for ``idle()``, and a follower that reads its way through the
    /// log leaves none either.
    package func followUp() throws(StorageError) {
        if hasMoreToGiveBack { try giveBack() }
        do throws(StorageError) {
            if hasWritten {
                try journal.prepareInStep()
            } else if journal.needsMark {
                try journal.writeMark()
            }
        } catch {
            // As in `idle`.
            guard error.isOutOfSpace else { throw error }
        }
    }

    /// One bounded step of work that nobody waits for: the sync mark, a file that is not needed any
    /// more, the next segment.
    ///
    /// - Returns: There is more to do.
    package func idle() throws(StorageError) -> Bool {
        do throws(StorageError) {
            if journal.needsMark {
                try journal.writeMark()
                return true
            }
            if hasMoreToGiveBack {
                try giveBack()
                return true
            }
            return try journal.prepareAhead()
        } catch {
            // Room may come back; until the prepared segments are used up nothing is lost by it.
            guard error.isOutOfSpace else { throw error }
            return false
        }
    }

    /// What the journal counted.
    package var statistics: JournalStatistics { journal.statistics }
}
