internal import CadastreDisk
package import RaftCore

/// Giving back the beginning of the journal, once nobody needs it (Raft §7).
extension Journal {
    /// Where the log of a group begins on disk; ``LogStart/beginning`` of a group that is not known.
    package func start(of group: GroupID) -> LogStart { logs[group]?.start ?? .beginning }

    /// Remembers until the end of the process that nobody needs the group's entries through `index`,
    /// which are applied durably, and does a bounded part of giving back what only held such entries
    /// of any group; `true` if more is left to do, by further calls or by ``giveBack()``.
    ///
    /// Segments go whole and in their order: what one group needs pins its segment and all later
    /// ones, and the segment that is written to always stays. Costs a mark and its sync, or a step of
    /// ``giveBack()``. Where the mark finds no room in the segment that is written to, the next
    /// one may be made out of the reserve, since a segment or more is given back.
    /// - Throws: `outOfSpace`, for want of room for the mark or of descriptors, after which a later
    ///   call goes on; `damaged`, `contradictory` or `disk` if what the journal would begin with
    ///   cannot be read back: then nothing is given back. A failed write, sync or removal is final.
    package func compact(
        _ group: GroupID,
        through index: LogIndex
    ) throws(StorageError) -> Bool {
        if let failure { throw failure }
        logs[group]?.release(through: index)
        guard let first = firstNeeded else { return try giveBack() }
        let starts = try readStarts(of: first)
        // Durable before the first file goes: only then is a file before it not missed.
        try write(batch: [], first: first)
        // So that damage to this one is noticed too, and that it is said twice.
        needsMark = true
        for (group, start) in starts { logs[group]?.compact(before: first, to: start) }
        givenBack.append(contentsOf: segments.first..<first)
        segments.drop(before: first)
        statistics.segments = segments.count
        while let place = readers.firstIndex(where: { $0.header.number < first }) {
            readers.remove(at: place).file.close()
        }
        return true
    }

    /// Takes away the name of one file that is not needed any more, or syncs the directory, or gives
    /// back four slices of what has no name any more; `true` if more is left to do.
    ///
    /// In pieces, since a file system takes some 50 ms to free 64 MiB at once, and 3 ms for 4 MiB.
    /// - Throws: `outOfSpace` for want of room or of descriptors, after which a later call goes on.
    ///   Anything else is final.
    package func giveBack() throws(StorageError) -> Bool {
        if let failure { throw failure }
        do throws(DiskError) {
            if let number = givenBack.first, nameless.count < Journal.maximumNameless {
                let path = "\(directory)/\(SegmentFormat.fileName(number))"
                let file = try disk.open(path, mode: .readWrite)
                do throws(DiskError) {
                    try disk.remove(path)
                } catch {
                    file.close()
                    throw error
                }
                nameless.append(file)
                givenBack.removeFirst()
                hasRemoved = true
            } else if hasRemoved {
                // Before any of them is cut: a crash must not bring the name back to a part.
                try disk.syncDirectory(directory)
                hasRemoved = false
            } else if let file = nameless.first {
                let rest = try file.size() - 4 * settings.sliceSize
                if rest > 0 {
                    try file.truncate(to: rest)
                } else {
                    file.close()
                    nameless.removeFirst()
                }
            }
        } catch {
            guard error.isShortage else { throw fail(.disk(error)) }
            throw .outOfSpace(error)
        }
        return hasRemoved || !givenBack.isEmpty || !nameless.isEmpty
    }

    /// Files kept open to be freed.
    private static let maximumNameless = 8

    /// The first segment that the journal needs, if it is a later one than it begins with.
    private var firstNeeded: UInt64? {
        // One whose first batch is durable.
        var first = synced.offset > SegmentFormat.blockSize ? synced.segment : synced.segment - 1
        // The order does not matter to a minimum.
        for log in logs.values { first = min(first, log.firstNeededSegment ?? first) }
        while first > segments.first, !logs.values.allSatisfy({ $0.mayBegin(at: first) }) {
            first -= 1
        }
        return first > segments.first ? first : nil
    }

    /// Where logs will begin that lose entries when the journal begins with this segment: its resume
    /// records, read back while what they stand for is there.
    private func readStarts(of number: UInt64) throws(StorageError) -> [(GroupID, LogStart)] {
        let path = "\(directory)/\(SegmentFormat.fileName(number))"
        let file: any DiskFile
        do throws(DiskError) {
            file = try self.file(number)
        } catch {
            throw .disk(error)
        }
        var reader = SegmentReader(segments[number], path: path, file: file)
        let batch = try reader.batchHeader(at: SegmentFormat.blockSize)
        var damage = batch == nil ? reader.damage(at: SegmentFormat.blockSize) : nil
        if let batch { damage = try reader.load(batch) }
        guard let batch, damage == nil else {
            throw .damaged(
                file: path,
                offset: damage?.offset ?? SegmentFormat.blockSize,
                reason: damage?.reason ?? ""
            )
        }
        var starts: [(GroupID, LogStart)] = []
        do throws(Damage) {
            let records = try reader.records(of: batch)
            var left = logs.filter { $0.value.count(before: number) > 0 }
            for record in records {
                guard case .resume(let group, _, let start) = record.content,
                    let log = left.removeValue(forKey: group)
                else { continue }
                let last = log.index(ofNumber: log.count(before: number) - 1)
                guard start.position.index == last else {
                    throw Damage(
                        offset: record.offset,
                        reason: "group \(group) resumes at \(start.position), not at \(last)"
                    )
                }
                starts.append((group, start))
            }
            guard left.isEmpty else {
                throw Damage(
                    offset: batch.place.offset,
                    reason: "\(left.count) groups do not resume here"
                )
            }
        } catch {
            throw .contradictory(file: path, offset: error.offset, reason: error.reason)
        }
        return starts
    }
}
