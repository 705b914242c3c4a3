/// The whole new object, visible at once or not at all.
///
/// Its bytes lie in one piece of memory, except those of metadata, tags and a precondition, which most
/// objects have not; what was read stays where it was read, all puts of an entry in the entry's. A
/// command goes from stage to stage and from thread to thread: each part in memory of its own would be
/// taken and given back by itself, and counted at every step. Who asks for a part by its name gets a
/// copy; who only looks at it looks into ``memory``.
package struct PutObject: Sendable {
    /// What lies in ``memory``.
    package enum Part: CaseIterable {
        case bucket, key, etag, checksum, contentType, locations
    }

    /// Where the parts lie, among other bytes.
    package private(set) var memory: [UInt8]
    private var places: Places
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

    /// Of each part its place in ``memory``, small since a batch holds a thousand puts.
    private struct Places {
        /// What lies behind 4 GiB is cut off: of parts that have so much together one at least is far
        /// larger than any rule allows, and so the put is refused.
        private struct Place {
            private var start: UInt32 = 0
            private var end: UInt32 = 0

            var range: Range<Int> {
                @inline(__always)
                get { Int(start)..<Int(end) }
                set {
                    start = UInt32(clamping: newValue.lowerBound)
                    end = UInt32(clamping: newValue.upperBound)
                }
            }
        }

        private var bucket = Place()
        private var key = Place()
        private var etag = Place()
        private var checksum = Place()
        private var contentType = Place()
        private var locations = Place()

        @inline(__always)
        subscript(part: Part) -> Range<Int> {
            get {
                switch part {
                case .bucket: bucket.range
                case .key: key.range
                case .etag: etag.range
                case .checksum: checksum.range
                case .contentType: contentType.range
                case .locations: locations.range
                }
            }
            set {
                switch part {
                case .bucket: bucket.range = newValue
                case .key: key.range = newValue
                case .etag: etag.range = newValue
                case .checksum: checksum.range = newValue
                case .contentType: contentType.range = newValue
                case .locations: locations.range = newValue
                }
            }
        }
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
        let digest = checksum?.value ?? []
        memory = []
        memory.reserveCapacity(
            bucket.count + key.count + etag.count + digest.count + contentType.count
                + locations.count
        )
        places = Places()
        places[.bucket] = memory.add(bucket)
        places[.key] = memory.add(key)
        places[.etag] = memory.add(etag)
        places[.checksum] = memory.add(digest)
        places[.contentType] = memory.add(contentType)
        places[.locations] = memory.add(locations)
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

    /// Where a part lies in ``memory``.
    @inline(__always)
    package func range(of part: Part) -> Range<Int> { places[part] }

    private func copy(_ part: Part) -> [UInt8] { memory.span.copy(places[part]) }

    /// Takes all parts into memory of its own, one of them as it is from now on.
    private mutating func replace(_ part: Part, by bytes: [UInt8]) {
        var memory: [UInt8] = []
        var places = Places()
        for each in Part.allCases { places[each] = memory.add(each == part ? bytes : copy(each)) }
        (self.memory, self.places) = (memory, places)
    }
}

extension [UInt8] {
    /// Appends bytes, and says where they are.
    fileprivate mutating func add(_ bytes: [UInt8]) -> Range<Int> {
        append(contentsOf: bytes)
        return count - bytes.count..<count
    }
}

extension PutObject: Hashable {
    /// Whether both say the same, wherever it lies.
    package static func == (left: Self, right: Self) -> Bool {
        left.size == right.size && left.checksumAlgorithm == right.checksumAlgorithm
            && left.metadata == right.metadata && left.tags == right.tags
            && left.precondition == right.precondition
            && left.modifiedMilliseconds == right.modifiedMilliseconds
            && Part.allCases.allSatisfy {
                left.memory[left.range(of: $0)] == right.memory[right.range(of: $0)]
            }
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(size)
        hasher.combine(checksumAlgorithm)
        hasher.combine(metadata)
        hasher.combine(tags)
        hasher.combine(precondition)
        hasher.combine(modifiedMilliseconds)
        for part in Part.allCases { hasher.combine(memory[range(of: part)]) }
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
        var places = Places()
        var size: UInt64 = 0
        var algorithm: Checksum.Algorithm?
        var metadata: [Attribute] = []
        var tags: [Attribute] = []
        var precondition: Precondition?
        var modified: UInt64?
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                places[.bucket] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.bucketNameSize.upperBound,
                    .invalidName
                )
            case 2:
                places[.key] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.keySize.upperBound,
                    .invalidKey
                )
            case 3: size = try reader.integer(field, in: bytes)
            case 4:
                places[.etag] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumEntityTagSize
                )
            case 5:
                (algorithm, places[.checksum]) = try Checksum.read(
                    reader.message("Checksum", field, in: bytes),
                    in: bytes
                )
            case 6:
                places[.contentType] = try reader.range(
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
                places[.locations] = try reader.range(
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
        self.memory = memory
        self.places = places
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
        try Names.checkBucket(memory.span.extracting(places[.bucket]))
        try Names.checkKey(size: places[.key].count)
        guard size <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the size is above 2^62")
        }
        guard modifiedMilliseconds ?? 0 <= Bound.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the time of change is above 2^62")
        }
        try Self.checkSize(
            places[.etag].count,
            "the entity tag",
            maximum: Bound.maximumEntityTagSize
        )
        try checksumAlgorithm?.check(size: places[.checksum].count)
        try Self.checkSize(
            places[.contentType].count,
            "the content type",
            maximum: Bound.maximumContentTypeSize
        )
        try validateMetadata()
        try validateTags()
        try Self.checkSize(
            places[.locations].count,
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
