internal import CadastreDisk
internal import RaftCore

/// Reads a journal back at a start and says where it ends.
///
/// Reads only; whoever calls it repairs the tail afterwards, once everything has been judged.
///
/// The rule (design, "The journal"): every batch header says through which byte the journal was
/// durable when it was written. S is the largest such place in any valid header, wherever it lies,
/// behind damage too. What cannot be read below S was durable once: the node does not start.
/// What cannot be read at or behind S was never acknowledged: the journal ends there, even if
/// valid batches follow. Those never come back, since what is written from then on has a larger
/// opening than every header seen, and headers of a smaller one end the journal.
struct Recovery {
    /// What was found.
    struct Result {
        /// All segments, ascending by number.
        var segments: [SegmentHeader] = []
        var replay = Replay()
        /// Where the next batch goes.
        var end = JournalPlace.zero
        /// Where each segment's batches end, for those that were read to an end.
        var ends: [UInt64: Int] = [:]
        /// S.
        var synced = JournalPlace.zero
        /// The largest opening in any valid header, cut ones included.
        var opening: UInt64 = 0
        /// Whether something other than zeros lies behind the end.
        var hasRest = false
        /// Files of preparations that were not finished.
        var leftovers: [String] = []
    }

    let directory: String
    let disk: any Disk
    let identity: JournalIdentity

    /// Reads everything.
    /// - Throws: what ``StorageError`` says of files that are not as they should be.
    func run() throws(StorageError) -> Result {
        var result = Result()
        try readHeaders(into: &result)
        let scan = try scan(result.segments, limit: nil)
        result.synced = scan.synced
        result.opening = scan.opening
        result.end = scan.end
        result.ends = scan.ends
        result.hasRest = scan.hasRest
        if scan.synced > scan.end {
            throw .damaged(
                file: path(scan.damageSegment),
                offset: scan.damage.offset,
                reason: scan.damage.reason
            )
        }
        if scan.isReplayTainted {
            // The last batch broke a rule half-way: build the state again, up to it.
            result.replay = try self.scan(result.segments, limit: scan.end).replay
        } else {
            result.replay = scan.replay
        }
        return result
    }

    private func path(_ number: UInt64) -> String {
        "\(directory)/\(SegmentFormat.fileName(number))"
    }

    // MARK: Which files there are

    private func readHeaders(into result: inout Result) throws(StorageError) {
        var numbers: [UInt64] = []
        let names: [String]
        do throws(DiskError) {
            names = try disk.list(directory)
        } catch {
            if error.isMissing { throw .noJournal(directory: directory) }
            throw .disk(error)
        }
        for name in names where name.hasPrefix("journal-") {
            if name.hasSuffix(SegmentPreparation.suffix) {
                result.leftovers.append("\(directory)/\(name)")
            } else if let number = SegmentFormat.number(inName: name) {
                numbers.append(number)
            } else {
                throw .unrecognisedFile(file: "\(directory)/\(name)")
            }
        }
        guard let last = numbers.last else { throw .noJournal(directory: directory) }
        // The headers first: a file under a wrong name explains a gap better than the gap.
        for number in numbers {
            let header = try SegmentHeader(
                decoding: try readBlock(path(number)),
                file: path(number)
            )
            guard header.identity == identity else {
                throw .wrongIdentity(
                    file: path(number),
                    expected: identity,
                    found: header.identity
                )
            }
            guard header.number == number else {
                throw .misplacedSegment(file: path(number), number: header.number)
            }
            result.segments.append(header)
        }
        // No segment is ever dropped yet, so the first is number 1. The one before a gap is not
        // the last, however many follow; compare by place to avoid walking to a far number.
        for (place, number) in numbers.enumerated() where number != UInt64(place) + 1 {
            throw .missingSegment(file: path(UInt64(place) + 1))
        }
        precondition(last == UInt64(numbers.count))
    }

    private func readBlock(_ path: String) throws(StorageError) -> [UInt8] {
        do throws(DiskError) {
            let file = try disk.open(path, mode: .read)
            defer { file.close() }
            return try file.read(at: 0, count: SegmentFormat.blockSize)
        } catch {
            throw .disk(error)
        }
    }

    // MARK: What is in them

