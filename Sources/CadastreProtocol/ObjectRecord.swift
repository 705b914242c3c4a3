/// An object as it is: what answers ``Query/getObject(bucket:key:)``.
package struct ObjectRecord: Hashable, Sendable {
    /// Its bytes: key, entity tag, checksum, content type and data locations, and no bucket.
    package private(set) var parts: ObjectParts
    /// Of the bytes of the checksum; nil: there is none.
    package private(set) var checksumAlgorithm: Checksum.Algorithm?
    /// Its last change's place in the cluster's order.
    package private(set) var sequence: UInt64
    /// Bytes of the object.
    package private(set) var size: UInt64
    /// When its content was last changed.
    package private(set) var modifiedMilliseconds: UInt64
    /// User metadata, ascending by name.
    package private(set) var metadata: [Attribute]
    /// Tags, ascending by name.
    package private(set) var tags: [Attribute]

    /// Composes a record.
    package init(
        key: [UInt8],
        sequence: UInt64,
        size: UInt64,
        etag: [UInt8] = [],
        modifiedMilliseconds: UInt64,
        contentType: [UInt8] = [],
        checksum: Checksum? = nil,
        metadata: [Attribute] = [],
        tags: [Attribute] = [],
        locations: [UInt8] = []
    ) {
        self.init(
            ObjectParts(
                key: key,
                etag: etag,
                checksum: checksum?.value ?? [],
                contentType: contentType,
                locations: locations
            ),
            checksumAlgorithm: checksum?.algorithm,
            sequence: sequence,
            size: size,
            modifiedMilliseconds: modifiedMilliseconds,
            metadata: metadata,
            tags: tags
        )
    }

    /// Composes a record of parts that lie where they were read.
    package init(
        _ parts: consuming ObjectParts,
        checksumAlgorithm: Checksum.Algorithm?,
        sequence: UInt64,
        size: UInt64,
        modifiedMilliseconds: UInt64,
        metadata: [Attribute],
        tags: [Attribute]
    ) {
        self.parts = parts
        self.checksumAlgorithm = checksumAlgorithm
        self.sequence = sequence
        self.size = size
        self.modifiedMilliseconds = modifiedMilliseconds
        self.metadata = metadata
        self.tags = tags
    }

    // MARK: Parts

    /// Its key.
    package var key: [UInt8] { parts.copy(.key) }
    /// Its entity tag, without quotes.
    package var etag: [UInt8] {
        get { parts.copy(.etag) }
        set { parts.replace(.etag, by: newValue) }
    }
    /// Its content type.
    package var contentType: [UInt8] { parts.copy(.contentType) }
    /// A digest of its bytes.
    package var checksum: Checksum? {
        checksumAlgorithm.map { Checksum(algorithm: $0, value: parts.copy(.checksum)) }
    }
    /// Where its bytes are.
    package var locations: [UInt8] { parts.copy(.locations) }
}

// MARK: - Bytes

extension ObjectRecord {
    /// Bytes that an answer of it takes at most.
    var answerBound: Int {
        var bytes =
            parts[.key].count + parts[.etag].count + parts[.contentType].count
            + parts[.locations].count + parts[.checksum].count
        for pair in metadata { bytes += pair.name.count + pair.value.count }
        for tag in tags { bytes += tag.name.count + tag.value.count }
        // Each pair is a message with two fields.
        let fields = 12 + 3 * (metadata.count + tags.count)
        return RawFieldWriter.room(forFields: fields, bytes: bytes)
    }

    /// How many bytes ``append(to:)`` appends.
    var encodedSize: FieldSize {
        unsafe parts.memory.withUnsafeBytes { memory in
            var size =
                unsafe FieldSize(1, part(.key, of: memory)) + FieldSize(2, sequence)
                + FieldSize(3, self.size) + FieldSize(4, part(.etag, of: memory))
                + FieldSize(5, modifiedMilliseconds) + FieldSize(6, part(.contentType, of: memory))
                + FieldSize(10, part(.locations, of: memory))
            if let checksumAlgorithm {
                let value = unsafe part(.checksum, of: memory)
                size = unsafe size + FieldSize(message: Self.size(checksumAlgorithm, value))
            }
            for pair in metadata { size = size + FieldSize(message: pair.encodedSize) }
            for tag in tags { size = size + FieldSize(message: tag.encodedSize) }
            return size
        }
    }

