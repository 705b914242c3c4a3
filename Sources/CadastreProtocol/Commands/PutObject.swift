/// The whole new object, visible at once or not at all.
///
/// All its bytes are in one piece of memory, except those of metadata, tags and a precondition, which
/// most objects have not. A command goes from stage to stage and from thread to thread: each part in
/// memory of its own would be counted at every step and given back by another thread than took it.
/// Who asks for a part by its name gets a copy; who only looks at it looks at ``parts``.
package struct PutObject: Hashable, Sendable {
    /// What lies in ``parts``, in this order.
    package enum Part: CaseIterable {
        case bucket, key, etag, checksum, contentType, locations
    }

    /// The bytes of all parts, one behind the other.
    package private(set) var parts: [UInt8]
    private var ends = Ends()
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

    /// Where in ``parts`` each of them ends; the last does at their end.
    private struct Ends: Hashable {
        var bucket = 0
        var key = 0
        var etag = 0
        var checksum = 0
        var contentType = 0
    }

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
        var parts: [UInt8] = []
        parts.reserveCapacity(
            bucket.count + key.count + etag.count + (checksum?.value.count ?? 0)
                + contentType.count + locations.count
        )
        parts.append(contentsOf: bucket)
        ends.bucket = parts.count
        parts.append(contentsOf: key)
        ends.key = parts.count
        parts.append(contentsOf: etag)
        ends.etag = parts.count
        if let checksum { parts.append(contentsOf: checksum.value) }
        ends.checksum = parts.count
        parts.append(contentsOf: contentType)
        ends.contentType = parts.count
        parts.append(contentsOf: locations)
        self.parts = parts
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
        get { copy(.bucket) }
        set { replace(.bucket, by: newValue) }
    }
    /// Under which key: 1…1024 bytes, any.
    package var key: [UInt8] {
        get { copy(.key) }
        set { replace(.key, by: newValue) }
    }
    /// Its entity tag, without quotes, at most 128 bytes.
    package var etag: [UInt8] {
        get { copy(.etag) }
        set { replace(.etag, by: newValue) }
    }
    /// A digest of its bytes.
    package var checksum: Checksum? {
        get { checksumAlgorithm.map { Checksum(algorithm: $0, value: copy(.checksum)) } }
        set {
            checksumAlgorithm = newValue?.algorithm
            replace(.checksum, by: newValue?.value ?? [])
        }
    }
    /// Its content type, at most 256 bytes.
    package var contentType: [UInt8] {
        get { copy(.contentType) }
        set { replace(.contentType, by: newValue) }
    }
    /// Where its bytes are: opaque to the register, at most 64 KiB.
    package var locations: [UInt8] {
        get { copy(.locations) }
        set { replace(.locations, by: newValue) }
    }

    /// Where a part lies in ``parts``.
    @inline(__always)
    package func range(of part: Part) -> Range<Int> {
        switch part {
        case .bucket: 0..<ends.bucket
        case .key: ends.bucket..<ends.key
        case .etag: ends.key..<ends.etag
        case .checksum: ends.etag..<ends.checksum
        case .contentType: ends.checksum..<ends.contentType
        case .locations: ends.contentType..<parts.count
        }
    }

    private func copy(_ part: Part) -> [UInt8] { parts.span.copy(range(of: part)) }

    private mutating func replace(_ part: Part, by bytes: [UInt8]) {
        let range = range(of: part)
        parts.replaceSubrange(range, with: bytes)
        let growth = bytes.count - range.count
        switch part {
        case .bucket:
            ends.bucket += growth
            fallthrough
        case .key:
            ends.key += growth
            fallthrough
        case .etag:
            ends.etag += growth
            fallthrough
        case .checksum:
            ends.checksum += growth
            fallthrough
        case .contentType:
            ends.contentType += growth
        case .locations:
            break
        }
    }
}

// MARK: - Bytes

extension PutObject: CommandContent {
    func append(to bytes: inout [UInt8]) {
        let parts = parts.span
        bytes.append(field: 1, parts.extracting(range(of: .bucket)))
        bytes.append(field: 2, parts.extracting(range(of: .key)))
        bytes.append(field: 3, size)
        bytes.append(field: 4, parts.extracting(range(of: .etag)))
        if let checksumAlgorithm {
            let value = parts.extracting(range(of: .checksum))
            Checksum.append(field: 5, checksumAlgorithm, value, to: &bytes)
        }
        bytes.append(field: 6, parts.extracting(range(of: .contentType)))
        for pair in metadata { pair.append(field: 7, to: &bytes) }
        for tag in tags { tag.append(field: 8, to: &bytes) }
        bytes.append(field: 9, parts.extracting(range(of: .locations)))
        precondition?.append(field: 10, to: &bytes)
        if let modifiedMilliseconds { bytes.append(presentField: 11, modifiedMilliseconds) }
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        size = 0
        metadata = []
        tags = []
        var bucket = 0..<0
        var key = 0..<0
        var etag = 0..<0
        var checksum = 0..<0
        var contentType = 0..<0
        var locations = 0..<0
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                bucket = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.bucketNameSize.upperBound,
                    .invalidName
                )
            case 2:
                key = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.keySize.upperBound,
                    .invalidKey
                )
            case 3: size = try reader.integer(field, in: bytes)
            case 4: etag = try reader.range(field, in: bytes, maximum: Bound.maximumEntityTagSize)
            case 5:
                (checksumAlgorithm, checksum) = try Checksum.read(
                    reader.message("Checksum", field, in: bytes),
                    in: bytes
                )
            case 6:
                contentType = try reader.range(
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
                locations = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumLocationsSize
                )
            case 10:
                precondition = try Precondition(
                    reader.message("Precondition", field, in: bytes),
                    in: bytes
                )
            case 11: modifiedMilliseconds = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        ends.bucket = bucket.count
        ends.key = ends.bucket + key.count
        ends.etag = ends.key + etag.count
        ends.checksum = ends.etag + checksum.count
        ends.contentType = ends.checksum + contentType.count
        let found: [6 of Range<Int>] = [bucket, key, etag, checksum, contentType, locations]
        parts = unsafe [UInt8](
            unsafeUninitializedCapacity: ends.contentType + locations.count
        ) { room, count in
            for place in found.indices {
                unsafe bytes.extracting(found[place]).withUnsafeBufferPointer { part in
                    _ = unsafe room[count...].initialize(fromContentsOf: part)
                }
                count += found[place].count
            }
        }
    }
}

// MARK: - Rules

extension PutObject {
    package func validate() throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        try Names.checkBucket(parts.span.extracting(range(of: .bucket)))
        try Names.checkKey(size: range(of: .key).count)
        guard size <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the size is above 2^62")
        }
        guard modifiedMilliseconds ?? 0 <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the time of change is above 2^62")
        }
        try Self.checkSize(
            range(of: .etag).count,
            "the entity tag",
            maximum: Bound.maximumEntityTagSize
        )
        try checksumAlgorithm?.check(size: range(of: .checksum).count)
        try Self.checkSize(
            range(of: .contentType).count,
            "the content type",
            maximum: Bound.maximumContentTypeSize
        )
        try validateMetadata()
        try validateTags()
        try Self.checkSize(
            range(of: .locations).count,
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
