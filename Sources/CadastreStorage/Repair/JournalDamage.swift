package import CadastreDisk
package import RaftCore

/// What is left of a journal that is damaged below what was durable, and what that proves.
///
/// Read-only. What lies behind the damage says what the journal had become: every batch header, even
/// of a batch whose records are damaged, repeats term, vote, last position and its hash; every
/// segment begins with them. That is the proof. Which entries the log consists of follows from the
/// proven hash backwards, since each hash fixes an entry and the hash before it: so an entry of
/// before the damage that was truncated within it is never taken for one of the log, and whatever is
/// missing can be had from anybody (Decisions/0012).
package struct JournalDamage: Sendable {
    /// One place where something durable cannot be read.
    package struct Gap: Hashable, Sendable {
        /// In which file.
        package var file: String
        /// From which byte on.
        package var offset: Int
        /// What is wrong there.
        package var reason: String
    }

    /// An entry that is whole, and after which hash it stands.
    struct KeptEntry: Hashable, Sendable {
        var position: LogPosition
        var hash: EntryHash
        /// Nil if nothing that is left tells.
        var previousHash: EntryHash?
        var place: EntryPlace
    }

    /// Where the journal is.
    package let directory: String
    /// Of which group all of this is.
    package let group: GroupID
    /// What is damaged, in the order of the journal, at least one; the first few.
    package internal(set) var gaps: [Gap] = []
    /// Term and vote.
    package internal(set) var hardState = HardState.initial
    /// The last entry.
    package internal(set) var last = LogPosition.zero
    /// Its hash.
    package internal(set) var hash = EntryHash.zero
    /// The newest configuration that can be read: who may have what is missing.
    package internal(set) var configuration: Configuration?

    /// Where the log began; nil if that is damaged too.
    var start: LogStart?
    /// Places that are known well enough for a log to begin there.
    var starts: [LogStart] = []
    /// Whole entries, ascending by index; of one index in the order of the journal.
    var entries: [KeptEntry] = []
    /// The segments that can be read, ascending.
    var segments: [SegmentHeader] = []

    /// Gaps that are remembered; all are mended.
    static let maximumGaps = 16

    init(directory: String, group: GroupID) {
        self.directory = directory
        self.group = group
    }

    /// Judges the journal of a directory, which ``Journal/open(directory:on:identity:settings:seed:)``
    /// has refused.
    ///
    /// Reads the whole journal twice; changes no byte.
    /// - Parameters:
    ///   - directory: Of the journal.
    ///   - disk: Where it is.
    ///   - identity: Whose it must be.
    ///   - group: The only one in the journal.
    /// - Returns: Nil if nothing durable is damaged.
    /// - Throws: `unproven` if what is left does not say what the journal had become, and what
    ///   ``StorageError`` says of files that are not this node's, or contradict each other.
    package static func judge(
        directory: String,
        on disk: any Disk,
        identity: JournalIdentity,
        group: GroupID
    ) throws(StorageError) -> JournalDamage? {
        var survey = JournalSurvey(
            JournalFolder(directory: directory, disk: disk, identity: identity),
            group: group
        )
        return try survey.run()
    }

    /// The whole entry of this index and hash, of which it is known what it follows.
    func kept(_ index: LogIndex, _ hash: EntryHash) -> Int? {
        kept(at: index).first { entries[$0].hash == hash && entries[$0].previousHash != nil }
    }

    /// Whether an entry that is proven cannot be: a whole one of the same place and term is another.
    func contradicts(_ header: EntryHeader) -> Bool {
        kept(at: header.index).contains {
            entries[$0].position == header.position && entries[$0].hash != header.hash
        }
    }

    private func kept(at index: LogIndex) -> Range<Int> {
        var range = 0..<entries.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            if entries[middle].position.index < index {
                range = middle + 1..<range.upperBound
            } else {
                range = range.lowerBound..<middle
            }
        }
        var end = range.lowerBound
        while end < entries.count, entries[end].position.index == index { end += 1 }
        return range.lowerBound..<end
    }
}
