internal import CadastreDisk
internal import RaftCore

/// Reads a journal back at a start and says where it ends.
///
/// Changes no byte; whoever calls it repairs the tail afterwards, once everything has been judged.
///
/// The rule (design, "The journal"): every batch header says through which byte the journal was
/// durable when it was written. S is the largest such place in any valid header, wherever it lies,
/// behind damage too.
/// - What cannot be read below S was durable once: the node does not start.
/// - What cannot be read at or behind S was never acknowledged: the journal ends there, even if
///   valid batches follow. Those never come back, since what is written from then on has a larger
///   opening than every header seen, and headers of a smaller one end the journal.
/// - A batch that is whole and does not follow from those before it is neither: no crash and no disk
///   makes one, since its sums cover the header and the records together. The node does not start,
///   wherever it lies: cutting it would hide a fault of the program, or bytes of a newer one.
///
/// F, where reading begins, is the largest first segment that any valid header says the journal
/// needs. Segments before it were given back: those still there are left over from that. One that is
/// not there from F on is missing. What F began with, its resume records say.
///
/// The window that the rule leaves open: the last batch is only marked by the next one, which comes
/// at the latest 10 ms later as a mark of its own (``Journal/needsMark``). Rot of that one batch in
/// that time, or of that batch together with every mark behind it, looks like a write that a crash
/// tore, and is cut. Nothing else that was acknowledged is ever cut.
struct Recovery {
    /// What was found.
    struct Result {
        /// The segments from F on.
        var segments: SegmentList
        var replay: Replay
        /// Where the next batch goes.
        var end: JournalPlace
        /// S.
        var synced: JournalPlace
        /// The largest opening in any valid header, cut ones included.
        var opening: UInt64
        /// Whether something other than zeros lies behind the end.
        var hasRest: Bool
        /// Files that are to be made anew: preparations that were not finished, and a prepared
        /// segment that nothing was written to and whose header is gone.
        var leftovers: [String]
        /// Segments before F that are still there, ascending.
        ///
        /// The header that says F may be of a batch that was cut and is written over, so they go
        /// only when it has been said again.
        var givenBack: [UInt64]
    }

    /// The most batches, and openings, that a journal has: so many more may follow before a number is
    /// too large to be read.
    private static let maximumCount = Limits.maximumTerm / 2

    let directory: String
    let disk: any Disk
    let identity: JournalIdentity

    /// Reads everything.
    /// - Throws: what ``StorageError`` says of files that are not as they should be.
    func run() throws(StorageError) -> Result {
        let folder = JournalFolder(directory: directory, disk: disk, identity: identity)
        let found = try folder.read()
        try settle(found.segments)
        let first = try firstNeeded(of: found.segments)
        if let damaged = found.damaged.first(where: { $0.number >= first }) { throw damaged.error }
        let segments = found.segments.filter { $0.number >= first }
        // After the headers: a file under a wrong name explains a gap better than the gap. The one
        // before a gap is not the last, however many follow; compare by place to avoid walking to a
        // far number.
        for (place, segment) in segments.enumerated()
        where segment.number != first + UInt64(place) {
            throw .missingSegment(file: path(first + UInt64(place)))
        }
        guard !segments.isEmpty else { throw .missingSegment(file: path(first)) }
        let scan = try scan(segments)
        // What a journal from its beginning has not reached may never have been there. One that was
        // compacted has at least what was needed to begin where it does.
        if scan.synced > scan.end || first > 1 && scan.replay.number == 0 {
            throw .damaged(
                file: path(scan.damageSegment),
                offset: scan.damage.offset,
                reason: scan.damage.reason
            )
        }
        return Result(
            segments: SegmentList(segments),
            replay: scan.replay,
            end: scan.end,
            synced: scan.synced,
            opening: scan.opening,
            hasRest: scan.hasRest,
            leftovers: found.leftovers,
            givenBack: (found.segments.map(\.number) + found.damaged.map(\.number))
                .filter { $0 < first }.sorted()
        )
    }

    private func path(_ number: UInt64) -> String {
        "\(directory)/\(SegmentFormat.fileName(number))"
    }

    /// Makes memory and device agree, in the segments that the last batch can be in.
    ///
    /// What a process wrote before it was killed is durable from here on. And if its last sync had
    /// failed, the kernel may show bytes that the device never got and take them for clean: they are
    /// let go of, so that what is judged is what is there. All batches but the last one were synced
    /// before the next was written (Decisions/0006).
    func settle(_ segments: [SegmentHeader]) throws(StorageError) {
        for segment in segments.reversed() {
            let file: any DiskFile
            do throws(DiskError) {
                file = try disk.open(path(segment.number), mode: .readWrite)
                try file.sync()
                try file.forgetCache()
            } catch {
                throw .disk(error)
            }
            defer { file.close() }
            var reader = SegmentReader(segment, path: path(segment.number), file: file)
            guard try reader.isBlank(SegmentFormat.blockSize) else { return }
        }
    }

