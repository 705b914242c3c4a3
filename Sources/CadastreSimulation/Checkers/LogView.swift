internal import CadastreStorage
package import RaftCore

/// A log as the checkers see it: what stands at each place, from index 1.
///
/// Also of a log that was compacted, or begins with a snapshot: before its start stands what was
/// committed there, which is what the start vouches for.
package struct LogView: Hashable, Sendable {
    /// One place.
    package struct Record: Hashable, Sendable {
        /// Where, in which term.
        package var position: LogPosition
        /// Fixes everything up to here.
        package var hash: EntryHash

        /// Describes a place.
        package init(position: LogPosition, hash: EntryHash) {
            self.position = position
            self.hash = hash
        }
    }

    /// Contiguous from index 1.
    package private(set) var records: [Record] = []

    /// An empty log.
    package init() {}

    /// A log of these records.
    package init(_ records: [Record]) { self.records = records }

    /// The beginning of this log, through `index`.
    package func prefix(through index: LogIndex) -> LogView {
        LogView(Array(records.prefix(Int(clamping: index.value))))
    }

    /// The last place, zero if there is none.
    package var last: LogIndex { LogIndex(UInt64(records.count)) }

    /// What stands at a place, if anything.
    package func record(at index: LogIndex) -> Record? {
        guard index.value >= 1, index <= last else { return nil }
        return records[Int(index.value) - 1]
    }

    /// The log grows by one.
    package mutating func append(_ record: Record) { records.append(record) }

    /// The log loses everything from `index` on.
    package mutating func truncate(from index: LogIndex) {
        guard index <= last else { return }
        records.removeSubrange(Int(max(index.value, 1)) - 1..<records.count)
    }
}
