internal import ArgumentParser
internal import CadastreClient
internal import CadastreDisk
internal import Synchronization

/// The verb `cadastre compare …`.
struct CompareVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compare",
        abstract: "Reads objects back and compares them with their files.",
        subcommands: [Directory.self]
    )

    /// The verb `cadastre compare directory PATH`.
    struct Directory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Compares every file of a folder with the object of its path.",
            discussion: """
                With --acknowledged only those keys must be there that an import wrote with \
                --record; others are compared if they are there. The exit code is 65 if anything \
                is lost or wrong.
                Example: cadastre compare directory /usr/share/doc --bucket doc --tenant acme
                """
        )
        @Argument(help: "The folder.")
        var path: String
        @Option(help: "The bucket.")
        var bucket: String
        @Option(help: "Before each key.")
        var prefix = ""
        @Option(
            help: ArgumentHelp("The list that import wrote with --record.", valueName: "file")
        )
        var acknowledged: String?
        @OptionGroup
        var pipelineOptions: ImportVerbs.PipelineOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let walk = try FileWalk(path)
            let (bucket, prefix) = (Array(bucket.utf8), Array(prefix.utf8))
            let keys = try acknowledged.map { path throws(Failure) in
                try AcknowledgedList.keys(path: path, bucket: bucket)
            }
            let configuration = try pipelineOptions.configuration(options)
            let report = try await CadastreClient.with(configuration) { client throws(Failure) in
                let comparison = Comparison(
                    bucket: bucket,
                    prefix: prefix,
                    acknowledged: keys,
                    pipeline: pipelineOptions.pipeline(client, configuration)
                )
                return try await onThread { () throws(Failure) in comparison.run(walk) }
            }
            try report.finish(on: options.console)
        }
    }
}

/// What a comparison found, for people and for programs.
struct CompareReport: Encodable, Sendable {
    /// Files.
    var objects: UInt64 = 0
    /// Objects that had to be there.
    var acknowledged: UInt64 = 0
    /// Objects that were read and agree.
    var equal: UInt64 = 0
    /// Objects that had to be there and are not.
    var lost: UInt64 = 0
    /// Objects that are there and differ.
    var wrong: UInt64 = 0
    /// Files without an object that never was acknowledged.
    var absent: UInt64 = 0
    /// Files and objects that could not be read.
    var unreadable: UInt64 = 0
    var seconds = 0.0
    /// The first that are lost, wrong or unreadable.
    var examples: [String] = []
    /// Why not all is as it should be; missing if it is.
    private(set) var error: ErrorOutput.Content?
    /// Why it ended early.
    var fault: Failure?

    private enum CodingKeys: String, CodingKey {
        case objects, acknowledged, equal, lost, wrong, absent, unreadable, seconds, examples, error
    }

    /// Notes an example, if there are not many yet.
    mutating func note(_ example: String) {
        if examples.count < Pipeline.maximumToldFailures { examples.append(example) }
    }

    /// Prints the report.
    ///
    /// - Throws: `Failure` if anything is lost, wrong or unreadable.
    func finish(on console: Console) throws(Failure) {
        var report = self
        let failure = failure
        report.error = failure?.json.error
        for example in examples { Console.remark(example) }
        console.json(report)
        var line =
            "\(Readable.count(equal)) of \(Readable.count(objects)) objects are as their files; "
            + "\(Readable.count(lost)) lost, \(Readable.count(wrong)) wrong"
        if absent > 0 { line += ", \(Readable.count(absent)) never acknowledged" }
        if unreadable > 0 { line += ", \(Readable.count(unreadable)) unreadable" }
        console.line("\(line) (\(Readable.time(.seconds(seconds)))).")
        if let failure { throw failure }
    }

    /// Why not all is as it should be; nil if it is.
    private var failure: Failure? {
        if Interruption.isRequested {
            return Interruption.failure(
                "the comparison was stopped by a signal",
                advice: "run it again"
            )
        }
        if lost > 0 || wrong > 0 {
            return Failure(
                .badData,
                "\(lost) objects are lost, \(wrong) wrong and \(unreadable) unreadable",
                advice: "look at the objects named above, and at cadastre verify"
            )
        }
        if let fault { return fault }
        if unreadable > 0 {
            return Failure(
                .badData,
                "\(unreadable) files or objects are unreadable",
                advice: "correct what is named above and compare again"
            )
        }
        return nil
    }
}

