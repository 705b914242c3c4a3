internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre object …`.
struct ObjectVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "object",
        abstract: "Puts, reads, lists and deletes the metadata of objects.",
        subcommands: [Put.self, Get.self, List.self, Delete.self]
    )

    /// Which object.
    struct KeyOptions: ParsableArguments {
        @Argument(help: "The bucket.")
        var bucket: String
        @Argument(help: "1 to 1024 bytes.")
        var key: String
        @Flag(
            help: ArgumentHelp(
                "KEY is URL-encoded, as in inventories: %NN is a byte. For keys that are not UTF-8."
            )
        )
        var keyEncoded = false

        func validate() throws {
            guard !keyEncoded || URLCoding.decode(key.utf8) != nil else {
                throw ValidationError("'\(Escaped.text(key))' holds a % without two digits")
            }
            guard 1...1024 ~= keyBytes.count else {
                throw ValidationError("the key has \(keyBytes.count) bytes instead of 1 to 1024")
            }
        }

        var bucketBytes: [UInt8] { Array(bucket.utf8) }
        var keyBytes: [UInt8] {
            keyEncoded ? URLCoding.decode(key.utf8) ?? [] : Array(key.utf8)
        }
    }

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

    /// The verb `cadastre object get BUCKET KEY`.
    struct Get: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows an object's metadata.",
            discussion: "Example: cadastre object get photos 2026/lyon.jpg --json"
        )
        @OptionGroup
        var object: KeyOptions
        @OptionGroup
        var read: ReadOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let configuration = try options.settings().requestConfiguration()
            let query = GetObject(bucket: object.bucketBytes, key: object.keyBytes)
            let found = try await CadastreClient.with(configuration) { client throws(Failure) in
                try await client.askDated(query, freshness: read.freshness)
                    .get(doing: "reading the object")
            }
            options.console.json(ObjectOutput(found.value, appliedIndex: found.appliedIndex))
            let lines = Self.lines(found.value) + [("as of index", "\(found.appliedIndex)")]
            for (name, value) in lines {
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

    /// The verb `cadastre object delete BUCKET KEY`.
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes an object's metadata; one that is not there is no error.",
            discussion: "Example: cadastre object delete photos 2026/lyon.jpg"
        )
        @OptionGroup
        var object: KeyOptions
        @OptionGroup
        var preconditions: PreconditionOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = DeleteObject(
                bucket: object.bucketBytes,
                key: object.keyBytes,
                precondition: preconditions.precondition
            )
            let wasThere = try await options.execute(command, "deleting the object")
            options.console.json(["deleted": wasThere])
            options.console.line(wasThere ? "Deleted." : "There was none.")
        }
    }
}
