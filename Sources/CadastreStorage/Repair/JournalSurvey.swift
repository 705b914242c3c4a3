internal import CadastreDisk
internal import RaftCore

/// Goes through a damaged journal and gathers what is left of it.
///
/// First every valid header, for S (``Recovery``); then batch by batch:
/// - Below S whatever cannot be read is a gap. A header behind it says where the journal goes on; a
///   header of an older opening was left over, so the batch that lay over it is part of the gap.
/// - From S on the journal ends at the first thing that is not whole or does not follow, as at any
///   start.
/// - A segment that is missing, too short or without a header is a gap as a whole, wherever it is:
///   nobody can say how far it was written.
struct JournalSurvey {
    private let folder: JournalFolder
    private let hasher = SHA256()
    private var damage: JournalDamage
    /// The valid headers of each segment, ascending.
    private var headers: [[BatchHeader]] = []
    /// S.
    private var synced = JournalPlace.zero

    /// How far the journal was read.
    private var end = JournalPlace.zero
    private var number: UInt64?
    private var opening: UInt64 = 0
    /// What the group is here, by marks and resumes; nil behind a gap until one says it.
    private var standing: Standing?
    /// What the segment began with.
    private var resume: Standing?
    /// The last entry, if it is known at this place.
    private var tip: Tip?
    /// Nothing was read since a gap.
    private var isBehindGap = false
    /// Terms and votes seen so far never go back.
    private var seen = HardState.initial

    private struct Standing: Hashable {
        var hardState: HardState
        var tip: Tip
    }

    private struct Tip: Hashable {
        var position: LogPosition
        var hash: EntryHash
    }

    init(_ folder: JournalFolder, group: GroupID) {
        self.folder = folder
        damage = JournalDamage(directory: folder.directory, group: group)
    }

    /// Gathers everything; nil if there is no gap.
    mutating func run() throws(StorageError) -> JournalDamage? {
        let recovery = Recovery(
            directory: folder.directory,
            disk: folder.disk,
            identity: folder.identity
        )
        let (readable, unreadable) = try segments()
        try recovery.settle(readable)
        let first = try recovery.firstNeeded(of: readable)
        damage.segments = readable.filter { $0.number >= first }
        let lost = unreadable.filter { $0.number >= first }
        for segment in damage.segments { headers.append(try headers(of: segment)) }
        begin(at: first)
        var next = first
        var places = lost[...]
        for (place, segment) in damage.segments.enumerated() {
            while let known = places.first, known.number < segment.number {
                if known.number > next { lose(gap(next, 0, "the file is missing")) }
                lose(known.gap)
                next = known.number + 1
                places.removeFirst()
            }
            if segment.number > next { lose(gap(next, 0, "the file is missing")) }
            next = segment.number + 1
            guard try read(segment, headers[place]) else { break }
        }
        for known in places { lose(known.gap) }
        guard let gap = damage.gaps.first else { return nil }
        guard let standing, end >= synced else {
            throw .unproven(
                file: gap.file,
                offset: gap.offset,
                reason: gap.reason,
                missing: "no whole batch behind the damage says term, vote and last entry"
            )
        }
        damage.hardState = standing.hardState
        damage.last = standing.tip.position
        damage.hash = standing.tip.hash
        sort()
        return damage
    }

    /// Sorts the entries by index, those of one index as they were found.
    private mutating func sort() {
        let entries = damage.entries
        let isSorted = zip(entries, entries.dropFirst()).allSatisfy {
            $0.position.index <= $1.position.index
        }
        guard !isSorted else { return }
        damage.entries = entries.enumerated()
            .sorted {
                ($0.element.position.index, $0.offset) < ($1.element.position.index, $1.offset)
            }
            .map(\.element)
    }

    // MARK: Files and headers

    private struct LostSegment {
        var number: UInt64
        var gap: JournalDamage.Gap
    }

    /// The segments with a header that can be read, and the others.
    private func segments() throws(StorageError) -> ([SegmentHeader], [LostSegment]) {
        var contents = JournalFolder.Contents()
        var lost: [LostSegment] = []
        let numbers = try folder.numbers(into: &contents)
        for number in numbers {
            do throws(StorageError) {
                contents.segments.append(try folder.header(number))
            } catch {
                guard case .damaged(let file, let offset, let reason) = error else { throw error }
                if number == numbers.last, number > 1, try folder.isPrepared(number) { continue }
                lost.append(
                    LostSegment(
                        number: number,
                        gap: JournalDamage.Gap(file: file, offset: offset, reason: reason)
                    )
                )
            }
        }
        return (contents.segments, lost)
    }

