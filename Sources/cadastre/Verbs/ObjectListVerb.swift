internal import ArgumentParser
internal import CadastreClient

extension ObjectVerbs {
    /// The verb `cadastre object list BUCKET`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists objects in byte order of their keys.",
            discussion: "Example: cadastre object list photos --prefix 2026/ --delimiter /"
        )
        /// One line of the list for programs.
        private struct Output: Encodable {
            var key: NameOutput?
            var prefix: NameOutput?
            var size: UInt64?
            var etag: NameOutput?
            var modified_ms: UInt64?
        }
        @Argument(help: "The bucket.")
        var bucket: String
        @Option(help: "Only keys that begin with this.")
        var prefix = ""
        @Option(help: "Roll up keys that hold this after the prefix.")
        var delimiter = ""
        @Option(help: "Begin behind this key.")
        var after = ""
        @Option(help: "At most so many entries.")
        var limit: Int = .max
        @OptionGroup
        var read: ReadOptions
        @OptionGroup
        var options: ClusterOptions

        func validate() throws {
            guard limit >= 0 else { throw ValidationError("--limit must not be negative") }
        }

        func run() async throws {
            let configuration = try options.settings().requestConfiguration()
            let console = options.console
            try await CadastreClient.with(configuration) { client throws(Failure) in
                var after = Array(self.after.utf8)
                var left = limit
                while left > 0, !Console.isOutputLost {
                    let query = ListObjects(
                        bucket: Array(bucket.utf8),
                        prefix: Array(prefix.utf8),
                        delimiter: Array(delimiter.utf8),
                        after: after,
                        maximum: min(1000, left)
                    )
                    let page = try await client.ask(query, freshness: read.freshness).get(
                        doing: "listing the objects"
                    )
                    for item in page.elements { Self.show(item, on: console) }
                    left -= page.elements.count
                    guard page.isTruncated, page.next != after else { return }
                    after = page.next
                }
            }
        }

        /// With `--json` each entry is a line of its own, so that lists of any length can be read.
        private static func show(_ item: ListedItem, on console: Console) {
            switch item {
            case .object(let object):
                console.json(
                    Output(
                        key: NameOutput(object.key),
                        size: object.size,
                        etag: NameOutput(object.etag),
                        modified_ms: object.modifiedMilliseconds
                    )
                )
                let size = Readable.size(object.size)
                let padding = String(repeating: " ", count: max(0, 10 - size.count))
                console.line(
                    "\(Timestamp.text(object.modifiedMilliseconds))  \(padding)\(size)  "
                        + Escaped.bytes(object.key)
                )
            case .commonPrefix(let prefix):
                console.json(Output(prefix: NameOutput(prefix)))
                let space = String(repeating: " ", count: 26)
                console.line("\(space)  prefix  \(Escaped.bytes(prefix))")
            }
        }
    }
}
