package import CadastreDisk
package import RaftCore

/// What can go wrong between an entry and a disk.
///
/// Files that are not what they should be are left as they are. With which code a program ends
/// because of an error, `NodeError` says.
package enum StorageError: Error, Hashable, Sendable {
    /// Bytes from outside are no entry.
    case malformedEntry(reason: String)
    /// Something durable is no longer there as it was written. The files are left untouched: a start
    /// mends them from other nodes (``JournalDamage``).
    case damaged(file: String, offset: Int, reason: String)
    /// Something durable is no longer there, and what is left does not say what it had led to. The
    /// files are left untouched. Bring the node back as a new member, or its files from a copy.
    case unproven(file: String, offset: Int, reason: String, missing: String)
    /// A batch is there as it was written, and what it says cannot be. The files are left untouched.
    /// Use the newer program that wrote it, or keep the files for whoever mends this one.
    case contradictory(file: String, offset: Int, reason: String)
    /// The file belongs to another cluster, node or life of a node.
    case wrongIdentity(file: String, expected: JournalIdentity, found: JournalIdentity)
    /// The file was written by a newer version of the program: use that one.
    case newerFormat(file: String, version: UInt16)
    /// A segment between others, or the first, is not there: put the file back, or let a start mend
    /// the journal.
    case missingSegment(file: String)
    /// The file says that it is another segment than its name says: give it its name back, or take
    /// it away if it is a copy.
    case misplacedSegment(file: String, number: UInt64)
    /// A name that the journal never gives: take the file away.
    case unrecognisedFile(file: String)
    /// There is no journal in this directory.
    case noJournal(directory: String)
    /// There is a journal in this directory already.
    case journalExists(directory: String)
    /// Another process uses this directory.
    case locked(file: String)
    /// There is no room, or no descriptor, to prepare a segment. Nothing was written and nothing is
    /// broken: try again when there is.
    case outOfSpace(DiskError)
    /// A batch that fits into no segment; nothing was written.
    case batchTooLarge(size: Int, maximum: Int)
    /// The journal does not hold this entry.
    case unavailable(group: GroupID, index: LogIndex)
    /// Bytes from outside are no manifest of a snapshot.
    case malformedSnapshot(reason: String)
    /// A snapshot that is offered is of no use here; nothing was touched.
    case refusedSnapshot(reason: String)
    /// There is no such snapshot, or it has no such chunk.
    case unknownSnapshot(SnapshotID, chunk: Int)
    /// A snapshot that is kept is not as it was written: to be removed, and made anew. Nothing else
    /// depends on it.
    case damagedSnapshot(file: String, offset: Int, reason: String)
    /// The file that a snapshot was to be made of is shorter than was said.
    case sourceEnded(file: String, offset: Int)
    /// The disk failed, or has no room, while a snapshot was made, read or received. The snapshots
    /// that were there still are.
    case snapshotFailed(DiskError)
    /// The disk failed. After a write or sync of the journal that failed every later call fails
    /// with the same error, since nobody knows what reached the disk.
    case disk(DiskError)

    /// Whether trying again later may help.
    package var isOutOfSpace: Bool {
        if case .outOfSpace = self { true } else { false }
    }
}

extension StorageError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .malformedEntry(let reason): "not an entry: \(reason)"
        case .damaged(let file, let offset, let reason):
            """
            \(file) is damaged at byte \(offset): \(reason). These bytes were durable. Nothing was \
            changed. A start of the node mends its journal from the other nodes, where the rest of \
            it proves what is missing
            """
        case .unproven(let file, let offset, let reason, let missing):
            """
            \(file) is damaged at byte \(offset): \(reason). These bytes were durable, and the \
            journal cannot be mended from other nodes: \(missing). Nothing was changed, and the node \
            does not start, since it may have promised what it does not know any more. Put back an \
            intact copy of the file; or take the folder away, found the node again with \
            `cadastred init --join`, and take it in with `cadastre member replace`
            """
        case .contradictory(let file, let offset, let reason):
            """
            \(file) holds a whole batch at byte \(offset) that cannot be: \(reason). No crash leaves \
            that: a newer program wrote it, or one with a fault. Nothing was changed. Use the newer \
            program, or keep the file for its developers and add the node again as a new member
            """
        case .wrongIdentity(let file, let expected, let found):
            """
            \(file) belongs to \(found), not to \(expected). Check the data folder in the \
            configuration
            """
        case .newerFormat(let file, let version):
            "\(file) has format \(version), newer than this program knows. Use a newer program"
        case .missingSegment(let file): "\(file) is missing. Put it back"
        case .misplacedSegment(let file, let number):
            """
            \(file) says that it is segment \(number). Give it its name back, or take it away if \
            it is a copy
            """
        case .unrecognisedFile(let file):
            "\(file) is not a name that the journal gives. Take the file away"
        case .noJournal(let directory): "there is no journal in \(directory)"
        case .journalExists(let directory): "there is a journal in \(directory) already"
        case .locked(let file): "another process holds \(file)"
        case .outOfSpace(let error): "no room to prepare a journal segment: \(error)"
        case .batchTooLarge(let size, let maximum):
            "a batch of \(size) bytes fits into no segment, which takes \(maximum)"
        case .unavailable(let group, let index):
            "the journal does not hold entry \(index) of group \(group)"
        case .malformedSnapshot(let reason): "not a snapshot's manifest: \(reason)"
        case .refusedSnapshot(let reason): "the snapshot is not taken: \(reason)"
        case .unknownSnapshot(let id, let chunk): "there is no chunk \(chunk) of snapshot \(id)"
        case .damagedSnapshot(let file, let offset, let reason):
            "\(file) is damaged at byte \(offset): \(reason). It is removed, and made anew"
        case .sourceEnded(let file, let offset):
            "\(file), of which a snapshot was made, ends at byte \(offset)"
        case .snapshotFailed(let error): "no snapshot could be made, read or received: \(error)"
        case .disk(let error): "\(error)"
        }
    }
}
