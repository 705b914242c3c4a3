/// The bytes of answers: the schema's `QueryReply`. A client skips what a newer node adds.
extension Answer {
    /// The bytes as a node sends them.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        switch self {
        case .objects(let page): bytes.reserveCapacity(page.answerSize)
        case .object(let record):
            // With the head of the message, which comes first.
            bytes.reserveCapacity(RawFieldWriter.room(forFields: 1, bytes: record.answerBound))
        case .tenant, .tenants, .bucket, .buckets, .usage, .grants: break
        }
        append(to: &bytes)
        return bytes
    }

    /// Appends what ``encode()`` returns.
    package func append(to bytes: inout [UInt8]) {
        switch self {
        case .objects(let page):
            // A hundred kilobytes, maybe: they do not move.
            bytes.append(messageField: tag.rawValue, of: page.encodedSize, page.append)
        case .object(let record):
            bytes.append(messageField: tag.rawValue, of: record.encodedSize, record.append)
        case .tenant, .tenants, .bucket, .buckets, .usage, .grants:
            bytes.append(messageField: tag.rawValue, appendFields)
        }
    }

    private func appendFields(to bytes: inout [UInt8]) {
        switch self {
        case .tenant(let record): record.append(to: &bytes)
        case .tenants(let page): page.append(to: &bytes) { $0.append(to: &$1) }
        case .bucket(let record): record.append(to: &bytes)
        case .buckets(let page): page.append(to: &bytes) { $0.append(to: &$1) }
        case .object(let record): record.append(to: &bytes)
        case .objects(let page): page.append(to: &bytes)
        case .usage(let usage): usage.append(to: &bytes)
        case .grants(let page):
            for service in page.elements { bytes.append(presentField: 1, service) }
            bytes.append(field: 2, page.isTruncated)
        }
    }

    /// Reads the schema's `QueryReply`.
    ///
    /// - Throws: `malformed`, `unknownVerb` where no answer of this version is in it, or
    ///   `invalidValue` where a limit is passed.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count <= ProtocolLimits.maximumFrameBody else {
            throw ProtocolError(.tooLarge, "the answer is larger than a message")
        }
        var reader = FieldReader("QueryReply", 0..<bytes.count, unknownFields: .skipped)
        guard let field = try reader.next(in: bytes),
            let tag = UInt8(exactly: field.number).flatMap(QueryTag.init(rawValue:))
        else { throw ProtocolError(.unknownVerb, "the answer is not known to this version") }
        var inner = try reader.message("answer", field, in: bytes)
        guard try reader.next(in: bytes) == nil else {
            throw .malformed("the reply holds more than one answer")
        }
        switch tag {
        case .getTenant: self = .tenant(try TenantRecord(inner, in: bytes))
        case .listTenants:
            self = .tenants(
                try Page(&inner, in: bytes) { reader, field, bytes throws(ProtocolError) in
                    try TenantRecord(
                        reader.elementMessage("Tenant", field, in: bytes),
                        in: bytes
                    )
                }
            )
        case .getBucket: self = .bucket(try BucketRecord(inner, in: bytes))
        case .listBuckets:
            self = .buckets(
                try Page(&inner, in: bytes) { reader, field, bytes throws(ProtocolError) in
                    try BucketRecord(
                        reader.elementMessage("Bucket", field, in: bytes),
                        in: bytes
                    )
                }
            )
        case .getObject: self = .object(try ObjectRecord(lyingIn: bytes.copy(inner.range)))
        case .listObjects: self = .objects(try ObjectPage(inner, in: bytes))
        case .getUsage: self = .usage(try Usage(inner, in: bytes))
        case .listGrants:
            self = .grants(
                try Page(&inner, in: bytes) { reader, field, bytes throws(ProtocolError) in
                    try reader.element(
                        field,
                        in: bytes,
                        maximum: ProtocolLimits.nameSize.upperBound
                    )
                }
            )
        }
    }

    /// Reads the schema's `QueryReply`.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }
}

extension Page {
    /// Appends elements that are messages.
    fileprivate func append(
        to bytes: inout [UInt8],
        _ write: (Element, inout [UInt8]) -> Void
    ) {
        for element in elements {
            bytes.append(messageField: 1) { write(element, &$0) }
        }
        bytes.append(field: 2, isTruncated)
    }

    /// Reads the pages that all look alike: elements, then whether there are more.
    fileprivate init(
        _ reader: inout FieldReader,
        in bytes: Span<UInt8>,
        _ element: (inout FieldReader, FieldReader.Field, Span<UInt8>) throws(ProtocolError) ->
            Element
    ) throws(ProtocolError) {
        self.init(elements: [], isTruncated: false)
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                try reader.checkCount(
                    elements.count,
                    field,
                    maximum: ProtocolLimits.maximumPage
                )
                elements.append(try element(&reader, field, bytes))
            case 2: isTruncated = try reader.boolean(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }
}
