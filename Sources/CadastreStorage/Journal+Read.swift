package import RaftCore

internal import CadastreDisk

extension Journal {
    /// The entries of a range as they were written, ascending, at least one, and no more than
    /// `maximumSize` bytes beyond the first.
    ///
    /// Ends early at the end of the log.
    /// - Throws: `unavailable` if the first is not held, `damaged` if what is on the disk is not
    ///   what was written, `disk` if it cannot be read. None of these stops later writes.
    package func read(
        _ group: GroupID,
        _ range: Range<LogIndex>,
        maximumSize: Int
    ) throws(StorageError) -> [Entry] {
        guard let log = logs[group], let first = log.number(of: range.lowerBound) else {
            throw .unavailable(group: group, index: range.lowerBound)
        }
        let last = log.number(of: range.upperBound) ?? log.places.count
        var entries: [Entry] = []
        var run = first..<first
        var size = 0
        while run.upperBound < last {
            let next = log.places[run.upperBound]
            size += Int(next.size)
            if run.upperBound > first && size > maximumSize { break }
            if let begin = run.first, !next.isNear(log.places[begin...run.upperBound - 1]) {
                try read(run, of: log, group, into: &entries)
                run = run.upperBound..<run.upperBound
            }
            run = run.lowerBound..<run.upperBound + 1
        }
        try read(run, of: log, group, into: &entries)
        return entries
    }

    /// The entry of this index and hash and those before it, ascending, no more than `maximumSize`
    /// bytes beyond the last and `maximumCount`, with the hash of what is before the first.
    ///
    /// - Returns: Nil if the log does not hold that very entry.
    /// - Throws: `damaged` or `disk`, as ``read(_:_:maximumSize:)``.
    package func chain(
        _ group: GroupID,
        endingAt index: LogIndex,
        hash: EntryHash,
        maximumSize: Int,
        maximumCount: Int
    ) throws(StorageError) -> (entries: [Entry], previousHash: EntryHash)? {
        guard let log = logs[group], let last = log.number(of: index) else { return nil }
        var first = last
        var size = 0
        while first > 0, last - first + 1 < maximumCount {
            size += Int(log.places[first - 1].size)
            guard size <= maximumSize else { break }
            first -= 1
        }
        guard try entry(group, at: index).hash == hash else { return nil }
        let entries = try read(
            group,
            log.index(ofNumber: first)..<index.next,
            maximumSize: Int.max
        )
        let previousHash =
            first == 0
            ? log.start.hash : try entry(group, at: log.index(ofNumber: first - 1)).hash
        return (entries, previousHash)
    }

    /// One entry, read and checked.
    func entry(_ group: GroupID, at index: LogIndex) throws(StorageError) -> Entry {
        guard let entry = try read(group, index..<index.next, maximumSize: 0).first else {
            throw .unavailable(group: group, index: index)
        }
        return entry
    }

    /// Reads entries that lie close together, in one go; `run` are their numbers in the log.
    private func read(
        _ run: Range<Int>,
        of log: JournalLog,
        _ group: GroupID,
        into entries: inout [Entry]
    ) throws(StorageError) {
        let places = log.places[run]
        guard let start = places.first, let last = places.last else { return }
        let header = segments[start.segment]
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try file(start.segment).read(
                at: Int(start.offset),
                count: last.end - Int(start.offset)
            )
        } catch {
            throw .disk(error)
        }
        do throws(Damage) {
            for (number, place) in zip(places.indices, places) {
                let record = try Record(
                    in: bytes,
                    at: Int(place.offset - start.offset),
                    base: Int(start.offset),
                    limit: bytes.count,
                    seed: header.seed
                )
                guard case .entry(let entry) = record.content,
                    entry.index == log.index(ofNumber: number),
                    entry.group == group
                else { throw Damage(offset: Int(place.offset), reason: "another record is here") }
                entries.append(entry)
            }
        } catch {
            throw .damaged(
                file: "\(directory)/\(SegmentFormat.fileName(start.segment))",
                offset: error.offset,
                reason: error.reason
            )
        }
    }

    /// An open file of a segment; a few that are only read stay open.
    func file(_ number: UInt64) throws(DiskError) -> any DiskFile {
        if let file = writableFile(number) { return file }
        if let reader = readers.last(where: { $0.header.number == number }) { return reader.file }
        let path = "\(directory)/\(SegmentFormat.fileName(number))"
        let file = try disk.open(path, mode: .read)
        if readers.count == Journal.maximumReaders { readers.removeFirst().file.close() }
        readers.append(OpenSegment(header: segments[number], file: file))
        return file
    }

    /// Files kept open to read from: a few followers, each at its own place.
    private static let maximumReaders = 8
}

extension EntryPlace {
    /// The byte behind the entry's record.
    fileprivate var end: Int { Int(offset) + Record.size(content: Int(size)) }

    /// Whether it is cheaper to read this entry together with those before it than by itself.
    fileprivate func isNear(_ places: ArraySlice<EntryPlace>) -> Bool {
        guard let first = places.first, let last = places.last else { return true }
        return segment == first.segment && Int(offset) - last.end <= EntryPlace.maximumGap
            && end - Int(first.offset) <= EntryPlace.maximumRunSize
    }

    /// Batches of one small entry are 4 KiB apart, with marks between them more.
    private static let maximumGap = 16 * 1_024
    /// More would keep too much memory beside the entries themselves.
    private static let maximumRunSize = 1_048_576
}