    /// Appends the fields: each object that is read, written at once.
    func append(to bytes: inout [UInt8]) {
        unsafe parts.memory.withUnsafeBytes { memory in
            bytes.append(addingCapacity: answerBound) { target in
                unsafe target.withUnsafeMutableBufferPointer { target, count in
                    var writer = unsafe RawFieldWriter(target)
                    unsafe write(memory, to: &writer)
                    count = writer.count
                }
            }
        }
    }

    private func write(_ memory: UnsafeRawBufferPointer, to writer: inout RawFieldWriter) {
        unsafe writer.write(1, part(.key, of: memory))
        writer.write(2, sequence)
        writer.write(3, size)
        unsafe writer.write(4, part(.etag, of: memory))
        writer.write(5, modifiedMilliseconds)
        unsafe writer.write(6, part(.contentType, of: memory))
        if let checksumAlgorithm {
            let value = unsafe part(.checksum, of: memory)
            writer.begin(7, message: unsafe Self.size(checksumAlgorithm, value))
            writer.write(1, UInt64(checksumAlgorithm.rawValue))
            unsafe writer.write(2, value)
        }
        for pair in metadata { pair.write(field: 8, to: &writer) }
        for tag in tags { tag.write(field: 9, to: &writer) }
        unsafe writer.write(10, part(.locations, of: memory))
    }

    private func part(
        _ part: ObjectParts.Part,
        of memory: UnsafeRawBufferPointer
    ) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: memory[parts[part]])
    }

    private static func size(
        _ algorithm: Checksum.Algorithm,
        _ value: UnsafeRawBufferPointer
    ) -> FieldSize {
        unsafe FieldSize(1, UInt64(algorithm.rawValue)) + FieldSize(2, value)
    }

    /// Reads the schema's message, which is all of this memory and stays there.
    init(lyingIn memory: [UInt8]) throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        let bytes = memory.span
        var reader = FieldReader("Object", 0..<memory.count, unknownFields: .skipped)
        var parts = ObjectParts(in: memory)
        var (sequence, size, modified): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var algorithm: Checksum.Algorithm?
        var metadata: [Attribute] = []
        var tags: [Attribute] = []
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                parts[.key] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.keySize.upperBound
                )
            case 2: sequence = try reader.integer(field, in: bytes)
            case 3: size = try reader.integer(field, in: bytes)
            case 4:
                parts[.etag] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumEntityTagSize
                )
            case 5: modified = try reader.integer(field, in: bytes)
            case 6:
                parts[.contentType] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumContentTypeSize
                )
            case 7:
                (algorithm, parts[.checksum]) = try Checksum.read(
                    reader.message("Checksum", field, in: bytes),
                    in: bytes
                )
            case 8:
                try reader.checkCount(metadata.count, field, maximum: Bound.maximumMetadataPairs)
                metadata.append(
                    try Attribute(reader.elementMessage("Attribute", field, in: bytes), in: bytes)
                )
            case 9:
                try reader.checkCount(tags.count, field, maximum: Bound.maximumTags)
                tags.append(
                    try Attribute(reader.elementMessage("Attribute", field, in: bytes), in: bytes)
                )
            case 10:
                parts[.locations] = try reader.range(
                    field,
                    in: bytes,
                    maximum: Bound.maximumLocationsSize
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(
            parts,
            checksumAlgorithm: algorithm,
            sequence: sequence,
            size: size,
            modifiedMilliseconds: modified,
            metadata: metadata,
            tags: tags
        )
    }
}

extension Attribute {
    /// How many bytes its fields take.
    fileprivate var encodedSize: FieldSize {
        unsafe name.withUnsafeBytes { unsafe FieldSize(1, $0) }
            + value.withUnsafeBytes { unsafe FieldSize(2, $0) }
    }

    /// Writes one element of a repeated field.
    fileprivate func write(field number: UInt8, to writer: inout RawFieldWriter) {
        writer.begin(number, message: encodedSize)
        unsafe name.withUnsafeBytes { unsafe writer.write(1, $0) }
        unsafe value.withUnsafeBytes { unsafe writer.write(2, $0) }
    }
}
