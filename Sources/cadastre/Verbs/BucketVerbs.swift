internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre bucket …`.
struct BucketVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bucket",
        abstract: "Creates, deletes and shows buckets of the tenant.",
        subcommands: [Create.self, Delete.self, Show.self, List.self]
    )

    /// The verb `cadastre bucket create NAME`.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a bucket.",
            discussion: "Example: cadastre bucket create photos --tenant acme"
        )
        @Argument(help: "3 to 63 characters of a-z 0-9 . -, unique in the cluster.")
        var name: String
        @Flag(help: "Succeed if the tenant has the bucket already.")
        var ifMissing = false
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let configuration = try options.settings().requestConfiguration()
            let id = try await CadastreClient.with(configuration) { client throws(Failure) in
                let outcome = await client.execute(CreateBucket(name: Array(name.utf8)))
                if ifMissing, outcome.refusal?.reason == .bucketOwnedByYou {
                    return try await client.ask(GetBucket(name: Array(name.utf8)))
                        .get(doing: "reading the bucket").id
                }
                return try outcome.get(doing: "creating the bucket")
            }
            options.console.json(IDOutput(id: id))
            options.console.line("Bucket \(Escaped.text(name)) has the id \(id).")
        }
    }

    /// The verb `cadastre bucket delete NAME`.
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a bucket that has no object.",
            discussion: "Example: cadastre bucket delete photos --tenant acme"
        )
        @Argument(help: "The bucket.")
        var name: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            try await options.finish(DeleteBucket(name: Array(name.utf8)), "deleting the bucket")
        }
    }

    /// The verb `cadastre bucket show NAME`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a bucket and what it holds.",
            discussion: "Example: cadastre bucket show photos --tenant acme"
        )
        @Argument(help: "The bucket.")
        var name: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let bucket = try await options.ask(
                GetBucket(name: Array(name.utf8)),
                "reading the bucket"
            )
            options.console.json(BucketOutput(bucket))
            options.console.line(BucketVerbs.table([bucket]))
        }
    }

    /// The verb `cadastre bucket list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the tenant's buckets.",
            discussion: "Example: cadastre bucket list --tenant acme --prefix backup-"
        )
        @Option(help: "Only names that begin with this.")
        var prefix = ""
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let buckets = try await options.askAll("listing the buckets") {
                ListBuckets(prefix: Array(prefix.utf8), after: $0)
            }
            options.console.json(["buckets": buckets.map { BucketOutput($0) }])
            options.console.line(BucketVerbs.table(buckets))
        }
    }

    private static func table(_ buckets: [Bucket]) -> String {
        var table = Table([
            ("BUCKET", .left), ("ID", .right), ("OBJECTS", .right), ("SIZE", .right),
            ("CREATED", .left),
        ])
        for bucket in buckets {
            table.add([
                Escaped.bytes(bucket.name),
                String(bucket.id),
                Readable.count(bucket.usage.objects),
                Readable.size(bucket.usage.bytes),
                Timestamp.text(bucket.createdMilliseconds),
            ])
        }
        return table.text
    }
}

/// A bucket for programs.
struct BucketOutput: Encodable {
    var id: UInt64
    var name: NameOutput
    var epoch: UInt64
    var usage: Usage
    var created_ms: UInt64

    /// Takes a bucket.
    init(_ bucket: Bucket) {
        id = bucket.id
        name = NameOutput(bucket.name)
        epoch = bucket.epoch
        usage = bucket.usage
        created_ms = bucket.createdMilliseconds
    }
}

/// The verb `cadastre usage [BUCKET]`.
struct UsageVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Shows what the tenant holds, or one bucket of it.",
        discussion: "Example: cadastre usage photos --tenant acme"
    )
    @Argument(help: "The bucket; without it the whole tenant.")
    var bucket: String?
    @OptionGroup
    var options: ClusterOptions

    func run() async throws {
        let query = GetUsage(bucket: bucket.map { Array($0.utf8) })
        let usage = try await options.ask(query, "reading the usage")
        options.console.json(usage)
        options.console.line(
            "\(Readable.count(usage.buckets)) buckets, \(Readable.count(usage.objects)) objects, "
                + "\(Readable.size(usage.bytes)) (\(Readable.count(usage.bytes)) bytes)"
        )
    }
}
