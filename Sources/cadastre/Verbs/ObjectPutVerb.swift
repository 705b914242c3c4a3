internal import ArgumentParser
internal import CadastreClient
internal import CadastreDisk

extension ObjectVerbs {
    /// The verb `cadastre object put BUCKET KEY`.
    struct Put: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Puts an object's metadata, of a file or as said by options.",
            discussion: "Example: cadastre object put photos 2026/lyon.jpg --file lyon.jpg"
        )
        @OptionGroup
        var object: KeyOptions
        @Option(help: "Take size, SHA-256, entity tag, time and content type from this file.")
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
            if let sha256, Hexadecimal.decode(sha256)?.count != 32 {
                throw ValidationError("--sha256 is not 64 hexadecimal digits")
            }
            _ = try (metadata + tag).map(Self.attribute)
        }

        func run() async throws {
            var put = PutObject(
                bucket: object.bucketBytes,
                key: object.keyBytes,
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
            do throws(FileFacts.Unreadable) {
                return try FileFacts(
                    path: Array(path.utf8),
                    key: object.keyBytes,
                    links: .followed,
                    hash: SHA256(),
                    buffer: &buffer
                )
            } catch {
                throw Failure(
                    .missingInput,
                    "the file \(Escaped.text(path)) cannot be read: \(error.reason)",
                    advice: "check the path and its permissions"
                )
            }
        }

        private static func attribute(_ text: String) throws -> Attribute {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty else {
                throw ValidationError("'\(Escaped.text(text))' is not name=value")
            }
            return Attribute(name: Array(parts[0].utf8), value: Array(parts[1].utf8))
        }
    }
}
