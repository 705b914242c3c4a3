/// What an import did, for people and for programs.
struct ImportReport: Encodable, Sendable {
    /// Files or lines that stand for objects.
    var objects: UInt64 = 0
    var acknowledged: UInt64 = 0
    /// Refused, too long or not to be read.
    var failed: UInt64 = 0
    /// Nobody knows whether these were registered.
    var unknown: UInt64 = 0
    var bytes: UInt64 = 0
    /// There were such objects, and `--if-absent` was given.
    var skipped_existing: UInt64 = 0
    /// An earlier import with the same `--record` had them acknowledged.
    var skipped_recorded: UInt64 = 0
    var skipped_links = 0
    var skipped_others = 0
    var skipped_older_versions = 0
    var skipped_delete_markers = 0
    var unreadable = 0
    var bad_lines = 0
    var seconds = 0.0
    var objects_per_second = 0.0
    /// The longest time in which puts were on their way and none was acknowledged.
    var longest_gap_ms: Int64 = 0
    /// The longest such times.
    var gaps: [Gaps.Gap] = []
    var failures: [String] = []
    /// Why the import did not do all of it; missing if it did.
    private(set) var error: ErrorOutput.Content?
    /// Why it ended early.
    var fault: Failure?
    private var recordFailure: String?

    private enum CodingKeys: String, CodingKey {
        case objects, acknowledged, failed, unknown, bytes, skipped_existing, skipped_recorded
        case skipped_links, skipped_others, skipped_older_versions, skipped_delete_markers
        case unreadable, bad_lines, seconds, objects_per_second, longest_gap_ms, gaps, failures
        case error
    }

    /// Takes what was counted, once nothing is on its way.
    mutating func take(
        _ totals: Pipeline.Totals,
        _ progress: Progress,
        _ list: AcknowledgedList?
    ) {
        progress.finish()
        acknowledged = totals.done
        failed = totals.failed
        unknown = totals.unknown
        bytes = totals.bytes
        skipped_existing = totals.existing
        failures = totals.failures
        gaps = totals.gaps.longest
        longest_gap_ms = gaps.first?.ms ?? 0
        if fault == nil { fault = totals.obstacle }
        seconds = progress.elapsed.inSeconds
        objects_per_second = seconds > 0 ? Double(acknowledged) / seconds : 0
        recordFailure = list?.failure
    }

    /// Prints the report, whatever came of the import.
    ///
    /// - Throws: `Failure` if something was not imported.
    func finish(on console: Console) throws(Failure) {
        var report = self
        let failure = failure
        report.error = failure?.json.error
        for failure in failures { Console.remark(failure) }
        let told = UInt64(failures.count)
        if failed + unknown > told { Console.remark("… and \(failed + unknown - told) more") }
        console.json(report)
        console.line(text)
        if let failure { throw failure }
    }

    private var text: String {
        var line =
            "\(Readable.count(acknowledged)) of \(Readable.count(objects)) objects acknowledged, "
            + "\(Readable.size(bytes)), in \(Readable.time(.seconds(seconds))) "
            + "(\(Readable.count(UInt64(objects_per_second)))/s, longest gap "
            + "\(longest_gap_ms) ms)"
        let others: [(UInt64, String)] = [
            (skipped_existing, "there already"),
            (skipped_recorded, "acknowledged before, as the record says"),
            (UInt64(skipped_links), "links skipped"),
            (UInt64(skipped_others), "special files skipped"),
            (UInt64(skipped_older_versions), "older versions skipped"),
            (UInt64(skipped_delete_markers), "delete markers skipped"),
            (failed, "not imported"), (unknown, "unknown"),
            (UInt64(unreadable), "unreadable"), (UInt64(bad_lines), "bad lines"),
        ]
        for (count, what) in others where count > 0 { line += ", \(Readable.count(count)) \(what)" }
        return line + "."
    }

    /// Why it did not do all; nil if it did.
    private var failure: Failure? {
        if Interruption.isRequested {
            return Interruption.failure(
                "the import was stopped by a signal after \(acknowledged) objects",
                advice: "what was acknowledged is kept; run it again, with the same --record "
                    + "if there was one"
            )
        }
        if let fault { return fault }
        if let recordFailure {
            return Failure(
                .inputOutput,
                "the list of acknowledged keys could not be written: \(recordFailure)",
                advice: "check the space on its disk and import again"
            )
        }
        if failed > 0 || bad_lines > 0 || unreadable > 0 {
            return Failure(
                .badData,
                "\(failed) objects, \(bad_lines) lines and \(unreadable) paths were not imported"
                    + (unknown > 0 ? ", and of \(unknown) objects nobody knows" : ""),
                advice: "correct what is named above and import again; the rest is kept"
            )
        }
        if unknown > 0 {
            return Failure(
                .tryAgain,
                "nobody knows whether \(unknown) objects were registered",
                advice: "import again; the rest is kept"
            )
        }
        return nil
    }
}
