/// The whole new object, visible at once or not at all.
///
/// What was read stays where it was read, all puts of an entry in the entry's memory, but for metadata,
/// tags and a precondition, which most objects have not.
package struct PutObject: Sendable {
    /// Its bytes: bucket, key, entity tag, checksum, content type and data locations.
    package private(set) var parts: ObjectParts
    /// Of the bytes of the checksum; nil: there is none.
    package private(set) var checksumAlgorithm: Checksum.Algorithm?
    /// Bytes of the object, at most 2^62.
    package var size: UInt64
    /// User metadata: ascending by name, each name once; at most 64 pairs and 2 KiB.
    package var metadata: [Attribute]
    /// Tags: ascending by name, each name once; at most 10.
    package var tags: [Attribute]
    /// What must hold for the put to be done.
    package var precondition: Precondition?
    /// When the content was last changed, as the service says; nil: the cluster time of the put.
    package var modifiedMilliseconds: UInt64?

    /// Composes the command.
    package init(
        bucket: [UInt8],
        key: [UInt8],
        size: UInt64,
        etag: [UInt8] = [],
        checksum: Checksum? = nil,
        contentType: [UInt8] = [],
        metadata: [Attribute] = [],
        tags: [Attribute] = [],
        locations: [UInt8] = [],
        precondition: Precondition? = nil,
        modifiedMilliseconds: UInt64? = nil
    ) {
        parts = ObjectParts(
            bucket: bucket,
            key: key,
            etag: etag,
            checksum: checksum?.value ?? [],
            contentType: contentType,
            locations: locations
        )
        checksumAlgorithm = checksum?.algorithm
        self.size = size
        self.metadata = metadata
        self.tags = tags
        self.precondition = precondition
        self.modifiedMilliseconds = modifiedMilliseconds
    }

    // MARK: Parts

    /// In which bucket.
    package var bucket: [UInt8] {
        get { parts.copy(.bucket) }
        set { parts.replace(.bucket, by: newValue) }
    }
    /// Under which key: 1…1024 bytes, any.
    package var key: [UInt8] {
        get { parts.copy(.key) }
        set { parts.replace(.key, by: newValue) }
    }
    /// Its entity tag, without quotes, at most 128 bytes.
    package var etag: [UInt8] {
        get { parts.copy(.etag) }
        set { parts.replace(.etag, by: newValue) }
    }
    /// A digest of its bytes.
    package var checksum: Checksum? {
        get { checksumAlgorithm.map { Checksum(algorithm: $0, value: parts.copy(.checksum)) } }
        set {
            checksumAlgorithm = newValue?.algorithm
            parts.replace(.checksum, by: newValue?.value ?? [])
        }
    }
    /// Its content type, at most 256 bytes.
    package var contentType: [UInt8] {
        get { parts.copy(.contentType) }
        set { parts.replace(.contentType, by: newValue) }
    }
    /// Where its bytes are: opaque to the register, at most 64 KiB.
    package var locations: [UInt8] {
        get { parts.copy(.locations) }
        set { parts.replace(.locations, by: newValue) }
    }

    /// Where the parts lie, among other bytes.
    package var memory: [UInt8] {
        @inline(__always)
        get { parts.memory }
    }

    /// Where a part lies in ``memory``.
    @inline(__always)
    package func range(of part: ObjectParts.Part) -> Range<Int> { parts[part] }
}

extension PutObject: Hashable {
    /// Whether both say the same, wherever it lies.
    package static func == (left: Self, right: Self) -> Bool {
        left.size == right.size && left.checksumAlgorithm == right.checksumAlgorithm
            && left.metadata == right.metadata && left.tags == right.tags
            && left.precondition == right.precondition
            && left.modifiedMilliseconds == right.modifiedMilliseconds
            && left.parts == right.parts
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(size)
        hasher.combine(checksumAlgorithm)
        hasher.combine(metadata)
        hasher.combine(tags)
        hasher.combine(precondition)
        hasher.combine(modifiedMilliseconds)
        hasher.combine(parts)
    }
}

// MARK: - Bytes

extension PutObject: CommandContent {
    func append(to bytes: inout [UInt8]) {
        let memory = memory.span
        bytes.append(field: 1, memory.extracting(range(of: .bucket)))
        bytes.append(field: 2, memory.extracting(range(of: .key)))
        bytes.append(field: 3, size)
        bytes.append(field: 4, memory.extracting(range(of: .etag)))
        if let checksumAlgorithm {
            let value = memory.extracting(range(of: .checksum))
            Checksum.append(field: 5, checksumAlgorithm, value, to: &bytes)
        }
        bytes.append(field: 6, memory.extracting(range(of: .contentType)))
        for pair in metadata { pair.append(field: 7, to: &bytes) }
        for tag in tags { tag.append(field: 8, to: &bytes) }
        bytes.append(field: 9, memory.extracting(range(of: .locations)))
        precondition?.append(field: 10, to: &bytes)
        if let modifiedMilliseconds { bytes.append(presentField: 11, modifiedMilliseconds) }
    }

