/// One pair of user metadata or one tag.
package struct Attribute: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]
    /// What it says.
    package var value: [UInt8]

    /// Composes a pair.
    package init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }

    /// Appends one element of a repeated field.
    func append(field number: UInt8, to bytes: inout [UInt8]) {
        bytes.append(messageField: number) { bytes in
            bytes.append(field: 1, name)
            bytes.append(field: 2, value)
        }
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(name: [], value: [])
        let maximum = ProtocolLimits.maximumMetadataSize
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: name = try reader.bytes(field, in: bytes, maximum: maximum)
            case 2: value = try reader.bytes(field, in: bytes, maximum: maximum)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }

    /// Refuses names that are empty, double or not in byte order.
    static func checkOrder(
        _ attributes: [Attribute],
        _ what: StaticString
    ) throws(ProtocolError) {
        guard let first = attributes.first else { return }
        guard !first.name.isEmpty else {
            throw ProtocolError(.invalidValue, "a name of \(what) is empty")
        }
        for (left, right) in zip(attributes, attributes.dropFirst()) {
            guard left.name.lexicographicallyPrecedes(right.name) else {
                throw ProtocolError(
                    .invalidValue,
                    "the names of \(what) are not ascending in byte order, each once"
                )
            }
        }
    }
}

/// A digest of an object's bytes, as the storage service computed it.
package struct Checksum: Hashable, Sendable {
    /// How it was computed.
    package enum Algorithm: UInt8, Hashable, Sendable, CaseIterable {
        /// CRC-32 with Castagnoli's polynomial.
        case crc32c = 1
        /// SHA-256.
        case sha256 = 2
        /// SHA-1.
        case sha1 = 3
        /// CRC-64 as NVMe has it.
        case crc64nvme = 4

        /// The bytes of its value.
        package var size: Int {
            switch self {
            case .crc32c: 4
            case .sha256: 32
            case .sha1: 20
            case .crc64nvme: 8
            }
        }

        /// Refuses a digest of another size.
        func check(size given: Int) throws(ProtocolError) {
            guard given == size else {
                throw .outOfBounds(.invalidValue, "the checksum", given, size...size)
            }
        }
    }
    /// How it was computed.
    package var algorithm: Algorithm
    /// The digest, as many bytes as its algorithm has.
    package var value: [UInt8]

    /// Composes a checksum.
    package init(algorithm: Algorithm, value: [UInt8]) {
        self.algorithm = algorithm
        self.value = value
    }

    /// Appends a field.
    func append(field number: UInt8, to bytes: inout [UInt8]) {
        Self.append(field: number, algorithm, value.span, to: &bytes)
    }

    /// Appends a field with a digest that lies elsewhere.
    static func append(
        field number: UInt8,
        _ algorithm: Algorithm,
        _ value: Span<UInt8>,
        to bytes: inout [UInt8]
    ) {
        bytes.append(messageField: number) { bytes in
            bytes.append(field: 1, UInt64(algorithm.rawValue))
            bytes.append(field: 2, value)
        }
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        let (algorithm, value) = try Self.read(reader, in: bytes)
        self.init(algorithm: algorithm, value: bytes.copy(value))
    }

    /// Reads the schema's message: the algorithm, and where the digest lies.
    static func read(
        _ reader: consuming FieldReader,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) -> (Algorithm, Range<Int>) {
        var number: UInt64 = 0
        var value = 0..<0
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: number = try reader.integer(field, in: bytes)
            case 2: value = try reader.range(field, in: bytes, maximum: 32)
            default: try reader.unknown(field, in: bytes)
            }
        }
        guard number != 0 else {
            throw ProtocolError(.invalidValue, "the checksum's algorithm is not given")
        }
        guard let algorithm = UInt8(exactly: number).flatMap(Algorithm.init(rawValue:)) else {
            throw ProtocolError(
                .notSupported,
                "the checksum's algorithm is not known to this version"
            )
        }
        return (algorithm, value)
    }
}

/// Judged against the object as it is when the command is applied.
package enum Precondition: Hashable, Sendable {
    /// If-None-Match: *
    case ifAbsent
    /// If-Match: *
    case ifPresent
    /// If-Match: one of these, exact bytes.
    case ifMatch([[UInt8]])

    /// Appends a field.
    func append(field number: UInt8, to bytes: inout [UInt8]) {
        bytes.append(messageField: number) { bytes in
            switch self {
            case .ifAbsent: bytes.append(field: 1, true)
            case .ifPresent: bytes.append(field: 2, true)
            case .ifMatch(let tags):
                bytes.append(messageField: 3) { bytes in
                    for tag in tags { bytes.append(presentField: 1, tag) }
                }
            }
        }
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var result: Precondition?
        while let field = try reader.next(in: bytes) {
            guard result == nil else {
                throw .malformed("Precondition: more than one condition")
            }
            switch field.number {
            case 1 where try reader.boolean(field, in: bytes): result = .ifAbsent
            case 2 where try reader.boolean(field, in: bytes): result = .ifPresent
            case 1, 2: throw ProtocolError(.invalidValue, "a condition is given and not meant")
            case 3:
                var inner = try reader.message("EntityTags", field, in: bytes)
                result = .ifMatch(try Self.tags(&inner, in: bytes))
            default: try reader.unknown(field, in: bytes)
            }
        }
        guard let result else {
            throw ProtocolError(.invalidValue, "a precondition without a condition")
        }
        self = result
    }

    /// Checks the bounds.
    func validate() throws(ProtocolError) {
        guard case .ifMatch(let tags) = self else { return }
        guard ProtocolLimits.ifMatchTags.contains(tags.count) else {
            throw .outOfBounds(
                .invalidValue,
                "the precondition",
                tags.count,
                ProtocolLimits.ifMatchTags,
                unit: "entity tags"
            )
        }
        for tag in tags where tag.count > ProtocolLimits.maximumEntityTagSize {
            throw .outOfBounds(
                .invalidValue,
                "an entity tag",
                tag.count,
                0...ProtocolLimits.maximumEntityTagSize
            )
        }
    }

    private static func tags(
        _ reader: inout FieldReader,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) -> [[UInt8]] {
        var tags: [[UInt8]] = []
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                try reader.checkCount(
                    tags.count,
                    field,
                    maximum: ProtocolLimits.ifMatchTags.upperBound
                )
                tags.append(
                    try reader.element(
                        field,
                        in: bytes,
                        maximum: ProtocolLimits.maximumEntityTagSize
                    )
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        return tags
    }
}