    /// F.
    ///
    /// The number never falls from batch to batch, so the newest segment with a valid header knows
    /// it.
    func firstNeeded(of segments: [SegmentHeader]) throws(StorageError) -> UInt64 {
        var first: UInt64 = 1
        for segment in segments.reversed() {
            let file = try open(segment.number)
            defer { file.close() }
            var reader = SegmentReader(segment, path: path(segment.number), file: file)
            var offset = SegmentFormat.blockSize
            var isBegun = false
            // To its end, though the first block is blank: it may be what was lost.
            while offset < segment.size {
                if let header = try self.header(at: offset, of: &reader) {
                    isBegun = true
                    first = max(first, header.firstSegment)
                }
                offset += SegmentFormat.blockSize
            }
            if isBegun { break }
        }
        return first
    }

    /// The header of a batch that begins there, if one does.
    ///
    /// Whatever a start reads of headers, it reads here, so that what no program may have written is
    /// found at the first one that sees it, wherever it lies.
    private func header(
        at offset: Int,
        of reader: inout SegmentReader
    ) throws(StorageError) -> BatchHeader? {
        guard let header = try reader.batchHeader(at: offset) else { return nil }
        let reason =
            if !header.needsWhatWasBegun {
                "the batch needs the journal from segment \(header.firstSegment) on, "
                    + "which had not begun"
            } else if max(header.number, header.opening) > Self.maximumCount {
                "batch \(header.number) of opening \(header.opening): no journal was written or "
                    + "opened so often"
            } else {
                nil as String?
            }
        guard let reason else { return header }
        throw .contradictory(file: path(header.place.segment), offset: offset, reason: reason)
    }

    private func open(_ number: UInt64) throws(StorageError) -> any DiskFile {
        do throws(DiskError) {
            return try disk.open(path(number), mode: .read)
        } catch {
            throw .disk(error)
        }
    }

    private struct Scan {
        var replay: Replay
        var end = JournalPlace.zero
        var synced = JournalPlace.zero
        var opening: UInt64 = 0
        var hasRest = false
        /// Why reading stopped at `end`, and in which segment one would look.
        var damage = Damage(offset: 0, reason: "")
        var damageSegment: UInt64 = 0

        mutating func note(_ header: BatchHeader) {
            synced = max(synced, header.synced)
            opening = max(opening, header.opening)
        }
    }

    /// Goes through all segments, which follow one another.
    private func scan(_ segments: [SegmentHeader]) throws(StorageError) -> Scan {
        let first = segments.first?.number ?? 1
        var scan = Scan(replay: Replay(cluster: identity.cluster, first: first))
        // Set once nothing more can follow: then the rest is only looked at for S.
        var isEnded = false
        for segment in segments {
            let file = try open(segment.number)
            defer { file.close() }
            var reader = SegmentReader(segment, path: path(segment.number), file: file)
            var offset = SegmentFormat.blockSize
            if segment.number > first && !isEnded {
                // The batches go on here only if the one that follows the last one is here.
                let first = try header(at: offset, of: &reader)
                isEnded = !(first.map(scan.replay.isNext) ?? false)
                if isEnded && scan.damageSegment == segment.number - 1 && !scan.hasRest,
                    first == nil
                {
                    // The block where the segment before ends is blank, so if something durable is
                    // missing, it is this one's first batch.
                    scan.damage = reader.damage(at: offset)
                    scan.damageSegment = segment.number
                }
            }
            if !isEnded {
                offset = try read(&reader, into: &scan)
                scan.end = JournalPlace(segment: segment.number, offset: offset)
            }
            try look(at: &reader, from: offset, into: &scan)
        }
        return scan
    }

    /// Replays batches while each follows the one before; returns where that stops.
    private func read(
        _ reader: inout SegmentReader,
        into scan: inout Scan
    ) throws(StorageError) -> Int {
        let segment = reader.header
        var offset = SegmentFormat.blockSize
        scan.replay.beginSegment()
        scan.hasRest = false
        scan.damageSegment = segment.number
        while offset < segment.size {
            guard let header = try self.header(at: offset, of: &reader) else {
                scan.damage = reader.damage(at: offset)
                return offset
            }
            scan.note(header)
            let isOld = header.opening < scan.replay.opening
            if isOld {
                // Left over from before a cut.
                scan.damage = Damage(
                    offset: offset,
                    reason: "an older batch, number \(header.number), is here"
                )
                return offset
            }
            if let damage = try reader.load(header) {
                scan.damage = damage
                return offset
            }
            do throws(Damage) {
                guard scan.replay.isNext(header) else {
                    throw Damage(
                        offset: offset,
                        reason: "batch \(header.number) does not follow \(scan.replay.number)"
                    )
                }
                try scan.replay.apply(
                    header,
                    try reader.records(of: header)
                )
            } catch {
                throw .contradictory(
                    file: path(segment.number),
                    offset: error.offset,
                    reason: error.reason
                )
            }
            offset = header.end
        }
        scan.damage = Damage(offset: offset, reason: "no valid batch begins here")
        return offset
    }

    /// Notes every valid header behind the end.
    private func look(
        at reader: inout SegmentReader,
        from start: Int,
        into scan: inout Scan
    ) throws(StorageError) {
        var offset = start
        while offset < reader.header.size {
            if let header = try self.header(at: offset, of: &reader) {
                scan.note(header)
                scan.hasRest = true
            } else if offset == start, try !reader.isBlank(offset) {
                scan.hasRest = true
            }
            offset += SegmentFormat.blockSize
        }
    }
}
