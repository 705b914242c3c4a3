internal import ArgumentParser
internal import CadastreClient
internal import CadastreDisk

/// The verb `cadastre import …`.
struct ImportVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Registers many objects: the files of a folder, or the lines of an inventory.",
        subcommands: [Directory.self, Inventory.self]
    )

    /// How hard the cluster is pressed, and for how long.
    struct PipelineOptions: ParsableArguments {
        @Option(help: "Requests on their way at once.")
        var inFlight = 128
        @Option(help: "Connections to the leader.")
        var connections = 2
        @Option(
            help: ArgumentHelp(
                "Give up a request only after so long without a leader or an answer.",
                valueName: "seconds"
            )
        )
        var patience = 120.0

        func validate() throws {
            guard 1...1024 ~= inFlight else {
                throw ValidationError("--in-flight must be 1 to 1024")
            }
            guard 1...64 ~= connections else {
                throw ValidationError("--connections must be 1 to 64")
            }
            guard patience > 0, patience <= 86_400 else {
                throw ValidationError("--patience must be more than 0 and at most 86400 seconds")
            }
        }

        /// A client's configuration for this load.
        func configuration(_ options: ClusterOptions) throws(Failure) -> ClientConfiguration {
            let settings = try options.settings()
            var configuration = try settings.requestConfiguration()
            configuration.connectionCount = connections
            configuration.sessionSlots = UInt32(inFlight)
            configuration.deadline = settings.deadline ?? .seconds(30)
            return configuration
        }

        /// A pipeline of this width: each request keeps its identity as long as the patience.
        func pipeline(_ client: CadastreClient) -> Pipeline {
            Pipeline(
                client,
                width: inFlight,
                deadline: .seconds(patience),
                patience: .seconds(patience * 10)
            )
        }
    }

    /// The verb `cadastre import directory PATH`.
    struct Directory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers every regular file of a folder under its path.",
            discussion: """
                Keeps each file's size, SHA-256, time and content type. Symbolic links are skipped \
                and counted.
                Example: cadastre import directory /usr/share/doc --bucket doc --tenant acme
                """
        )
        @Argument(help: "The folder.")
        var path: String
        @Option(help: "The bucket; created if it is missing.")
        var bucket: String
        @Option(help: "Before each key.")
        var prefix = ""
        @Option(
            help: ArgumentHelp(
                "Append each key to this file once it is acknowledged.",
                valueName: "file"
            )
        )
        var record: String?
        @OptionGroup
        var pipelineOptions: PipelineOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            // Before anything is sent: a wrong path must not leave a bucket behind.
            let walk = try FileWalk(path)
            let list = try record.map { path throws(Failure) in try AcknowledgedList(path: path) }
            let (bucket, prefix) = (Array(bucket.utf8), Array(prefix.utf8))
            let configuration = try pipelineOptions.configuration(options)
            let report = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await ImportVerbs.createBucket(bucket, client)
                let pipeline = pipelineOptions.pipeline(client)
                return try await onThread { () throws(Failure) in
                    Self.send(walk, bucket, prefix, list, through: pipeline)
                }
            }
            try report.finish(on: options.console)
        }

        private static func send(
            _ walk: FileWalk,
            _ bucket: [UInt8],
            _ prefix: [UInt8],
            _ list: AcknowledgedList?,
            through pipeline: Pipeline
        ) -> ImportReport {
            var walk = walk
            var report = ImportReport()
            let progress = Progress("objects")
            let hash = SHA256()
            var buffer = [UInt8](repeating: 0, count: 1 << 18)
            while let file = walk.next() {
                report.objects += 1
                let key = prefix + file.relativePath
                guard key.count <= 1024 else {
                    pipeline.fail("\(Escaped.bytes(key)): the key has more than 1024 bytes")
                    continue
                }
                guard let facts = FileFacts(file, prefix: prefix, hash: hash, buffer: &buffer)
                else {
                    pipeline.fail("\(Escaped.bytes(file.path)): cannot be read")
                    continue
                }
                let name = Escaped.bytes(key)
                pipeline.change(facts.put(into: bucket), name: name, bytes: facts.size) { _ in
                    list?.add(bucket: bucket, key: key)
                    progress.add(bytes: facts.size)
                }
            }
            report.take(pipeline.drain())
            progress.finish()
            report.seconds = progress.elapsed.inSeconds
            report.skipped_links = walk.skipped.links
            report.skipped_others = walk.skipped.others
            report.unreadable = walk.skipped.unreadable
            report.isRecordIncomplete = list?.isIncomplete ?? false
            return report
        }
    }

    /// The verb `cadastre import inventory FILE`.
    struct Inventory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers the objects of an S3 Inventory in CSV, plain or gzip.",
            discussion: """
                Columns: \(InventoryLine.columns.joined(separator: ", ")). Buckets are created if \
                they are missing. A line that is wrong is named by its number and passed over; the \
                exit code is then 65. Older versions and delete markers are counted and passed over.
                Example: cadastre import inventory inventory.csv.gz --tenant acme
                """
        )
        @Argument(help: "The inventory.")
        var file: String
        @OptionGroup
        var pipelineOptions: PipelineOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let source = try InventorySource(path: file)
            let configuration = try pipelineOptions.configuration(options)
            let report = try await CadastreClient.with(configuration) { client throws(Failure) in
                let pipeline = pipelineOptions.pipeline(client)
                return try await onThread { () throws(Failure) in
                    try InventoryImport(client: client, pipeline: pipeline).run(source)
                }
            }
            try report.finish(on: options.console)
        }
    }

    /// Creates the bucket unless the tenant has it.
    static func createBucket(
        _ bucket: [UInt8],
        _ client: CadastreClient
    ) async throws(Failure) {
        let outcome = await client.execute(CreateBucket(name: bucket))
        if outcome.refusal?.reason == .bucketOwnedByYou { return }
        _ = try outcome.get(doing: "creating the bucket \(Escaped.bytes(bucket))")
    }
}

