package import CadastreDisk
package import RaftCore

/// Reads again what the journal holds and nobody writes to any more, so that rot is found while other
/// nodes still have what it took.
///
/// A segment counts from its first byte through the place that the first batch of the next segment
/// says was durable: all of that lies below S, so what is not as it was written is damage, and nothing
/// else. The segment that is written to, and one whose successor cannot be read, are for the next
/// start (``Recovery``), which judges by the same sums and the same chain.
///
/// Opens the files by itself, so that it has a thread of its own while the journal is in use: what the
/// journal has given back meanwhile is passed over.
package final class JournalScrub {
    private let directory: String
    private let disk: any Disk
    private let cluster: ClusterID
    /// Segments of this pass that were not looked at, descending; nil between two passes.
    private var left: [UInt64]?
    private var current: Current?

    /// A segment that is being read.
    private struct Current {
        var file: any DiskFile
        var reader: SegmentReader
        var replay: Replay
        var offset: Int
        /// The byte behind what was durable.
        var end: Int
        /// It is read for the second time: what is wrong again is so on the device.
        var isAgain: Bool
    }

    /// Will look at the journal in this directory.
    package init(directory: String, on disk: any Disk, cluster: ClusterID) {
        self.directory = directory
        self.disk = disk
        self.cluster = cluster
    }

    /// Looks at the next batch.
    ///
    /// Cost: at most one read, of a mebibyte or a batch.
    ///
    /// - Returns: Bytes that were looked at, or nil: all were, and the next call begins anew.
    /// - Throws: `damaged` with file and offset, after a second look past the system's memory;
    ///   `disk` when the disk fails. The next call goes on with the next segment.
    package func step() throws(StorageError) -> Int? {
        guard let current else { return try next() }
        guard current.offset < current.end else {
            finish()
            return 0
        }
        do throws(StorageError) {
            return try verify(current)
        } catch {
            return try judge(error, current)
        }
    }

    // MARK: Segments

    private func next() throws(StorageError) -> Int? {
        if left == nil {
            do throws(DiskError) {
                let names = try disk.list(directory)
                left = names.compactMap { SegmentFormat.number(inName: $0) }.sorted(by: >)
            } catch {
                throw .disk(error)
            }
        }
        guard let number = left?.popLast() else {
            left = nil
            return nil
        }
        guard let end = try durableEnd(of: number) else { return 0 }
        try begin(number, through: end, isAgain: false)
        return SegmentFormat.blockSize
    }

    /// The byte behind what was durable of a segment when the next one began; nil if that one has not.
    private func durableEnd(of number: UInt64) throws(StorageError) -> Int? {
        guard number < Limits.maximumTerm else { return nil }
        do throws(StorageError) {
            guard let (header, file) = try open(number + 1) else { return nil }
            defer { file.close() }
            var reader = SegmentReader(header, path: path(number + 1), file: file)
            let first = try reader.batchHeader(at: SegmentFormat.blockSize)
            return first.flatMap { $0.synced.segment == number ? $0.synced.offset : nil }
        } catch {
            if case .disk = error { throw error }
            // Its own turn says what is wrong with it.
            return nil
        }
    }

    private func begin(
        _ number: UInt64,
        through end: Int,
        isAgain: Bool
    ) throws(StorageError) {
        do throws(StorageError) {
            guard let (header, file) = try open(number) else { return }
            var replay = Replay(cluster: cluster, first: number, isAlone: true)
            replay.beginSegment()
            current = Current(
                file: file,
                reader: SegmentReader(header, path: path(number), file: file),
                replay: replay,
                offset: SegmentFormat.blockSize,
                end: min(end, header.size),
                isAgain: isAgain
            )
        } catch {
            if case .disk = error { throw error }
            guard isAgain else { return try begin(number, through: end, isAgain: true) }
            guard try exists(number) else { return }
            throw error
        }
    }

    /// Opens a segment past the system's memory; nil if it is not there any more.
    private func open(
        _ number: UInt64
    ) throws(StorageError) -> (SegmentHeader, any DiskFile)? {
        let path = path(number)
        let file: any DiskFile
        do throws(DiskError) {
            file = try disk.open(path, mode: .read)
        } catch {
            if error.isMissing { return nil }
            throw .disk(error)
        }
        do throws(StorageError) {
            return (try header(path, file), file)
        } catch {
            file.close()
            throw error
        }
    }

    private func header(
        _ path: String,
        _ file: any DiskFile
    ) throws(StorageError) -> SegmentHeader {
        let block: [UInt8]
        do throws(DiskError) {
            try file.forgetCache()
            block = try file.read(at: 0, count: SegmentFormat.blockSize)
        } catch {
            guard error.isUnreadable else { throw .disk(error) }
            throw .damaged(file: path, offset: 0, reason: "the disk cannot read the header")
        }
        return try SegmentHeader(decoding: block, file: path)
    }

    private func finish() {
        current?.file.close()
        current = nil
    }

    // MARK: Batches

    private func verify(_ current: Current) throws(StorageError) -> Int {
        var current = current
        let path = path(current.reader.header.number)
        guard let header = try current.reader.batchHeader(at: current.offset) else {
            let damage = current.reader.damage(at: current.offset)
            throw .damaged(file: path, offset: damage.offset, reason: damage.reason)
        }
        var damage =
            current.replay.isNext(header)
            ? nil
            : Damage(offset: current.offset, reason: "the batch does not follow the one before")
        if damage == nil { damage = try current.reader.load(header) }
        if damage == nil {
            do throws(Damage) {
                let records = try current.reader.records(of: header)
                try current.replay.apply(header, records)
            } catch {
                damage = error
            }
        }
        if let damage {
            throw .damaged(file: path, offset: damage.offset, reason: damage.reason)
        }
        current.offset = header.end
        self.current = current
        return header.size
    }

    /// Something is not as it was written: looked at once more, unless it is not needed any more.
    private func judge(_ error: StorageError, _ seen: Current) throws(StorageError) -> Int {
        let number = seen.reader.header.number
        finish()
        if case .disk = error { throw error }
        // What was given back is cut to pieces, but loses its name first.
        guard try exists(number) else { return 0 }
        guard !seen.isAgain else { throw error }
        try begin(number, through: seen.end, isAgain: true)
        return SegmentFormat.blockSize
    }

    private func exists(_ number: UInt64) throws(StorageError) -> Bool {
        do throws(DiskError) { return try disk.exists(path(number)) } catch { throw .disk(error) }
    }

    private func path(_ number: UInt64) -> String {
        "\(directory)/\(SegmentFormat.fileName(number))"
    }
}