    private struct Scan {
        var replay = Replay()
        var end = JournalPlace.zero
        var ends: [UInt64: Int] = [:]
        var synced = JournalPlace.zero
        var opening: UInt64 = 0
        var hasRest = false
        var isReplayTainted = false
        /// Why reading stopped at `end`, and in which segment one would look.
        var damage = Damage(offset: 0, reason: "")
        var damageSegment: UInt64 = 0

        mutating func note(_ header: BatchHeader) {
            synced = max(synced, header.synced)
            opening = max(opening, header.opening)
        }
    }

    /// Goes through all segments; up to `limit` only if there is one.
    private func scan(
        _ segments: [SegmentHeader],
        limit: JournalPlace?
    ) throws(StorageError) -> Scan {
        var scan = Scan()
        scan.replay.cluster = identity.cluster
        // Set once nothing more can follow: then the rest is only looked at for S.
        var isEnded = false
        for segment in segments {
            let bytes = try readSegment(segment)
            var offset = SegmentFormat.blockSize
            if segment.number > 1 && !isEnded {
                // The batches go on here only if the one that follows the last one is here.
                let first = BatchHeader(in: bytes, at: offset, segment: segment)
                isEnded = !(first.map(scan.replay.isNext) ?? false)
                if isEnded && scan.damageSegment == segment.number - 1 && !scan.hasRest,
                    first == nil
                {
                    // The block where the segment before ends is blank, so if something durable is
                    // missing, it is this one's first batch.
                    scan.damage = Damage(offset: offset, reason: "no valid batch begins here")
                    scan.damageSegment = segment.number
                }
            }
            if !isEnded {
                offset = read(segment, bytes, limit: limit, into: &scan)
                scan.end = JournalPlace(segment: segment.number, offset: offset)
                scan.ends[segment.number] = offset
            }
            if limit != nil && scan.end == limit { return scan }
            look(at: segment, bytes, from: offset, into: &scan)
        }
        return scan
    }

    /// Replays batches while each follows the one before; returns where that stops.
    private func read(
        _ segment: SegmentHeader,
        _ bytes: [UInt8],
        limit: JournalPlace?,
        into scan: inout Scan
    ) -> Int {
        let seed = segment.seed
        var offset = SegmentFormat.blockSize
        scan.replay.beginSegment()
        scan.hasRest = false
        scan.damageSegment = segment.number
        while offset < segment.size {
            if let limit, limit == JournalPlace(segment: segment.number, offset: offset) { break }
            guard let header = BatchHeader(in: bytes, at: offset, segment: segment) else {
                scan.damage = Damage(offset: offset, reason: "no valid batch begins here")
                return offset
            }
            scan.note(header)
            guard scan.replay.isNext(header) else {
                scan.damage = Damage(
                    offset: offset,
                    reason: "batch \(header.number) does not follow \(scan.replay.number)"
                )
                return offset
            }
            do throws(Damage) {
                let records = try Record.all(of: header, in: bytes, seed: seed)
                scan.isReplayTainted = true
                try scan.replay.apply(header, records)
                scan.isReplayTainted = false
            } catch {
                scan.damage = error
                return offset
            }
            offset = header.end
        }
        scan.damage = Damage(offset: offset, reason: "no valid batch begins here")
        return offset
    }

    /// Notes every valid header behind the end.
    private func look(
        at segment: SegmentHeader,
        _ bytes: [UInt8],
        from start: Int,
        into scan: inout Scan
    ) {
        var offset = start
        while offset < min(bytes.count, segment.size) {
            if let header = BatchHeader(in: bytes, at: offset, segment: segment) {
                scan.note(header)
                scan.hasRest = true
            } else if offset == start && !bytes.isBlank(offset, count: SegmentFormat.blockSize) {
                scan.hasRest = true
            }
            offset += SegmentFormat.blockSize
        }
    }

    /// The bytes of a segment.
    ///
    /// What a file that was cut does not have reads as zeros: it is filled up with zeros if the
    /// journal turns out to end before.
    private func readSegment(_ segment: SegmentHeader) throws(StorageError) -> [UInt8] {
        do throws(DiskError) {
            let file = try disk.open(path(segment.number), mode: .read)
            defer { file.close() }
            var bytes = try file.read(at: 0, count: segment.size)
            if bytes.count < segment.size {
                bytes += [UInt8](repeating: 0, count: segment.size - bytes.count)
            }
            return bytes
        } catch {
            throw .disk(error)
        }
    }
}

