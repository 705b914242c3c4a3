/// The bytes of queries: the schema's `Query`.
extension Query {
    /// The bytes as a client sends them.
    ///
    /// A maximum above 1000 is sent as 1000.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends what ``encode()`` returns.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(messageField: tag.rawValue) { bytes in
            switch self {
            case .getTenant(let name), .getBucket(let name):
                bytes.append(field: 1, name)
            case .listTenants(let after, let maximum):
                bytes.append(field: 1, after)
                bytes.append(field: 2, Self.clamped(maximum))
            case .listBuckets(let prefix, let after, let maximum):
                bytes.append(field: 1, prefix)
                bytes.append(field: 2, after)
                bytes.append(field: 3, Self.clamped(maximum))
            case .getObject(let bucket, let key):
                bytes.append(field: 1, bucket)
                bytes.append(field: 2, key)
            case .listObjects(let listing):
                bytes.append(field: 1, listing.bucket)
                bytes.append(field: 2, listing.prefix)
                bytes.append(field: 3, listing.delimiter)
                bytes.append(field: 4, listing.after)
                bytes.append(presentField: 5, Self.clamped(listing.maximum))
            case .getUsage(let bucket):
                if let bucket { bytes.append(presentField: 1, bucket) }
            case .listGrants(let tenant, let after, let maximum):
                bytes.append(field: 1, tenant)
                bytes.append(field: 2, after)
                bytes.append(field: 3, Self.clamped(maximum))
            }
        }
    }

    /// Reads and validates the schema's `Query`, and fills in the defaults.
    ///
    /// - Throws: `tooLarge`, `malformed`, `unknownVerb` where no query of this version is in it,
    ///   `notSupported` for unknown fields, `invalidName`, `invalidKey` or `invalidValue`.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count <= ProtocolLimits.maximumQuerySize else {
            throw .outOfBounds(
                .tooLarge,
                "the query",
                bytes.count,
                0...ProtocolLimits.maximumQuerySize
            )
        }
        var reader = FieldReader("Query", 0..<bytes.count, unknownFields: .refused)
        guard let field = try reader.next(in: bytes) else {
            throw ProtocolError(.unknownVerb, "the request holds no query")
        }
        guard let tag = UInt8(exactly: field.number).flatMap(QueryTag.init(rawValue:)) else {
            throw ProtocolError(
                .unknownVerb,
                "query \(field.number) is not known to this version"
            )
        }
        let parts = try QueryParts(
            tag,
            reader.message("query", field, in: bytes),
            in: bytes
        )
        guard try reader.next(in: bytes) == nil else {
            throw .malformed("the request holds more than one query")
        }
        self = parts.query
        try validate()
    }

    /// Reads and validates the schema's `Query`.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }

    private func validate() throws(ProtocolError) {
        switch self {
        case .getTenant(let name): try Names.checkTenant(name)
        case .listTenants, .listBuckets: break
        case .getBucket(let name): try Names.checkBucket(name)
        case .getObject(let bucket, let key):
            try Names.checkBucket(bucket)
            try Names.checkKey(key)
        case .listObjects(let listing): try Names.checkBucket(listing.bucket)
        case .getUsage(let bucket): if let bucket { try Names.checkBucket(bucket) }
        case .listGrants(let tenant, _, _): try Names.checkTenant(tenant)
        }
    }

    private static func clamped(_ maximum: Int) -> UInt64 {
        UInt64(min(max(maximum, 0), ProtocolLimits.maximumPage))
    }
}

/// The fields of any query: all are bytes, but the last of a list, which is its maximum.
private struct QueryParts {
    let tag: QueryTag
    var values = InlineArray<4, [UInt8]?>(repeating: nil)
    var maximum: Int?

    init(
        _ tag: QueryTag,
        _ reader: consuming FieldReader,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) {
        self.tag = tag
        let (valueCount, hasMaximum) = Self.shape(tag)
        while let field = try reader.next(in: bytes) {
            if field.number <= valueCount {
                values[field.number - 1] = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.maximumListBoundSize,
                    tag == .getObject && field.number == 2 ? .invalidKey : .invalidValue
                )
            } else if hasMaximum, field.number == valueCount + 1 {
                let value = try reader.integer32(field, in: bytes)
                maximum = min(Int(value), ProtocolLimits.maximumPage)
            } else {
                try reader.unknown(field, in: bytes)
            }
        }
    }

    var query: Query {
        // Zero is absent but in a list of objects, where it asks for an empty page.
        let page = maximum == 0 || maximum == nil ? ProtocolLimits.maximumPage : maximum ?? 0
        return switch tag {
        case .getTenant: .getTenant(name: value(1))
        case .listTenants: .listTenants(after: value(1), maximum: page)
        case .getBucket: .getBucket(name: value(1))
        case .listBuckets: .listBuckets(prefix: value(1), after: value(2), maximum: page)
        case .getObject: .getObject(bucket: value(1), key: value(2))
        case .listObjects:
            .listObjects(
                ObjectListing(
                    bucket: value(1),
                    prefix: value(2),
                    delimiter: value(3),
                    after: value(4),
                    maximum: maximum ?? ProtocolLimits.maximumPage
                )
            )
        case .getUsage: .getUsage(bucket: values[0])
        case .listGrants: .listGrants(tenant: value(1), after: value(2), maximum: page)
        }
    }

    /// How many fields of bytes come first, and whether a maximum follows.
    private static func shape(_ tag: QueryTag) -> (values: Int, hasMaximum: Bool) {
        switch tag {
        case .getTenant, .getBucket, .getUsage: (1, false)
        case .listTenants: (1, true)
        case .getObject: (2, false)
        case .listBuckets, .listGrants: (2, true)
        case .listObjects: (4, true)
        }
    }

    private func value(_ number: Int) -> [UInt8] { values[number - 1] ?? [] }
}