    /// Reads the schema's message, and stays where it lies: it keeps all of this memory.
    init(_ reader: consuming FieldReader, lyingIn memory: [UInt8]) throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        let bytes = memory.span
        var parts = ObjectParts(in: memory)
        var size: UInt64 = 0
        var algorithm: Checksum.Algorithm?
        var metadata: [Attribute] = []
        var tags: [Attribute] = []
        var precondition: Precondition?
        var modified: UInt64?
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                parts[.bucket] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.bucketNameSize.upperBound,
                    .invalidName
                )
            case 2:
                parts[.key] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.keySize.upperBound,
                    .invalidKey
                )
            case 3: size = try reader.integer(field, in: bytes)
            case 4:
                parts[.etag] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumEntityTagSize
                )
            case 5:
                (algorithm, parts[.checksum]) = try Checksum.read(
                    reader.message("Checksum", field, in: bytes),
                    in: bytes
                )
            case 6:
                parts[.contentType] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumContentTypeSize
                )
            case 7:
                try reader.checkCount(metadata.count, field, maximum: Bound.maximumMetadataPairs)
                metadata.append(
                    try Attribute(reader.elementMessage("Attribute", field, in: bytes), in: bytes)
                )
            case 8:
                try reader.checkCount(tags.count, field, maximum: Bound.maximumTags)
                tags.append(
                    try Attribute(reader.elementMessage("Attribute", field, in: bytes), in: bytes)
                )
            case 9:
                parts[.locations] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumLocationsSize
                )
            case 10:
                precondition = try Precondition(
                    reader.message("Precondition", field, in: bytes),
                    in: bytes
                )
            case 11: modified = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.parts = parts
        checksumAlgorithm = algorithm
        self.size = size
        self.metadata = metadata
        self.tags = tags
        self.precondition = precondition
        modifiedMilliseconds = modified
    }
}

// MARK: - Rules

extension PutObject {
    package func validate() throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        try Names.checkBucket(memory.span.extracting(parts[.bucket]))
        try Names.checkKey(size: parts[.key].count)
        guard size <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the size is above 2^62")
        }
        guard modifiedMilliseconds ?? 0 <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the time of change is above 2^62")
        }
        try Self.checkSize(
            parts[.etag].count,
            "the entity tag",
            maximum: Bound.maximumEntityTagSize
        )
        try checksumAlgorithm?.check(size: parts[.checksum].count)
        try Self.checkSize(
            parts[.contentType].count,
            "the content type",
            maximum: Bound.maximumContentTypeSize
        )
        try validateMetadata()
        try validateTags()
        try Self.checkSize(
            parts[.locations].count,
            "the data location",
            maximum: Bound.maximumLocationsSize
        )
        try precondition?.validate()
    }

    private func validateMetadata() throws(ProtocolError) {
        guard metadata.count <= ProtocolLimits.maximumMetadataPairs else {
            throw .outOfBounds(
                .invalidValue,
                "the user metadata",
                metadata.count,
                0...ProtocolLimits.maximumMetadataPairs,
                unit: "pairs"
            )
        }
        try Attribute.checkOrder(metadata, "the user metadata")
        let size = metadata.reduce(0) { $0 + $1.name.count + $1.value.count }
        guard size <= ProtocolLimits.maximumMetadataSize else {
            throw .outOfBounds(
                .invalidValue,
                "the user metadata",
                size,
                0...ProtocolLimits.maximumMetadataSize
            )
        }
    }

    private func validateTags() throws(ProtocolError) {
        guard tags.count <= ProtocolLimits.maximumTags else {
            throw .outOfBounds(
                .invalidValue,
                "the object",
                tags.count,
                0...ProtocolLimits.maximumTags,
                unit: "tags"
            )
        }
        try Attribute.checkOrder(tags, "the tags")
        for tag in tags {
            try Self.checkSize(
                tag.name.count,
                "the name of a tag",
                maximum: ProtocolLimits.tagNameSize.upperBound
            )
            try Self.checkSize(
                tag.value.count,
                "the value of a tag",
                maximum: ProtocolLimits.maximumTagValueSize
            )
        }
    }

    private static func checkSize(
        _ size: Int,
        _ what: StaticString,
        maximum: Int
    ) throws(ProtocolError) {
        guard size <= maximum else {
            throw .outOfBounds(.invalidValue, what, size, 0...maximum)
        }
    }
}