extension Array where Element == UInt8 {
    /// Whether there is nothing but zeros from an offset on.
    fileprivate func isBlank(_ offset: Int, count: Int) -> Bool {
        unsafe withUnsafeBytes { bytes in
            let end = Swift.min(bytes.count, offset + count)
            var place = offset
            while place + 8 <= end {
                if unsafe bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self) != 0 {
                    return false
                }
                place += 8
            }
            return unsafe bytes[place..<end].allSatisfy { $0 == 0 }
        }
    }
}

/// The state that batches add up to.
struct Replay {
    /// Whose entries are allowed.
    var cluster = ClusterID(high: 0, low: 0)
    private(set) var logs: [GroupID: JournalLog] = [:]
    private(set) var headers: [GroupID: [EntryHeader]] = [:]
    /// Number and opening of the last batch.
    private(set) var number: UInt64 = 0
    private(set) var opening: UInt64 = 0
    /// Groups named by the last segment, ascending.
    private(set) var touched: [GroupID] = []
    private let hasher = SHA256()

    /// The groups found, ascending.
    var groups: [GroupID] { logs.keys.sorted() }

    /// Whether a batch may follow the last one.
    func isNext(_ header: BatchHeader) -> Bool {
        header.number == number + 1 && header.opening >= opening && header.opening > 0
            && header.firstSegment == 1
    }

    /// Groups are counted as touched by segment.
    mutating func beginSegment() { touched.removeAll() }

    /// Does what a batch says, and holds the result against what its header says.
    ///
    /// After an error the value is of no use.
    mutating func apply(_ header: BatchHeader, _ records: [Record]) throws(Damage) {
        for record in records {
            switch record.content {
            case .entry(let entry): try append(entry, header.place.segment, record.offset)
            case .truncation(let group, let index):
                let log = logs[group] ?? JournalLog()
                try refuse(log.objection(toTruncatingFrom: index), record.offset)
                truncate(group, from: index)
            case .hardState(let group, let state):
                try refuse(logs[group]?.objection(to: state), record.offset)
                logs[group, default: JournalLog()].hardState = state
                touch(group)
            }
        }
        let marks = touched.map { (logs[$0] ?? JournalLog()).mark($0) }
        guard marks == header.groups else {
            throw Damage(
                offset: header.place.offset,
                reason: "the records do not lead to the state that their batch names"
            )
        }
        number = header.number
        opening = header.opening
    }

    private mutating func append(
        _ entry: Entry,
        _ segment: UInt64,
        _ offset: Int
    ) throws(Damage) {
        let group = entry.group
        // Taken out and put back, so that the arrays inside are not copied.
        var log = logs.removeValue(forKey: group) ?? JournalLog()
        try refuse(log.objection(toAppending: entry.header), offset)
        guard entry.cluster == cluster else {
            throw Damage(offset: offset, reason: "an entry of another cluster")
        }
        guard entry.verifies(after: log.hash, using: hasher) else {
            throw Damage(offset: offset, reason: "the hash of entry \(entry.position) is wrong")
        }
        log.places.append(
            EntryPlace(
                segment: segment,
                offset: UInt32(offset),
                size: UInt32(entry.bytes.count)
            )
        )
        log.last = entry.position
        log.hash = entry.hash
        logs[group] = log
        headers[group, default: []].append(entry.header)
        touch(group)
    }

    private mutating func truncate(_ group: GroupID, from index: LogIndex) {
        let count = Int(index.value) - 1
        var log = logs.removeValue(forKey: group) ?? JournalLog()
        log.places.removeLast(log.places.count - count)
        headers[group, default: []].removeLast((headers[group]?.count ?? 0) - count)
        log.last = headers[group]?.last?.position ?? .zero
        log.hash = headers[group]?.last?.hash ?? .zero
        logs[group] = log
        touch(group)
    }

    private func refuse(_ objection: String?, _ offset: Int) throws(Damage) {
        if let objection { throw Damage(offset: offset, reason: objection) }
    }

    private mutating func touch(_ group: GroupID) {
        touched.insertSorted(group)
    }
}

extension Array where Element: Comparable {
    /// Puts an element into an ascending array, once.
    mutating func insertSorted(_ element: Element) {
        if let last, element > last {
            append(element)
            return
        }
        if last == element { return }
        if let place = firstIndex(where: { $0 >= element }) {
            if self[place] != element { insert(element, at: place) }
        } else {
            append(element)
        }
    }
}
