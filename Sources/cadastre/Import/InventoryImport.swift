internal import CadastreClient
internal import Dispatch

/// Sends the lines of an inventory, on a thread of its own.
struct InventoryImport {
    let client: CadastreClient
    let pipeline: Pipeline
    let progress: Progress
    let precondition: Precondition?
    let patience: Duration
    let list: AcknowledgedList?

    /// The most bad lines that are told one by one.
    private static let maximumToldLines = 100

    /// What the lines so far have led to.
    private struct State {
        var report = ImportReport()
        /// Buckets that were asked for: nil is there, a text says why it cannot be had.
        var buckets: [[UInt8]: String?] = [:]
        /// Before a line's number, where there are several files.
        var name = ""

        mutating func reject(_ line: Int, _ reason: String) {
            report.bad_lines += 1
            if report.bad_lines <= InventoryImport.maximumToldLines {
                Console.remark("\(name)line \(line): \(reason)")
            }
        }
    }

    /// Reads the whole inventory; bad lines are named on standard error.
    ///
    /// What ends it early is in the report.
    func run(_ files: InventoryFiles) -> ImportReport {
        var state = State()
        var read: UInt64 = 0
        do throws(Failure) {
            for file in files.files where !pipeline.isOver {
                if files.files.count > 1 { state.name = "\(Escaped.text(file.path)) " }
                try send(file, &state) { position in
                    if let size = files.size, size > 0 {
                        progress.setShare(Double(read + position) / Double(size))
                    }
                }
                read += file.size ?? 0
            }
        } catch {
            state.report.fault = error
        }
        var report = state.report
        report.take(pipeline.drain(), progress, list)
        if report.bad_lines > Self.maximumToldLines {
            Console.remark("… and \(report.bad_lines - Self.maximumToldLines) more bad lines")
        }
        return report
    }

    private func send(
        _ file: InventoryFile,
        _ state: inout State,
        advanced: (UInt64) -> Void
    ) throws(Failure) {
        let source = try InventorySource(file)
        var columns = file.columns ?? .standard
        var reader = CSVReader()
        var fault: Failure?
        func take(_ record: CSVReader.Record) {
            guard fault == nil, !pipeline.isOver else { return }
            do throws(Failure) {
                switch record {
                case .wrong(let reason, let line): state.reject(line, reason)
                case .fields(let fields, line: 1) where InventoryColumns.isHeading(fields):
                    columns = try Self.heading(fields, file)
                case .fields(let fields, let line): try send(fields, line, columns, &state)
                }
            } catch {
                fault = error
            }
        }
        while !pipeline.isOver, let bytes = try source.next() {
            reader.read(bytes, each: take)
            if let fault { throw fault }
            if let position = source.position { advanced(position) }
        }
        if !pipeline.isOver { reader.finish(each: take) }
        if let fault { throw fault }
    }

    private static func heading(
        _ fields: [[UInt8]],
        _ file: InventoryFile
    ) throws(Failure) -> InventoryColumns {
        do throws(InventoryLine.Wrong) {
            return try InventoryColumns(naming: fields.map { String(decoding: $0, as: UTF8.self) })
        } catch {
            throw Failure(
                .badData,
                "the first line of \(Escaped.text(file.path)) cannot be used: \(error.reason)",
                advice: "name the columns as S3 does, or leave that line out"
            )
        }
    }

    private func send(
        _ fields: [[UInt8]],
        _ line: Int,
        _ columns: InventoryColumns,
        _ state: inout State
    ) throws(Failure) {
        let entry: InventoryLine
        do throws(InventoryLine.Wrong) {
            entry = try InventoryLine(fields, columns: columns)
        } catch {
            state.reject(line, error.reason)
            return
        }
        switch entry.kind {
        case .older: state.report.skipped_older_versions += 1
        case .deleteMarker: state.report.skipped_delete_markers += 1
        case .current:
            if list?.contains(bucket: entry.bucket, key: entry.key) == true {
                state.report.objects += 1
                state.report.skipped_recorded += 1
                progress.add()
            } else if let reason = try obstacle(entry.bucket, &state) {
                state.reject(line, reason)
            } else {
                state.report.objects += 1
                put(entry, "\(state.name)line \(line)")
            }
        }
    }

    private func put(_ entry: InventoryLine, _ name: String) {
        var put = PutObject(bucket: entry.bucket, key: entry.key, size: entry.size)
        put.etag = entry.etag
        put.modifiedMilliseconds = entry.modifiedMilliseconds
        put.precondition = precondition
        pipeline.put(put, name: name) { [list] in
            list?.add(bucket: entry.bucket, key: entry.key)
        }
    }

    // MARK: - Buckets

    /// Refusals that say nothing about the other buckets.
    private static let reasonsOfOneBucket: Set<Refused.Reason> = [
        .invalidName, .bucketExists, .tooManyBuckets, .quotaExceeded, .tenantSuspended,
    ]

    /// Why a bucket cannot be had; nil if it is there, which a bucket not seen before soon is.
    ///
    /// - Throws: `Failure` if it is not about this bucket alone.
    private func obstacle(_ bucket: [UInt8], _ state: inout State) throws(Failure) -> String? {
        if let known = state.buckets[bucket] { return known }
        let reason = try create(bucket)
        state.buckets[bucket] = .some(reason)
        return reason
    }

    private func create(_ bucket: [UInt8]) throws(Failure) -> String? {
        let what = "creating the bucket \(Escaped.bytes(bucket))"
        switch outcome(of: CreateBucket(name: bucket)) {
        case .done?: return nil
        case .refused(let refused)? where refused.reason == .bucketOwnedByYou: return nil
        case .refused(let refused)? where Self.reasonsOfOneBucket.contains(refused.reason):
            return Failure(refused, doing: what).what
        case .refused(let refused)?: throw Failure(refused, doing: what)
        case .unknown(let reason)?: throw Failure(unknown: reason, doing: what)
        case nil: throw Interruption.failure("\(what) was interrupted")
        }
    }

    /// Waits for a request; nil if the program shall end.
    private func outcome(of command: CreateBucket) -> Outcome<UInt64>? {
        let done = DispatchSemaphore(value: 0)
        let result = ResultBox()
        client.submit(command, deadline: patience) { outcome in
            result.outcome = outcome
            done.signal()
        }
        while done.wait(timeout: .now() + .milliseconds(100)) == .timedOut {
            if Interruption.isRequested { return nil }
        }
        return result.outcome
    }
}

/// Carries one outcome from the event loop to the thread that waits for it.
private final class ResultBox: @unchecked Sendable {
    // Unchecked: written before the semaphore is signalled, read after it was waited for.
    var outcome: Outcome<UInt64>?
}