    private mutating func headers(
        of segment: SegmentHeader
    ) throws(StorageError) -> [BatchHeader] {
        let file = try open(segment)
        defer { file.close() }
        var reader = SegmentReader(segment, path: file.path, file: file)
        var found: [BatchHeader] = []
        for offset in stride(
            from: SegmentFormat.blockSize,
            to: segment.size,
            by: SegmentFormat.blockSize
        ) {
            guard let header = try reader.batchHeader(at: offset) else { continue }
            synced = max(synced, header.synced)
            found.append(header)
        }
        return found
    }

    private func open(_ segment: SegmentHeader) throws(StorageError) -> any DiskFile {
        do throws(DiskError) {
            return try folder.disk.open(folder.path(segment.number), mode: .read)
        } catch {
            throw .disk(error)
        }
    }

    // MARK: Batches

    private mutating func begin(at first: UInt64) {
        end = JournalPlace(segment: first, offset: SegmentFormat.blockSize)
        guard first == 1 else { return }
        number = 0
        damage.start = .beginning
        damage.starts.append(.beginning)
        tip = Tip(position: .zero, hash: .zero)
        standing = Standing(hardState: .initial, tip: Tip(position: .zero, hash: .zero))
    }

    /// Reads a segment; false where the journal ends in it.
    private mutating func read(
        _ segment: SegmentHeader,
        _ headers: [BatchHeader]
    ) throws(StorageError) -> Bool {
        let file = try open(segment)
        defer { file.close() }
        var reader = SegmentReader(segment, path: file.path, file: file)
        resume = nil
        var offset = SegmentFormat.blockSize
        for header in headers where header.place.offset >= offset && header.opening >= opening {
            let place = header.place
            if place.offset > offset || !follows(header) {
                guard end < synced else { return false }
                try checkGap(before: header, from: offset)
                if place.offset > offset {
                    _ = try reader.batchHeader(at: offset)
                    let found = reader.damage(at: offset)
                    lose(gap(segment.number, found.offset, found.reason))
                } else if !isBehindGap {
                    lose(gap(end.segment, end.offset, "no valid batch begins here"))
                }
            }
            offset = header.end
            let batchEnd = JournalPlace(segment: segment.number, offset: offset)
            guard place >= synced || batchEnd <= synced else {
                throw contradiction(place, "the journal was durable through its middle")
            }
            let found = try reader.load(header)
            if found != nil, batchEnd > synced { return false }
            number = header.number
            opening = header.opening
            end = batchEnd
            isBehindGap = false
            if let found {
                lose(gap(segment.number, found.offset, found.reason))
            } else {
                try gather(header, &reader)
            }
            try conclude(header, isWhole: found == nil)
        }
        return true
    }

    /// Whether this is the batch that follows the last one, or the first of all that are needed.
    private func follows(_ header: BatchHeader) -> Bool {
        if let number { return header.number == number + 1 }
        return damage.gaps.isEmpty && header.number > 1 && header.place == end
    }

    /// Refuses a batch that cannot lie behind so large a gap: every batch takes a block at least.
    private func checkGap(before header: BatchHeader, from offset: Int) throws(StorageError) {
        guard let number else { return }
        let blocks = (header.place.offset - offset) / SegmentFormat.blockSize
        // From one segment to the next any number may be missing.
        let isInSegment = offset > SegmentFormat.blockSize
        guard header.number > number, !isInSegment || header.number > number + 1,
            !isInSegment || header.number - number - 1 <= UInt64(blocks)
        else {
            throw contradiction(
                header.place,
                "batch \(header.number) lies \(blocks) blocks behind batch \(number)"
            )
        }
    }