/// Reads objects back, on a thread of its own.
private struct Comparison: Sendable {
    let bucket: [UInt8]
    let prefix: [UInt8]
    /// Nil: every file's object must be there.
    let acknowledged: Set<[UInt8]>?
    let pipeline: Pipeline

    func run(_ walk: FileWalk) -> CompareReport {
        let found = Found()
        let progress = Progress("objects", total: walk.count())
        let hash = SHA256()
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        var walk = walk
        var missing = acknowledged ?? []
        while !pipeline.isOver, let file = walk.next() {
            let key = prefix + file.relativePath
            missing.remove(key)
            let isNeeded = acknowledged?.contains(key) ?? true
            found.change {
                $0.objects += 1
                if isNeeded { $0.acknowledged += 1 }
            }
            // Nothing can be registered under such a key.
            guard key.count <= 1024 || isNeeded else {
                found.change { $0.absent += 1 }
                progress.add()
                continue
            }
            do throws(FileFacts.Unreadable) {
                let facts = try FileFacts(
                    path: file.path,
                    key: key,
                    links: .refused,
                    hash: hash,
                    buffer: &buffer
                )
                pipeline.ask(GetObject(bucket: bucket, key: key)) { outcome in
                    found.change { Self.judge(outcome, facts, isNeeded, &$0) }
                    progress.add()
                }
            } catch {
                found.change {
                    $0.unreadable += 1
                    $0.note("\(Escaped.bytes(file.path)): cannot be read: \(error.reason)")
                }
                progress.add()
            }
        }
        // Acknowledged, and the file is gone since: the object must still be there.
        for key in missing.sorted(by: { $0.lexicographicallyPrecedes($1) })
        where !pipeline.isOver {
            found.change { $0.acknowledged += 1 }
            pipeline.ask(GetObject(bucket: bucket, key: key)) { outcome in
                found.change { Self.judge(outcome, key: key, &$0) }
                progress.add()
            }
        }
        let totals = pipeline.drain()
        progress.finish()
        var report = found.report
        report.fault = totals.obstacle
        report.seconds = progress.elapsed.inSeconds
        report.unreadable += UInt64(walk.skipped.unreadable)
        return report
    }

    private static func judge(
        _ outcome: Outcome<StoredObject>,
        _ facts: FileFacts,
        _ isNeeded: Bool,
        _ report: inout CompareReport
    ) {
        switch outcome {
        case .done(let object):
            let differences = facts.differences(from: object)
            if differences.isEmpty {
                report.equal += 1
            } else {
                report.wrong += 1
                let names = differences.joined(separator: ", ")
                report.note("\(Escaped.bytes(facts.key)): wrong \(names)")
            }
        case .refused(let refused) where refused.reason == .noSuchObject && !isNeeded:
            report.absent += 1
        case .refused, .unknown:
            judge(outcome, key: facts.key, &report)
        }
    }

    private static func judge(
        _ outcome: Outcome<StoredObject>,
        key: [UInt8],
        _ report: inout CompareReport
    ) {
        switch outcome {
        case .done: report.equal += 1
        case .refused(let refused) where refused.reason == .noSuchObject:
            report.lost += 1
            report.note("\(Escaped.bytes(key)): lost")
        case .refused(let refused):
            report.unreadable += 1
            report.note("\(Escaped.bytes(key)): \(Escaped.text(refused.description))")
        case .unknown(let reason):
            report.unreadable += 1
            report.note("\(Escaped.bytes(key)): \(Escaped.text(reason))")
        }
    }
}

/// What was found so far, from the event loop and the walking thread.
private final class Found: Sendable {
    private let contents = Mutex(CompareReport())

    var report: CompareReport { contents.withLock { $0 } }

    func change(_ body: (inout CompareReport) -> Void) {
        contents.withLock { body(&$0) }
    }
}
