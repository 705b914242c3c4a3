internal import CadastreProtocol
internal import CadastreStorage
package import RaftCore

/// Reading again what was written long ago, in small pieces and at a bounded rate, so that rot is found
/// while others still have what it took (Decisions/0013).
extension SnapshotStage {
    /// When and how fast.
    struct Scrub {
        let journal: JournalScrub
        let interval: UInt64
        var limit: RateLimit
        /// When the next one begins; nil before the first turn.
        var due: UInt64?
        var part: Part?

        /// What is read in this pass.
        enum Part { case journal, snapshots }

        var isUnderWay: Bool { part != nil }
    }

    /// Bytes of one turn, so that nobody waits long behind them.
    private static let maximumPerTurn = 1_048_576

    /// Goes on, if it is time.
    func scrub(at moment: Moment, into output: inout SnapshotOutput) {
        guard var scrub else { return }
        defer { self.scrub = scrub }
        let now = moment.monotonic
        let due = scrub.due ?? now.addingReportingOverflow(scrub.interval / 24).partialValue
        scrub.due = due
        if scrub.part == nil, now >= due {
            scrub.part = .journal
            scrub.due = now.addingReportingOverflow(scrub.interval).partialValue
        }
        var size = 0
        while let part = scrub.part, size < Self.maximumPerTurn, scrub.limit.isOpen(at: now) {
            let bytes: Int
            let isOver: Bool
            switch part {
            case .journal: (bytes, isOver) = scrubJournal(scrub.journal, into: &output)
            case .snapshots: (bytes, isOver) = scrubSnapshot(into: &output)
            }
            scrub.limit.spend(bytes)
            size += max(bytes, 4_096)
            statistics.scrubbedBytes += UInt64(bytes)
            if isOver, part == .journal {
                scrub.part = .snapshots
            } else if isOver {
                scrub.part = nil
                statistics.scrubs += 1
                statistics.lastScrubEnded = moment.wall
            }
            if output.failure != nil { return }
        }
    }

    private func scrubJournal(
        _ journal: JournalScrub,
        into output: inout SnapshotOutput
    ) -> (bytes: Int, isOver: Bool) {
        do throws(StorageError) {
            guard let bytes = try journal.step() else { return (0, true) }
            return (bytes, false)
        } catch {
            if case .disk(let cause) = error {
                // Nothing is known to be wrong, and the next pass looks again.
                output.notes.append("the journal could not be read again: \(cause)")
                return (0, true)
            }
            statistics.damagesFound += 1
            output.failure = error
            return (0, false)
        }
    }

    private func scrubSnapshot(
        into output: inout SnapshotOutput
    ) -> (bytes: Int, isOver: Bool) {
        do throws(StorageError) {
            let isOver = try store.scrub()
            return (store.scrubbed?.size ?? 0, isOver)
        } catch {
            guard case .damagedSnapshot = error, let id = store.scrubbed?.id else {
                output.notes.append("a snapshot could not be read again: \(error)")
                return (0, true)
            }
            statistics.damagesFound += 1
            drop(SnapshotName(id), because: error, into: &output)
            return (0, false)
        }
    }

    /// What metrics and status show.
    func count(at now: UInt64) {
        let newest = store.newest(of: group)
        statistics.newestIndex = newest?.start.position.index ?? .zero
        statistics.newestSize = newest?.storedSize ?? 0
        statistics.newestTime = newest?.clusterTime ?? 0
        let receiver = fetching?.receiver
        let size = receiver?.manifest.size ?? 0
        let missing = (receiver?.missingCount ?? 0) * (receiver?.manifest.chunkSize ?? 0)
        statistics.receivingSize = size
        statistics.receivedSize = max(0, size - missing)
    }
}

/// What the snapshot stage has and did.
package struct SnapshotStatistics: Hashable, Sendable {
    /// The last entry of the newest snapshot; zero if there is none.
    package var newestIndex = LogIndex.zero
    /// Bytes of it as it is kept.
    package var newestSize = 0
    /// Cluster time in it, in milliseconds since 1970.
    package var newestTime: UInt64 = 0
    /// Bytes of the state that is being fetched; 0 if none is, or its manifest is awaited.
    package var receivingSize = 0
    /// How many of them are here.
    package var receivedSize = 0
    /// Bytes of journal and snapshots that were read again since the start.
    package var scrubbedBytes: UInt64 = 0
    /// How often all of them were, since the start.
    package var scrubs: UInt64 = 0
    /// When they were last, in milliseconds since 1970; 0 if not since the start.
    package var lastScrubEnded: UInt64 = 0
    /// Damages that were found since the start.
    package var damagesFound: UInt64 = 0

    /// Nothing yet.
    package init() {}
}
