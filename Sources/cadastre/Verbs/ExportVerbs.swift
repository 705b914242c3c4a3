internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre export …`.
struct ExportVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Writes what is registered into a file.",
        subcommands: [Inventory.self]
    )

    /// The verb `cadastre export inventory FILE`.
    struct Inventory: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes an S3 Inventory in CSV of one bucket, or of all of the tenant.",
            discussion: """
                What stands in FILE is replaced when all is written. \
                Columns: \(InventoryColumns.names.joined(separator: ", ")). A name that ends in .gz \
                is compressed with gzip; - is standard output.
                Example: cadastre export inventory inventory.csv.gz --tenant acme
                """
        )
        /// For programs.
        private struct Output: Encodable {
            var objects: UInt64
            var buckets: Int
            var bytes: UInt64
            var seconds: Double
        }
        @Argument(help: "Where to write it.")
        var file: String
        @Option(help: "Only this bucket; may be repeated.")
        var bucket: [String] = []
        @OptionGroup
        var options: ClusterOptions

        func validate() throws {
            if file == "-", options.output.json {
                throw ValidationError("--json needs standard output for itself; name a file")
            }
        }

        func run() async throws {
            let settings = try options.settings()
            var configuration = try settings.requestConfiguration()
            configuration.deadline = settings.deadline ?? .seconds(60)
            let output = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await export(client)
            }
            options.console.json(output)
            if file != "-" {
                options.console.line(
                    "\(Readable.count(output.objects)) objects of \(output.buckets) buckets "
                        + "written in \(Readable.time(.seconds(output.seconds)))."
                )
            }
        }

        private func export(_ client: CadastreClient) async throws(Failure) -> Output {
            var buckets = bucket.map { Array($0.utf8) }
            if buckets.isEmpty { buckets = try await Self.allBuckets(client) }
            var total: UInt64 = 0
            for bucket in buckets {
                let query = GetUsage(bucket: bucket)
                let usage = try await client.ask(query).get(doing: "reading the usage")
                total &+= usage.objects
            }
            let destination = try InventoryDestination(path: file)
            do throws(Failure) {
                let output = try await write(buckets, total, to: destination, client)
                try destination.finish()
                return output
            } catch {
                destination.abandon()
                throw error
            }
        }

        /// Writes every object; stops when nobody reads any more.
        private func write(
            _ buckets: [[UInt8]],
            _ total: UInt64,
            to destination: InventoryDestination,
            _ client: CadastreClient
        ) async throws(Failure) -> Output {
            let progress = Progress("objects", total: total)
            defer { progress.finish() }
            var output = Output(objects: 0, buckets: buckets.count, bytes: 0, seconds: 0)
            for bucket in buckets {
                var after: [UInt8] = []
                while !Console.isOutputLost {
                    if Interruption.isRequested {
                        throw Interruption.failure(
                            "the export was stopped by a signal after \(output.objects) objects",
                            advice: "run it again; the file was not touched"
                        )
                    }
                    let query = ListObjects(bucket: bucket, after: after)
                    let page = try await client.ask(query).get(doing: "listing the objects")
                    for case .object(let object) in page.elements {
                        let line = InventoryLine(
                            bucket: bucket,
                            key: object.key,
                            size: object.size,
                            modifiedMilliseconds: object.modifiedMilliseconds,
                            etag: object.etag
                        )
                        try destination.add(line)
                        output.objects += 1
                        output.bytes &+= object.size
                    }
                    progress.add(UInt64(page.elements.count))
                    guard page.isTruncated, page.next != after else { break }
                    after = page.next
                }
            }
            output.seconds = progress.elapsed.inSeconds
            return output
        }

        private static func allBuckets(
            _ client: CadastreClient
        ) async throws(Failure) -> [[UInt8]] {
            var names: [[UInt8]] = []
            while true {
                let query = ListBuckets(after: names.last ?? [])
                let page = try await client.ask(query).get(doing: "listing the buckets")
                names += page.elements.map(\.name)
                guard page.isTruncated, !page.elements.isEmpty else { return names }
            }
        }
    }
}
