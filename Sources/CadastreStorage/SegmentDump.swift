package import CadastreDisk
package import RaftCore

/// What is in one segment file, for people who look at it.
///
/// Reads only, takes no lock, and goes on behind damage.
package struct SegmentDump: Hashable, Sendable {
    /// One batch.
    package struct Batch: Hashable, Sendable {
        /// Where it begins.
        package var offset: Int
        /// Bytes it takes.
        package var size: Int
        /// Its number in the journal.
        package var number: UInt64
        /// How often the journal had been opened.
        package var opening: UInt64
        /// Every byte before this place was durable when it was written.
        package var syncedSegment: UInt64
        /// The offset in that segment.
        package var syncedOffset: Int
        /// The first segment that the journal needed when it was written.
        package var firstSegment: UInt64
        /// The groups it names, with their state after it.
        package var groups: [Group]
        /// What is in it, up to the first damage.
        package var records: [Entry]
    }

    /// The state of a group after a batch.
    package struct Group: Hashable, Sendable {
        /// Which group.
        package var group: GroupID
        /// Its term and vote.
        package var hardState: HardState
        /// Its last entry.
        package var last: LogPosition
        /// The hash of that.
        package var hash: EntryHash
    }

    /// One record.
    package struct Entry: Hashable, Sendable {
        /// Where it begins.
        package var offset: Int
        /// What it says.
        package var content: Content
    }

    /// What a record says.
    package enum Content: Hashable, Sendable {
        /// An entry follows the last one of its group.
        case entry(CadastreStorage.Entry)
        /// The group's log loses everything from here on.
        case truncation(GroupID, from: LogIndex)
        /// The group's new term or vote.
        case hardState(GroupID, HardState)
        /// A snapshot has taken the place of the group's log, which begins here.
        case start(GroupID, LogStart)
        /// What the group was at the beginning of the segment, for a reading that begins here.
        case resume(GroupID, HardState, LogStart)
    }

    /// Something that cannot be read.
    ///
    /// Behind the last batch that is how every segment ends, unless there are zeros; elsewhere it
    /// is damage.
    package struct Problem: Hashable, Sendable {
        /// Where.
        package var offset: Int
        /// What is wrong.
        package var reason: String
    }

    /// Whose journal it is from.
    package var identity: JournalIdentity
    /// The segment's number.
    package var number: UInt64
    /// The segment's size as its header says.
    package var size: Int
    /// The batches, by offset.
    package var batches: [Batch] = []
    /// What could not be read, by offset.
    package var problems: [Problem] = []

    /// Reads a segment file.
    /// - Throws: `damaged`, `newerFormat` or `disk` when the header cannot be read.
    package init(reading path: String, on disk: any Disk) throws(StorageError) {
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try disk.readWhole(path, maximumSize: SegmentFormat.segmentSizes.upperBound)
        } catch {
            throw .disk(error)
        }
        let header = try SegmentHeader(decoding: bytes, file: path)
        identity = header.identity
        number = header.number
        size = header.size
        let seed = header.seed
        var offset = SegmentFormat.blockSize
        while offset < min(bytes.count, header.size) {
            guard let batch = BatchHeader(in: bytes, at: offset, segment: header) else {
                let end = min(bytes.count, offset + SegmentFormat.blockSize)
                if !bytes[offset..<end].allSatisfy({ $0 == 0 }) {
                    note(Problem(offset: offset, reason: "no valid batch begins here"))
                }
                offset = end
                continue
            }
            add(batch, bytes, seed: seed)
            offset = batch.end
        }
        if bytes.count < header.size {
            note(Problem(offset: bytes.count, reason: "the file ends before its segment does"))
        }
    }

    private mutating func add(_ batch: BatchHeader, _ bytes: [UInt8], seed: UInt32) {
        var records: [Entry] = []
        var start = batch.place.offset + batch.headerSize
        let limit = min(bytes.count, start + batch.recordsSize)
        do throws(Damage) {
            for _ in 0..<batch.recordCount {
                let record = try Record(in: bytes, at: start, base: 0, limit: limit, seed: seed)
                let size = Int(bytes.load(UInt32.self, at: start + 4))
                start += Record.size(content: size)
                let content: Content =
                    switch record.content {
                    case .entry(let entry): .entry(entry)
                    case .truncation(let group, let index): .truncation(group, from: index)
                    case .hardState(let group, let state): .hardState(group, state)
                    case .start(let group, let start): .start(group, start)
                    case .resume(let group, let state, let start):
                        .resume(group, state, start)
                    }
                records.append(Entry(offset: record.offset, content: content))
            }
        } catch {
            note(Problem(offset: error.offset, reason: error.reason))
        }
        let content = batch.place.offset + batch.headerSize
        if problems.last.map({ $0.offset < batch.place.offset }) ?? true,
            content + batch.recordsSize > bytes.count
                || bytes.sum(content..<content + batch.recordsSize, seed: seed) != batch.recordsSum
        {
            note(Problem(offset: batch.place.offset, reason: "the records are of another batch"))
        }
        batches.append(
            Batch(
                offset: batch.place.offset,
                size: batch.size,
                number: batch.number,
                opening: batch.opening,
                syncedSegment: batch.synced.segment,
                syncedOffset: batch.synced.offset,
                firstSegment: batch.firstSegment,
                groups: batch.groups.map {
                    Group(group: $0.group, hardState: $0.hardState, last: $0.last, hash: $0.hash)
                },
                records: records
            )
        )
    }

    private mutating func note(_ problem: Problem) { problems.append(problem) }
}
