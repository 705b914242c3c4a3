/// The whole new object, visible at once or not at all.
package struct PutObject: Hashable, Sendable {
    /// In which bucket.
    package var bucket: [UInt8]
    /// Under which key: 1…1024 bytes, any.
    package var key: [UInt8]
    /// Bytes of the object, at most 2^62.
    package var size: UInt64
    /// Its entity tag, without quotes, at most 128 bytes.
    package var etag: [UInt8]
    /// A digest of its bytes.
    package var checksum: Checksum?
    /// Its content type, at most 256 bytes.
    package var contentType: [UInt8]
    /// User metadata: ascending by name, each name once; at most 64 pairs and 2 KiB.
    package var metadata: [Attribute]
    /// Tags: ascending by name, each name once; at most 10.
    package var tags: [Attribute]
    /// Where its bytes are: opaque to the register, at most 64 KiB.
    package var locations: [UInt8]
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
        self.bucket = bucket
        self.key = key
        self.size = size
        self.etag = etag
        self.checksum = checksum
        self.contentType = contentType
        self.metadata = metadata
        self.tags = tags
        self.locations = locations
        self.precondition = precondition
        self.modifiedMilliseconds = modifiedMilliseconds
    }
}

/// Removes an object; removing what is absent is done, unless a precondition says otherwise.
package struct DeleteObject: Hashable, Sendable {
    /// From which bucket.
    package var bucket: [UInt8]
    /// Under which key.
    package var key: [UInt8]
    /// What must hold for the removal to be done.
    package var precondition: Precondition?

    /// Composes the command.
    package init(bucket: [UInt8], key: [UInt8], precondition: Precondition? = nil) {
        self.bucket = bucket
        self.key = key
        self.precondition = precondition
    }
}

extension PutObject: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, bucket)
        bytes.append(field: 2, key)
        bytes.append(field: 3, size)
        bytes.append(field: 4, etag)
        checksum?.append(field: 5, to: &bytes)
        bytes.append(field: 6, contentType)
        for pair in metadata { pair.append(field: 7, to: &bytes) }
        for tag in tags { tag.append(field: 8, to: &bytes) }
        bytes.append(field: 9, locations)
        precondition?.append(field: 10, to: &bytes)
        if let modifiedMilliseconds { bytes.append(presentField: 11, modifiedMilliseconds) }
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        self.init(bucket: [], key: [], size: 0)
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                bucket = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: Bound.bucketNameSize.upperBound,
                    .invalidName
                )
            case 2:
                key = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: Bound.keySize.upperBound,
                    .invalidKey
                )
            case 3: size = try reader.integer(field, in: bytes)
            case 4: etag = try reader.bytes(field, in: bytes, maximum: Bound.maximumEntityTagSize)
            case 5: checksum = try Checksum(reader.message("Checksum", field, in: bytes), in: bytes)
            case 6:
                contentType = try reader.bytes(
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
                locations = try reader.bytes(
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
    }

    package func validate() throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        try Names.checkBucket(bucket)
        try Names.checkKey(key)
        guard size <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the size is above 2^62")
        }
        guard modifiedMilliseconds ?? 0 <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the time of change is above 2^62")
        }
        try Self.checkSize(etag, "the entity tag", maximum: Bound.maximumEntityTagSize)
        try checksum?.validate()
        try Self.checkSize(contentType, "the content type", maximum: Bound.maximumContentTypeSize)
        try validateMetadata()
        try validateTags()
        try Self.checkSize(locations, "the data location", maximum: Bound.maximumLocationsSize)
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
                tag.name,
                "the name of a tag",
                maximum: ProtocolLimits.tagNameSize.upperBound
            )
            try Self.checkSize(
                tag.value,
                "the value of a tag",
                maximum: ProtocolLimits.maximumTagValueSize
            )
        }
    }

    private static func checkSize(
        _ value: [UInt8],
        _ what: StaticString,
        maximum: Int
    ) throws(ProtocolError) {
        guard value.count <= maximum else {
            throw .outOfBounds(.invalidValue, what, value.count, 0...maximum)
        }
    }
}

extension DeleteObject: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, bucket)
        bytes.append(field: 2, key)
        precondition?.append(field: 3, to: &bytes)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(bucket: [], key: [])
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                bucket = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.bucketNameSize.upperBound,
                    .invalidName
                )
            case 2:
                key = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.keySize.upperBound,
                    .invalidKey
                )
            case 3:
                precondition = try Precondition(
                    reader.message("Precondition", field, in: bytes),
                    in: bytes
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
    }

    package func validate() throws(ProtocolError) {
        try Names.checkBucket(bucket)
        try Names.checkKey(key)
        try precondition?.validate()
    }
}
