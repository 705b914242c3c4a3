internal import ArgumentParser
internal import CadastreClient

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
        ///
        /// A request keeps its identity as long as it may take, unless `--deadline` says less.
        func configuration(_ options: ClusterOptions) throws(Failure) -> ClientConfiguration {
            let settings = try options.settings()
            var configuration = try settings.requestConfiguration()
            configuration.connectionCount = connections
            configuration.sessionSlots = UInt32(inFlight)
            configuration.deadline = settings.deadline ?? .seconds(patience)
            return configuration
        }

        /// A pipeline of this width.
        func pipeline(
            _ client: CadastreClient,
            _ configuration: ClientConfiguration,
            _ progress: Progress? = nil
        ) -> Pipeline {
            Pipeline(
                client,
                width: inFlight,
                deadline: configuration.deadline,
                patience: .seconds(patience),
                progress: progress
            )
        }
    }

    /// What an import does with what is there already.
    struct RepetitionOptions: ParsableArguments {
        @Flag(help: "Leave objects as they are that are there already, and count them.")
        var ifAbsent = false
        @Option(
            help: ArgumentHelp(
                "Append each key to this file once it is acknowledged, and pass over keys that "
                    + "an earlier import wrote there. Kept in memory: some 100 bytes a key.",
                valueName: "file"
            )
        )
        var record: String?

        var precondition: Precondition? { ifAbsent ? .ifAbsent : nil }

        /// Opens the list, if one is asked for.
        ///
        /// - Throws: `Failure` if it cannot be opened or is no such list.
        func list() throws(Failure) -> AcknowledgedList? {
            try record.map { path throws(Failure) in
                let list = try AcknowledgedList(path: path)
                if list.earlierCount > 0 {
                    Console.remark(
                        "\(Readable.count(UInt64(list.earlierCount))) keys in "
                            + "\(Escaped.text(path)) were acknowledged before"
                    )
                }
                return list
            }
        }
    }

    /// The verb `cadastre import directory PATH`.
    struct Directory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers every regular file of a folder under its path.",
            discussion: """
                Keeps each file's size, SHA-256, time and content type. An object that is there \
                already is replaced, unless --if-absent is given. Symbolic links are skipped and \
                counted; a file that cannot be read is named, and the exit code is then 65. After \
                an interruption, or when files were added, the same --record goes on where it was; \
                a file that changed since is not looked at again.
                Example: cadastre import directory /usr/share/doc --bucket doc --tenant acme
                """
        )
        @Argument(help: "The folder.")
        var path: String
        @Option(help: "The bucket; created if it is missing.")
        var bucket: String
        @Option(help: "Before each key.")
        var prefix = ""
        @OptionGroup
        var repetition: RepetitionOptions
        @OptionGroup
        var pipelineOptions: PipelineOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            // Before anything is sent: a wrong path must not leave a bucket behind.
            let walk = try FileWalk(path)
            let work = DirectoryImport(
                bucket: Array(bucket.utf8),
                prefix: Array(prefix.utf8),
                precondition: repetition.precondition,
                list: try repetition.list()
            )
            let configuration = try pipelineOptions.configuration(options)
            let pipelineOptions = pipelineOptions
            let report = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await ImportVerbs.createBucket(work.bucket, client)
                return try await onThread { () throws(Failure) in
                    work.run(walk) { pipelineOptions.pipeline(client, configuration, $0) }
                }
            }
            try report.finish(on: options.console)
        }
    }

    /// The verb `cadastre import inventory FILE …`.
    struct Inventory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Registers the objects of an S3 Inventory in CSV, plain or gzip.",
            discussion: """
                Each FILE is a CSV file, compressed or not, the manifest.json of an inventory whose \
                data files lie beside it as S3 stores them, or - for standard input.
                Columns: \(InventoryColumns.names.joined(separator: ", ")); others and another \
                order are accepted if a first line or the manifest names them. An object that is \
                there already is replaced, unless --if-absent is given. Buckets are created if \
                they are missing. A line that is wrong, or whose bucket cannot be had, is named by \
                its number and passed over; the exit code is then 65. Older versions and delete \
                markers are counted and passed over.
                Example: cadastre import inventory inventory.csv.gz --tenant acme
                """
        )
        @Argument(help: "The inventory.")
        var file: [String]
        @OptionGroup
        var repetition: RepetitionOptions
        @OptionGroup
        var pipelineOptions: PipelineOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            // Before anything is sent: a file that is missing must not leave half an inventory.
            let files = try InventoryFiles(file)
            let list = try repetition.list()
            let configuration = try pipelineOptions.configuration(options)
            let (pipelineOptions, precondition) = (pipelineOptions, repetition.precondition)
            let report = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await onThread { () throws(Failure) in
                    let progress = Progress("objects")
                    let work = InventoryImport(
                        client: client,
                        pipeline: pipelineOptions.pipeline(client, configuration, progress),
                        progress: progress,
                        precondition: precondition,
                        patience: .seconds(pipelineOptions.patience),
                        list: list
                    )
                    return work.run(files)
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
