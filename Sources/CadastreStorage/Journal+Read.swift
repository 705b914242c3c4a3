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
        var entries: [Entry] = []
        var size = 0
        var index = range.lowerBound
        while index < range.upperBound {
            guard let place = logs[group]?.place(of: index) else {
                if entries.isEmpty { throw .unavailable(group: group, index: index) }
                break
            }
            size += Int(place.size)
            if !entries.isEmpty && size > maximumSize { break }
            entries.append(try entry(group, at: index))
            index = index.next
        }
        return entries
    }

    /// One entry, read and checked.
    func entry(_ group: GroupID, at index: LogIndex) throws(StorageError) -> Entry {
        guard let place = logs[group]?.place(of: index) else {
            throw .unavailable(group: group, index: index)
        }
        let header = segments[Int(place.segment) - 1]
        let size = Record.size(content: Int(place.size))
        let bytes: [UInt8]
        do throws(DiskError) {
            bytes = try file(place.segment).read(at: Int(place.offset), count: size)
        } catch {
            throw .disk(error)
        }
        do throws(Damage) {
            let record = try Record(
                in: bytes,
                at: 0,
                base: Int(place.offset),
                limit: bytes.count,
                seed: header.seed
            )
            guard case .entry(let entry) = record.content, entry.index == index,
                entry.group == group
            else { throw Damage(offset: Int(place.offset), reason: "another record is here") }
            return entry
        } catch {
            throw .damaged(
                file: "\(directory)/\(SegmentFormat.fileName(place.segment))",
                offset: error.offset,
                reason: error.reason
            )
        }
    }

    /// An open file of a segment; a few that are only read stay open.
    private func file(_ number: UInt64) throws(DiskError) -> any DiskFile {
        if let file = writableFile(number) { return file }
        if let reader = readers.last(where: { $0.header.number == number }) { return reader.file }
        let path = "\(directory)/\(SegmentFormat.fileName(number))"
        let file = try disk.open(path, mode: .read)
        if readers.count == Journal.maximumReaders { readers.removeFirst().file.close() }
        readers.append(OpenSegment(header: segments[Int(number) - 1], file: file))
        return file
    }

    /// Files kept open to read from: a few followers, each at its own place.
    private static let maximumReaders = 8
}