/// What an import did, for people and for programs.
struct ImportReport: Encodable, Sendable {
    /// Files or lines that stand for objects.
    var objects: UInt64 = 0
    var acknowledged: UInt64 = 0
    var failed: UInt64 = 0
    var bytes: UInt64 = 0
    var skipped_links = 0
    var skipped_others = 0
    var skipped_older_versions = 0
    var skipped_delete_markers = 0
    var unreadable = 0
    var bad_lines = 0
    var seconds = 0.0
    var objects_per_second = 0.0
    /// The longest time between two acknowledgements.
    var longest_gap_ms: Int64 = 0
    var failures: [String] = []
    fileprivate(set) var isRecordIncomplete = false

    private enum CodingKeys: String, CodingKey {
        case objects, acknowledged, failed, bytes, skipped_links, skipped_others
        case skipped_older_versions, skipped_delete_markers, unreadable, bad_lines, seconds
        case objects_per_second, longest_gap_ms, failures
    }

    /// Takes what the pipeline counted.
    mutating func take(_ totals: Pipeline.Totals) {
        acknowledged = totals.done
        failed = totals.failed
        bytes = totals.bytes
        failures = totals.failures
        longest_gap_ms = totals.longestGap.inMilliseconds
    }

    /// Prints the report.
    ///
    /// - Throws: `Failure` if something was not imported.
    func finish(on console: Console) throws(Failure) {
        var report = self
        report.objects_per_second = seconds > 0 ? Double(acknowledged) / seconds : 0
        for failure in failures { Console.remark(failure) }
        if failed > UInt64(failures.count) {
            Console.remark("… and \(failed - UInt64(failures.count)) more")
        }
        console.json(report)
        var line =
            "\(Readable.count(acknowledged)) of \(Readable.count(objects)) objects acknowledged, "
            + "\(Readable.size(bytes)), in \(Readable.time(.seconds(seconds))) "
            + "(\(Readable.count(UInt64(report.objects_per_second)))/s, longest gap "
            + "\(longest_gap_ms) ms)"
        for (count, what) in [
            (skipped_links, "links skipped"), (skipped_others, "special files skipped"),
            (skipped_older_versions, "older versions skipped"),
            (skipped_delete_markers, "delete markers skipped"), (unreadable, "unreadable"),
            (bad_lines, "bad lines"),
        ] where count > 0 {
            line += ", \(count) \(what)"
        }
        console.line(line + ".")
        if isRecordIncomplete {
            throw Failure(
                .inputOutput,
                "the list of acknowledged keys could not be written",
                advice: "check the space on its disk and import again"
            )
        }
        if failed > 0 || bad_lines > 0 || unreadable > 0 {
            throw Failure(
                .badData,
                "\(failed) objects, \(bad_lines) lines and \(unreadable) paths were not imported",
                advice: "correct what is named above and import again; the rest is kept"
            )
        }
    }
}
