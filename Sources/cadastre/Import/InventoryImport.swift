internal import CadastreClient
internal import Dispatch

/// Sends the lines of an inventory, on a thread of its own.
struct InventoryImport {
    let client: CadastreClient
    let pipeline: Pipeline

    /// The most bad lines that are told one by one.
    private static let maximumToldLines = 100

    /// Reads the whole inventory; bad lines are named on standard error.
    ///
    /// - Throws: `Failure` if the file cannot be read or a bucket cannot be created.
    func run(_ source: InventorySource) throws(Failure) -> ImportReport {
        var report = ImportReport()
        var buckets: Set<[UInt8]> = []
        let progress = Progress("objects")
        var fault: Failure?
        func reject(_ line: Int, _ reason: String) {
            report.bad_lines += 1
            if report.bad_lines <= Self.maximumToldLines {
                Console.remark("line \(line): \(reason)")
            }
        }
        var readFailure: Failure?
        do throws(Failure) {
            try source.read { record in
                guard fault == nil else { return }
                switch record {
                case .wrong(let reason, let line): reject(line, reason)
                case .fields(let fields, let line):
                    if line == 1, InventoryLine.isHeading(fields) { return }
                    do throws(InventoryLine.Wrong) {
                        let entry = try InventoryLine(fields)
                        switch entry.kind {
                        case .older: report.skipped_older_versions += 1
                        case .deleteMarker: report.skipped_delete_markers += 1
                        case .current:
                            report.objects += 1
                            fault = makeBucket(entry.bucket, &buckets)
                            if fault == nil { send(entry, line, progress) }
                        }
                    } catch {
                        reject(line, error.reason)
                    }
                }
            }
        } catch {
            readFailure = error
        }
        report.take(pipeline.drain())
        progress.finish()
        report.seconds = progress.elapsed.inSeconds
        if report.bad_lines > Self.maximumToldLines {
            Console.remark("… and \(report.bad_lines - Self.maximumToldLines) more bad lines")
        }
        if let failure = fault ?? readFailure {
            Console.remark(
                "\(report.acknowledged) objects were acknowledged before the import ended"
            )
            throw failure
        }
        return report
    }

    private func send(_ entry: InventoryLine, _ line: Int, _ progress: Progress) {
        var put = PutObject(bucket: entry.bucket, key: entry.key, size: entry.size)
        put.etag = entry.etag
        put.modifiedMilliseconds = entry.modifiedMilliseconds
        let size = entry.size
        pipeline.change(put, name: "line \(line)", bytes: size) { _ in
            progress.add(bytes: size)
        }
    }

    /// Creates a bucket that was not seen before, and waits for it.
    private func makeBucket(_ bucket: [UInt8], _ known: inout Set<[UInt8]>) -> Failure? {
        guard known.insert(bucket).inserted else { return nil }
        let done = DispatchSemaphore(value: 0)
        let result = ResultBox()
        client.submit(CreateBucket(name: bucket), deadline: .seconds(120)) { outcome in
            result.outcome = outcome
            done.signal()
        }
        done.wait()
        switch result.outcome {
        case .done?: return nil
        case .refused(let refused)? where refused.reason == .bucketOwnedByYou: return nil
        case .refused(let refused)?:
            return Failure(refused, doing: "creating the bucket \(Escaped.bytes(bucket))")
        case .unknown(let reason)?:
            return Failure(unknown: reason, doing: "creating the bucket")
        case nil: return Failure(.internalFault, "an outcome was lost")
        }
    }
}

/// Carries one outcome from the event loop to the thread that waits for it.
private final class ResultBox: @unchecked Sendable {
    // Unchecked: written before the semaphore is signalled, read after it was waited for.
    var outcome: Outcome<UInt64>?
}
