internal import CadastreDisk
internal import RaftCore

/// The log of everything this node must not forget: one append-only journal for all its groups, so
/// that one sync makes the writes of all of them durable.
///
/// Invariants:
/// - What ``write(_:)`` has returned from is found by every later ``open(directory:on:identity:settings:seed:)``,
///   or that one refuses to open.
/// - Blocks that were synced are not written again.
/// - After a write or sync that failed, or a failure while preparing that is not lack of room or of
///   descriptors, every call that writes throws that same failure.
/// - A segment is whole by itself, and those before ``segments`` are not needed by what is on disk.
///
/// Used by one thread at a time. Files: `journal-<number>.cadastre` as in SegmentFormat.swift, and
/// `lock`.
package final class Journal {
    /// What was done since the journal was opened.
    package internal(set) var statistics = JournalStatistics()

    let directory: String
    let disk: any Disk
    let identity: JournalIdentity
    private let lock: any DiskLock

    var logs: [GroupID: JournalLog]
    /// The segments that are needed, the prepared one included.
    var segments: SegmentList
    /// Segments that are not, and whose files are still there, ascending.
    var givenBack: [UInt64]
    /// Files were removed since the directory was synced.
    var hasRemoved = false
    /// Removed files that are still to be freed.
    var nameless: [any DiskFile] = []
    private var active: OpenSegment
    private var supply: SegmentSupply
    /// Where the next batch goes.
    private var end: Int
    /// Groups in the active segment, ascending.
    private var touched: [GroupID]
    private var batchNumber: UInt64
    private let opening: UInt64
    /// Every byte before this place is durable.
    private(set) var synced: JournalPlace
    private(set) var failure: StorageError?
    private var buffer: [UInt8] = []
    /// Bytes written that ``prepareInStep()`` has answered with as many of the next segment.
    private var preparedFor = 0
    var readers: [OpenSegment] = []

    /// Whether something was written after the newest mark: when the node is idle, it writes one.
    package internal(set) var needsMark = false

    init(
        directory: String,
        disk: any Disk,
        identity: JournalIdentity,
        lock: any DiskLock,
        recovery: Recovery.Result,
        active: OpenSegment,
        supply: SegmentSupply
    ) {
        self.directory = directory
        self.disk = disk
        self.identity = identity
        self.lock = lock
        logs = recovery.replay.logs
        segments = recovery.segments
        givenBack = recovery.givenBack
        self.active = active
        self.supply = supply
        end = recovery.end.offset
        touched = recovery.replay.touched
        batchNumber = recovery.replay.number
        opening = recovery.opening + 1
        synced = recovery.end
        statistics.segments = segments.count
    }

    /// Records that fit into one batch, in bytes, whatever segment it goes to.
    ///
    /// Asked before each batch, since what a segment begins with grows with the groups and their
    /// configurations.
    package var maximumBatchSize: Int {
        var size = supply.minimumSegmentSize
        if end == SegmentFormat.blockSize { size = min(size, active.header.size) }
        // The order of a sum does not matter.
        let resumes = logs.reduce(0) { $0 + Record.size(of: $1.value.resume($1.key)) }
        return size - SegmentFormat.blockSize - resumes
            - BatchHeader.headerSize(groups: max(64, logs.count))
    }

    /// Bytes that writes take of ``maximumBatchSize``.
    package static func size(of batch: [JournalWrite]) -> Int {
        batch.reduce(0) { $0 + Record.size(of: Record.Content($1)) }
    }

    // MARK: Writing

    /// Writes one batch and syncs it; on return it is durable, as one.
    ///
    /// The writes are contiguous in each group: an entry follows the last one, or the one before a
    /// truncation. Anything else is a bug and traps.
    /// - Throws: `outOfSpace` when no prepared segment has room and none can be prepared, and
    ///   `batchTooLarge`; both leave the journal as it was. Anything else is final.
    package func write(_ batch: [JournalWrite]) throws(StorageError) {
        precondition(!batch.isEmpty, "a batch without a write")
        try write(batch: batch)
        needsMark = true
    }

    /// Writes down that everything before is durable, so that damage to it will be noticed.
    ///
    /// A block of 4 KiB and a sync.
    /// - Throws: as ``write(_:)``.
    package func writeMark() throws(StorageError) {
        try write(batch: [])
        needsMark = false
    }

    /// Writes a batch, which says that the journal is needed from `first` on, or from where it is.
    func write(batch: [JournalWrite], first: UInt64? = nil) throws(StorageError) {
        if let failure { throw failure }
        var staged: StagedLogs
        do throws(StorageError) {
            staged = try StagedLogs(batch, in: self)
        } catch {
            throw fail(error)
        }
        let changes = batch.map { Record.Content($0) }
        func header(_ records: [Record.Content], touched: [GroupID]) -> BatchHeader {
            BatchHeader(
                place: JournalPlace(segment: active.header.number, offset: end),
                number: batchNumber + 1,
                opening: opening,
                synced: synced,
                recordCount: records.count,
                recordsSize: records.reduce(0) { $0 + Record.size(of: $1) },
                firstSegment: first ?? segments.first,
                groups: touched.map { (staged[$0] ?? logs[$0]?.state ?? LogState()).mark($0) }
            )
        }
        var groups = touched
        for group in staged.groups { groups.insertSorted(group) }
        var records = isAtBeginning ? resumes + changes : changes
        var head = header(records, touched: groups)
        if end + head.size > active.header.size {
            if !isAtBeginning { records = resumes + changes }
            groups = staged.groups
            try roll(for: header(records, touched: groups).size, takingReserve: first != nil)
            head = header(records, touched: groups)
        }
        encode(head, records, into: &staged)
        do throws(DiskError) {
            try active.file.write(at: end, buffer)
            try active.file.sync()
        } catch {
            throw fail(.disk(error))
        }
        staged.commit(into: &logs, segment: active.header.number)
        touched = groups
        batchNumber += 1
        end = head.end
        synced = JournalPlace(segment: active.header.number, offset: end)
        statistics.syncs += 1
        statistics.batches += 1
        statistics.bytes += head.size
        for case .entry(let entry) in batch {
            statistics.entries += 1
            statistics.entryBytes += entry.bytes.count
        }
        if buffer.capacity > Journal.keptBufferSize { buffer = [] }
    }

    /// Whether the next batch is the first of the active segment.
    private var isAtBeginning: Bool { end == SegmentFormat.blockSize }

    /// What a segment that began now would begin with.
    private var resumes: [Record.Content] {
        logs.sorted { $0.key < $1.key }.map { $0.value.resume($0.key) }
    }

    /// A buffer that grew beyond this for one large batch is given back.
    private static let keptBufferSize = 4 * 1_048_576

    private func encode(
        _ head: BatchHeader,
        _ records: [Record.Content],
        into staged: inout StagedLogs
    ) {
        let seed = active.header.seed
        buffer.removeAll(keepingCapacity: true)
        buffer.reserveCapacity(head.size)
        buffer.append(contentsOf: [UInt8](repeating: 0, count: head.headerSize))
        for record in records {
            if case .entry(let entry) = record {
                staged.place(
                    EntryPlace(
                        segment: active.header.number,
                        offset: UInt32(end + buffer.count),
                        size: UInt32(entry.bytes.count)
                    )
                )
            }
            Record.append(record, to: &buffer, base: end, seed: seed)
        }
        buffer.append(contentsOf: [UInt8](repeating: 0, count: head.size - buffer.count))
        head.encode(into: &buffer, segment: active.header)
    }

    /// Goes on in the next segment, which a batch of `size` bytes must fit into.
    private func roll(for size: Int, takingReserve: Bool) throws(StorageError) {
        // A segment that nothing was written to is not left behind.
        let capacity =
            isAtBeginning
            ? active.header.size
            : supply.ready.first?.header.size ?? supply.settings.segmentSize
        guard size <= capacity - SegmentFormat.blockSize else {
            throw .batchTooLarge(size: size, maximum: capacity - SegmentFormat.blockSize)
        }
        if supply.ready.isEmpty {
            while try prepare(takingReserve: takingReserve) {}
            statistics.latePreparations += 1
        }
        guard let next = supply.take() else {
            preconditionFailure("a segment was prepared and is not there")
        }
        active.file.close()
        active = next
        end = SegmentFormat.blockSize
        touched.removeAll()
    }

    // MARK: Preparing

    /// Does a bounded part of making the next segment ready; `true` if more is left to do.
    ///
    /// Called while nothing waits to be written.
    /// - Throws: `outOfSpace`, for want of room or of descriptors, after which a later call goes on
    ///   or begins again. Anything else is final.
    package func prepareAhead() throws(StorageError) -> Bool {
        try prepare(takingReserve: false)
    }

    private func prepare(takingReserve: Bool) throws(StorageError) -> Bool {
        if let failure { throw failure }
        guard supply.ready.isEmpty else { return false }
        do throws(DiskError) {
            let header = try supply.prepare(segments.next, takingReserve: takingReserve)
            guard let header else { return true }
            segments.append(header)
            statistics.segments = segments.count
            return false
        } catch {
            guard supply.mayTryAgain(after: error) else { throw fail(.disk(error)) }
            throw .outOfSpace(error)
        }
    }

    /// Prepares as much of the next segment as what was written since asks for: twice as many bytes,
    /// so that it is ready when the present one is half full, however large the batches are.
    ///
    /// For an owner that finds no pause for ``prepareAhead()``.
    /// - Throws: as ``prepareAhead()``.
    package func prepareInStep() throws(StorageError) {
        let stride = max(1, supply.settings.sliceSize / 2)
        while supply.ready.isEmpty, statistics.bytes - preparedFor >= stride {
            preparedFor += stride
            guard try prepareAhead() else { break }
        }
        if !supply.ready.isEmpty { preparedFor = statistics.bytes }
    }

    /// What the journal was told about its files.
    var settings: JournalSettings { supply.settings }

    /// Closes the files and gives the lock back.
    ///
    /// Nothing is lost by not calling it.
    package func close() {
        let closed = DiskError(operation: .write, path: directory, code: DiskError.closed)
        failure = failure ?? .disk(closed)
        active.file.close()
        for reader in readers { reader.file.close() }
        readers.removeAll()
        for file in nameless { file.close() }
        nameless.removeAll()
        supply.close()
        lock.release()
    }

    /// Makes a failure the answer to every later call that writes.
    func fail(_ error: StorageError) -> StorageError {
        failure = error
        return error
    }

    /// The open file of a segment, if it is one that is written to.
    func writableFile(_ number: UInt64) -> (any DiskFile)? {
        active.header.number == number ? active.file : nil
    }
}
