internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre bench …`.
struct BenchVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures a running cluster.",
        discussion: """
            In a closed loop each client sends again when it has its answer. With --rate the loop is \
            open: operations are due at random times of that mean rate, whatever is answered, and \
            their latency counts from when they were due.
            """,
        subcommands: [
            Put.self, Get.self, List.self, Mixed.self, Batch.self, WorkloadVerb.self,
        ]
    )

    /// In which order keys are used.
    enum KeyOrder: String, ExpressibleByArgument, CaseIterable, Sendable {
        case random
        case sequential
    }

    /// The load.
    struct LoadOptions: ParsableArguments {
        @Option(help: "Clients, each with one operation on its way: at most so many are.")
        var clients = 64
        @Option(help: "Connections that they share.")
        var connections = 4
        @Option(help: "How long to measure.")
        var seconds = 10.0
        @Option(help: "How long to run before that.")
        var warmUp = 2.0
        @Option(
            help: ArgumentHelp(
                "Open loop: operations due in a second, Poisson arrivals; 0 is the closed loop.",
                valueName: "per-second"
            )
        )
        var rate: Double?
        @Option(help: "random or sequential.")
        var keys = KeyOrder.random
        @Option(help: "How many different keys; 100000, of a mixed load 64.")
        var keyCount: UInt64?
        @Option(
            help: ArgumentHelp(
                """
                What keys look like: plain (64 bytes), K1 hashed, K2 Hive, K3 backup, K4 media, \
                K5 logs, K6 200 to 900 bytes not all of ASCII.
                """,
                valueName: "shape"
            )
        )
        var shape: KeyShape?
        @Option(
            help: ArgumentHelp(
                "uniform, or zipf: of random keys the newest most often.",
                valueName: "law"
            )
        )
        var popularity: Popularity?
        @Option(help: "How much more often, above 0 and below 1.")
        var theta = 0.99
        @Option(
            help: ArgumentHelp(
                "plain, or log-normal: median 30 kB, 85 of 100 below 1 MB, and user metadata.",
                valueName: "sizes"
            )
        )
        var sizes: ObjectSizes?
        @Option(help: "Bytes of opaque locations in each object.")
        var valueSize = 256
        @Option(help: "The bucket, created if it is missing; bench, or one for each shape of keys.")
        var bucket: String?
        @Option(help: "The seed of everything random.")
        var seed: UInt64 = 1
        @Option(
            help: ArgumentHelp(
                "An operator's profile, to read what the nodes use; a profile can name it itself.",
                valueName: "file"
            )
        )
        var administrationProfile: String?
        @Option(
            help: ArgumentHelp(
                "Write what each client asked and was told, for cadastre history check.",
                valueName: "file"
            )
        )
        var history: String?
        @Option(
            help: ArgumentHelp(
                "Write a page with pictures of latency and throughput, and the numbers behind it.",
                valueName: "folder"
            )
        )
        var report: String?
        @OptionGroup
        var options: ClusterOptions

        func validate() throws {
            guard 1...4096 ~= clients else { throw ValidationError("--clients must be 1 to 4096") }
            guard 1...64 ~= connections else {
                throw ValidationError("--connections must be 1 to 64")
            }
            guard seconds > 0, seconds <= 86_400, warmUp >= 0, warmUp <= 3600 else {
                throw ValidationError("--seconds must be 0 to 86400, --warm-up 0 to 3600")
            }
            guard 1...9_999_999_999 ~= keyCount ?? 1 else {
                throw ValidationError("--key-count must be 1 to 9999999999")
            }
            guard 0...65_536 ~= valueSize else {
                throw ValidationError("--value-size must be 0 to 65536")
            }
            guard rate == nil || rate == 0 || 0.001...1_000_000 ~= rate ?? 0 else {
                throw ValidationError("--rate must be 0, or 0.001 to 1000000")
            }
            guard theta > 0, theta < 1 else {
                throw ValidationError("--theta must be more than 0 and less than 1")
            }
            try checkRoom(for: clients)
        }

        /// The library takes 256 MiB of requests; what it refuses would be measured as refused.
        ///
        /// - Throws: `ValidationError` if so many requests at once are more than that.
        func checkRoom(for requests: Int) throws {
            guard requests <= (256 << 20) / (valueSize + 4096) else {
                throw ValidationError(
                    "\(requests) requests at once with --value-size \(valueSize) are more than the "
                        + "256 MiB that a client may have on its way"
                )
            }
        }
    }

    /// The verb `cadastre bench put`.
    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts objects.",
            discussion: "Example: cadastre bench put --clients 64 --connections 4 --seconds 10"
        )
        @OptionGroup
        var load: LoadOptions
        func run() async throws { try await Bench(BenchPlan(.put, load), load).run() }
    }

    /// The verb `cadastre bench get`.
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads objects, which it puts first unless they are there.",
            discussion: "Example: cadastre bench get --clients 64 --key-count 10000"
        )
        @OptionGroup
        var load: LoadOptions
        func run() async throws { try await Bench(BenchPlan(.get, load), load).run() }
    }

    /// The verb `cadastre bench list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists objects under a prefix, which it puts first unless they are there.",
            discussion: """
                Each list is one page from the beginning of a prefix that holds a page of keys.
                Example: cadastre bench list --clients 16 --page 1000 --key-count 100000
                """
        )
        @Option(help: "Objects in a page.")
        var page = 100
        @OptionGroup
        var load: LoadOptions

        func validate() throws {
            guard 1...1000 ~= page else { throw ValidationError("--page must be 1 to 1000") }
        }

        func run() async throws { try await Bench(BenchPlan(.list(page), load), load).run() }
    }

    /// The verb `cadastre bench batch`.
    struct Batch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts objects in batches, each of which happens whole or not at all.",
            discussion: """
                A batch is one command. An operation is a batch, a record a put.
                Example: cadastre bench batch --batch 100 --clients 16 --seconds 10
                """
        )
        @Option(help: "Puts in a batch.")
        var batch = 100
        @OptionGroup
        var load: LoadOptions

        func validate() throws {
            guard 1...1000 ~= batch else { throw ValidationError("--batch must be 1 to 1000") }
            guard batch <= (4 << 20) / (load.valueSize + 1_536) else {
                throw ValidationError(
                    "a batch of \(batch) puts with --value-size \(load.valueSize) is more than the "
                        + "4 MiB that a command may have"
                )
            }
            try load.checkRoom(for: batch * load.clients)
        }

        func run() async throws { try await Bench(BenchPlan(.batch(batch), load), load).run() }
    }

    /// The verb `cadastre bench mixed`.
    struct Mixed: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts, deletes, reads and lists few objects that all clients share.",
            discussion: """
                Some of the changes are under a condition. With --history this is the load whose \
                history says most about a cluster: give it while nodes are killed and links cut.
                Example: cadastre bench mixed --clients 16 --seconds 60 --history run.jsonl
                then:    cadastre history check run.jsonl
                """
        )
        @OptionGroup
        var load: LoadOptions
        func run() async throws { try await Bench(BenchPlan(.mixed, load), load).run() }
    }

    /// The verb `cadastre bench workload`.
    struct WorkloadVerb: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "workload",
            abstract: "Does what services do with object metadata.",
            discussion: """
                Options say otherwise than the workload does; --rate 0 makes its loop closed.
                \(WorkloadID.table)
                What W9 lists may grow meanwhile: run W3 beside it.
                Example: cadastre bench workload W1 --rate 2000 --seconds 60 --report w1
                """
        )
        @Argument(help: ArgumentHelp("W1 to W12.", valueName: "workload"))
        var workload: WorkloadID
        @OptionGroup
        var load: LoadOptions
        func run() async throws { try await Bench(try BenchPlan(workload, load), load).run() }
    }
}
