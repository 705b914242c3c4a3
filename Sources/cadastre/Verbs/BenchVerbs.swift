internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre bench …`.
struct BenchVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measures a running cluster with a closed loop of clients.",
        subcommands: [Put.self, Get.self, List.self, Mixed.self, Batch.self]
    )

    /// In which order keys are used.
    enum KeyOrder: String, ExpressibleByArgument, CaseIterable, Sendable {
        case random
        case sequential
    }

    /// The load.
    struct LoadOptions: ParsableArguments {
        @Option(help: "Clients, each with one request on its way.")
        var clients = 64
        @Option(help: "Connections that they share.")
        var connections = 4
        @Option(help: "How long to measure.")
        var seconds = 10.0
        @Option(help: "How long to run before that.")
        var warmUp = 2.0
        @Option(help: "random or sequential.")
        var keys = KeyOrder.random
        @Option(help: "How many different keys; 100000, of a mixed load 64.")
        var keyCount: UInt64?
        @Option(help: "Bytes of opaque locations in each object.")
        var valueSize = 256
        @Option(help: "The bucket; created if it is missing.")
        var bucket = "bench"
        @Option(help: "The seed of random keys.")
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
        @OptionGroup
        var options: ClusterOptions

        /// How many different keys there are.
        func keyCount(for kind: Bench.Kind) -> UInt64 {
            keyCount ?? (kind == .mixed ? 64 : 100_000)
        }

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
        func run() async throws { try await Bench(load, .put).run() }
    }

    /// The verb `cadastre bench get`.
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Reads objects, which it puts first unless they are there.",
            discussion: "Example: cadastre bench get --clients 64 --key-count 10000"
        )
        @OptionGroup
        var load: LoadOptions
        func run() async throws { try await Bench(load, .get).run() }
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

        func run() async throws { try await Bench(load, .list(page)).run() }
    }

    /// The verb `cadastre bench batch`.
    struct Batch: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts objects in batches that are waited for together.",
            discussion: """
                The puts of a batch are given to the client library in one go; each is a command of \
                its own, done or refused by itself. An operation is a batch, a record a put.
                Example: cadastre bench batch --batch 100 --clients 16 --seconds 10
                """
        )
        @Option(help: "Puts in a batch.")
        var batch = 100
        @OptionGroup
        var load: LoadOptions

        func validate() throws {
            guard 1...1000 ~= batch else { throw ValidationError("--batch must be 1 to 1000") }
            guard load.clients <= 65_536 / batch else {
                throw ValidationError("--batch times --clients must be at most 65536")
            }
        }

        func run() async throws { try await Bench(load, .batch(batch)).run() }
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
        func run() async throws { try await Bench(load, .mixed).run() }
    }
}
