internal import ArgumentParser
internal import CadastreClient
internal import CadastreDisk

/// The verb `cadastre object …`.
struct ObjectVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "object",
        abstract: "Puts, reads, lists and deletes the metadata of objects.",
        subcommands: [Put.self, Get.self, List.self, Delete.self]
    )

    /// What must hold of the object that is there.
    struct PreconditionOptions: ParsableArguments {
        @Flag(help: "Only if there is no such object.")
        var ifAbsent = false
        @Flag(help: "Only if there is such an object.")
        var ifPresent = false
        @Option(help: "Only if its entity tag is this; may be repeated.")
        var ifMatch: [String] = []

        var precondition: Precondition? {
            if ifAbsent { return .ifAbsent }
            if ifPresent { return .ifPresent }
            return ifMatch.isEmpty ? nil : .ifMatch(ifMatch.map { Array($0.utf8) })
        }

        func validate() throws {
            let count = (ifAbsent ? 1 : 0) + (ifPresent ? 1 : 0) + (ifMatch.isEmpty ? 0 : 1)
            guard count <= 1 else {
                throw ValidationError("give one of --if-absent, --if-present and --if-match")
            }
        }
    }

    /// The verb `cadastre object put BUCKET KEY`.
    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts an object's metadata, of a file or as said by options.",
            discussion: "Example: cadastre object put photos 2026/lyon.jpg --file lyon.jpg"
        )
        @Argument(help: "The bucket.")
        var bucket: String
        @Argument(help: "1 to 1024 bytes.")
        var key: String
        @Option(help: "Take size, checksum, entity tag, time and content type from this file.")
        var file: String?
        @Option(help: "The content's size in bytes.")
        var size: UInt64?
        @Option(help: "The entity tag, without quotes.")
        var etag: String?
        @Option(help: "The content's SHA-256, 64 hexadecimal digits.")
        var sha256: String?
        @Option(help: "The content type.")
        var contentType: String?
        @Option(help: ArgumentHelp("User metadata; may be repeated.", valueName: "name=value"))
        var metadata: [String] = []
        @Option(help: ArgumentHelp("A tag; may be repeated.", valueName: "name=value"))
        var tag: [String] = []
        @Option(help: "Where the bytes are; kept as it is.")
        var location: String?
        @OptionGroup
        var preconditions: PreconditionOptions
        @OptionGroup
        var options: ClusterOptions

        func validate() throws {
            guard (file == nil) != (size == nil) else {
                throw ValidationError("give either --file or --size")
            }
            guard 1...1024 ~= key.utf8.count else {
                throw ValidationError("the key has \(key.utf8.count) bytes instead of 1 to 1024")
            }
            if let sha256, Hexadecimal.decode(sha256)?.count != 32 {
                throw ValidationError("--sha256 is not 64 hexadecimal digits")
            }
            _ = try (metadata + tag).map(Self.attribute)
        }

        func run() async throws {
            var put = PutObject(
                bucket: Array(bucket.utf8),
                key: Array(key.utf8),
                size: size ?? 0
            )
            if let file { put = try facts(of: file).put(into: put.bucket) }
            if let etag { put.etag = Array(etag.utf8) }
            if let digest = sha256.flatMap({ Hexadecimal.decode($0) }) {
                put.checksum = Checksum(.sha256, digest)
            }
            if let contentType { put.contentType = Array(contentType.utf8) }
            put.metadata = try metadata.map(Self.attribute)
            put.tags = try tag.map(Self.attribute)
            put.locations = Array((location ?? "").utf8)
            put.precondition = preconditions.precondition
            let receipt = try await options.execute(put, "putting the object")
            options.console.json(["sequence": receipt.sequence])
            options.console.line("Done, as change \(receipt.sequence).")
        }

        private func facts(of path: String) throws(Failure) -> FileFacts {
            var buffer = [UInt8](repeating: 0, count: 1 << 17)
            let file = FileWalk.File(
                relativePath: Array(path.utf8),
                path: Array(path.utf8),
                size: 0,
                modifiedMilliseconds: FileWalk.modifiedMilliseconds(path) ?? 0
            )
            guard var facts = FileFacts(file, prefix: [], hash: SHA256(), buffer: &buffer) else {
                throw Failure(
                    .missingInput,
                    "the file \(Escaped.text(path)) cannot be read",
                    advice: "check the path and its permissions"
                )
            }
            facts.key = Array(key.utf8)
            return facts
        }

        private static func attribute(_ text: String) throws -> Attribute {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("'\(Escaped.text(text))' is not name=value")
            }
            return Attribute(name: Array(parts[0].utf8), value: Array(parts[1].utf8))
        }
    }

    /// The verb `cadastre object get BUCKET KEY`.
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows an object's metadata.",
            discussion: "Example: cadastre object get photos 2026/lyon.jpg --json"
        )
        @Argument(help: "The bucket.")
        var bucket: String
        @Argument(help: "The key.")
        var key: String
        @Flag(help: "Accept what any node has, however old.")
        var any = false
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let configuration = try options.settings().requestConfiguration()
            let query = GetObject(bucket: Array(bucket.utf8), key: Array(key.utf8))
            let object = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await client.ask(query, freshness: any ? .any : .linearizable)
                    .get(doing: "reading the object")
            }
            options.console.json(ObjectOutput(object))
            for (name, value) in Self.lines(object) {
                let padding = String(repeating: " ", count: max(1, 14 - name.count))
                options.console.line("\(name):\(padding)\(value)")
            }
        }

        private static func lines(_ object: StoredObject) -> [(String, String)] {
            var lines = [
                ("key", Escaped.bytes(object.key)),
                ("size", "\(Readable.size(object.size)) (\(Readable.count(object.size)) bytes)"),
                ("etag", Escaped.bytes(object.etag)),
                ("modified", Timestamp.text(object.modifiedMilliseconds)),
                ("content type", Escaped.bytes(object.contentType)),
                ("change", String(object.sequence)),
            ]
            if let checksum = object.checksum {
                lines.append(("\(checksum.algorithm)", Hexadecimal.encode(checksum.value)))
            }
            for pair in object.metadata {
                lines.append(
                    ("metadata", "\(Escaped.bytes(pair.name)) = \(Escaped.bytes(pair.value))")
                )
            }
            for pair in object.tags {
                lines.append(("tag", "\(Escaped.bytes(pair.name)) = \(Escaped.bytes(pair.value))"))
            }
            if !object.locations.isEmpty {
                lines.append(("locations", Escaped.bytes(object.locations)))
            }
            return lines
        }
    }

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
                while left > 0 {
                    let query = ListObjects(
                        bucket: Array(bucket.utf8),
                        prefix: Array(prefix.utf8),
                        delimiter: Array(delimiter.utf8),
                        after: after,
                        maximum: min(1000, left)
                    )
                    let page = try await client.ask(query).get(doing: "listing the objects")
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

    /// The verb `cadastre object delete BUCKET KEY`.
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes an object's metadata; one that is not there is no error.",
            discussion: "Example: cadastre object delete photos 2026/lyon.jpg"
        )
        @Argument(help: "The bucket.")
        var bucket: String
        @Argument(help: "The key.")
        var key: String
        @OptionGroup
        var preconditions: PreconditionOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = DeleteObject(
                bucket: Array(bucket.utf8),
                key: Array(key.utf8),
                precondition: preconditions.precondition
            )
            let wasThere = try await options.execute(command, "deleting the object")
            options.console.json(["deleted": wasThere])
            options.console.line(wasThere ? "Deleted." : "There was none.")
        }
    }
}

/// An object for programs.
struct ObjectOutput: Encodable {
    /// A pair of metadata or a tag.
    struct Pair: Encodable {
        var name: NameOutput
        var value: NameOutput
    }

    var key: NameOutput
    var sequence: UInt64
    var size: UInt64
    var etag: NameOutput
    var modified_ms: UInt64
    var content_type: NameOutput
    var checksum_algorithm: String?
    var checksum: String?
    var metadata: [Pair]
    var tags: [Pair]
    var locations: NameOutput

    /// Takes an object.
    init(_ object: StoredObject) {
        key = NameOutput(object.key)
        sequence = object.sequence
        size = object.size
        etag = NameOutput(object.etag)
        modified_ms = object.modifiedMilliseconds
        content_type = NameOutput(object.contentType)
        checksum_algorithm = object.checksum.map { "\($0.algorithm)" }
        checksum = object.checksum.map { Hexadecimal.encode($0.value) }
        metadata = object.metadata.map { Pair(name: .init($0.name), value: .init($0.value)) }
        tags = object.tags.map { Pair(name: .init($0.name), value: .init($0.value)) }
        locations = NameOutput(object.locations)
    }
}