    /// Takes what a whole batch says.
    private mutating func gather(
        _ header: BatchHeader,
        _ reader: inout SegmentReader
    ) throws(StorageError) {
        let records: [Record]
        do throws(Damage) {
            records = try reader.records(of: header)
        } catch {
            throw contradiction(header.place, error.reason)
        }
        let isFirst = header.place.offset == SegmentFormat.blockSize
        for record in records {
            let place = JournalPlace(segment: header.place.segment, offset: record.offset)
            switch record.content {
            case .entry(let entry):
                try check(entry.group, place)
                try gather(entry, place)
            case .truncation(let group, _):
                try check(group, place)
                tip = nil
            case .hardState(let group, _): try check(group, place)
            case .start(let group, let start):
                try check(group, place)
                tip = Tip(position: start.position, hash: start.hash)
                damage.start = start
                note(start)
            case .resume(let group, let hardState, let start):
                try check(group, place)
                let said = Standing(
                    hardState: hardState,
                    tip: Tip(position: start.position, hash: start.hash)
                )
                guard isFirst, standing == nil || standing == said else {
                    throw contradiction(place, "the segments before lead to something else")
                }
                // Where the journal begins, so does the log.
                if place.segment == damage.segments.first?.number, damage.gaps.isEmpty {
                    damage.start = start
                }
                note(start)
                resume = said
                standing = said
                tip = said.tip
            }
        }
    }

    private mutating func note(_ start: LogStart) {
        damage.starts.append(start)
        damage.configuration = start.configuration ?? damage.configuration
    }

    private mutating func gather(_ entry: Entry, _ place: JournalPlace) throws(StorageError) {
        guard entry.cluster == folder.identity.cluster else {
            throw contradiction(place, "an entry of another cluster")
        }
        var previous: EntryHash?
        if let tip {
            guard tip.position.index.next == entry.index,
                entry.verifies(after: tip.hash, using: hasher)
            else { throw contradiction(place, "entry \(entry.position) does not follow") }
            previous = tip.hash
        } else {
            previous = predecessor(of: entry)
        }
        damage.entries.append(
            JournalDamage.KeptEntry(
                position: entry.position,
                hash: entry.hash,
                previousHash: previous,
                place: EntryPlace(
                    segment: place.segment,
                    offset: UInt32(place.offset),
                    size: UInt32(entry.bytes.count)
                )
            )
        )
        tip = Tip(position: entry.position, hash: entry.hash)
        if case .configuration(let configuration) = entry.header.kind {
            damage.configuration = configuration
        }
    }

    /// The hash of what an entry follows, among all that is left: behind a gap or a truncation.
    private func predecessor(of entry: Entry) -> EntryHash? {
        for start in damage.starts
        where start.position.index.next == entry.index
            && entry.verifies(after: start.hash, using: hasher)
        {
            return start.hash
        }
        return damage.entries.last {
            $0.position.index.next == entry.index
                && entry.verifies(after: $0.hash, using: hasher)
        }?.hash
    }

    /// Holds what a batch led to against what its header says, and takes it from there.
    private mutating func conclude(
        _ header: BatchHeader,
        isWhole: Bool
    ) throws(StorageError) {
        for mark in header.groups { try check(mark.group, header.place) }
        if let mark = header.groups.first {
            let said = Tip(position: mark.last, hash: mark.hash)
            if isWhole, let tip, tip != said {
                throw contradiction(
                    header.place,
                    "its records lead to \(tip.position), not to \(said.position)"
                )
            }
            standing = Standing(hardState: mark.hardState, tip: said)
        } else if let resume {
            // Nothing was written of the group in this segment yet.
            standing = resume
        }
        tip = standing?.tip ?? tip
        guard let standing else { return }
        var state = LogState()
        state.hardState = seen
        if let objection = state.objection(to: standing.hardState) {
            throw contradiction(header.place, objection)
        }
        seen = standing.hardState
    }

    private func check(_ group: GroupID, _ place: JournalPlace) throws(StorageError) {
        guard group != damage.group else { return }
        throw .unproven(
            file: folder.path(place.segment),
            offset: place.offset,
            reason: "the journal holds group \(group) too",
            missing: "this program mends the journal of one group only"
        )
    }

    // MARK: Gaps

    private func gap(_ segment: UInt64, _ offset: Int, _ reason: String) -> JournalDamage.Gap {
        JournalDamage.Gap(file: folder.path(segment), offset: offset, reason: reason)
    }

    /// Something durable is not there: what it led to is not known.
    private mutating func lose(_ gap: JournalDamage.Gap) {
        if damage.gaps.count < JournalDamage.maximumGaps { damage.gaps.append(gap) }
        standing = nil
        tip = nil
        isBehindGap = true
    }

    private func contradiction(_ place: JournalPlace, _ reason: String) -> StorageError {
        .contradictory(file: folder.path(place.segment), offset: place.offset, reason: reason)
    }
}
