/// The bytes of the records that answers hold, each a message of the schema.
extension Usage {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, buckets)
        bytes.append(field: 2, objects)
        bytes.append(field: 3, self.bytes)
    }

    /// Appends the message as a field.
    func append(field number: UInt8, to bytes: inout [UInt8]) {
        bytes.append(messageField: number) { append(to: &$0) }
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init()
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: buckets = try reader.integer(field, in: bytes)
            case 2: objects = try reader.integer(field, in: bytes)
            case 3: self.bytes = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }
}

extension TenantRecord {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, id.value)
        bytes.append(field: 2, name)
        bytes.append(field: 3, UInt64(status.rawValue))
        quota.append(field: 4, to: &bytes)
        bytes.append(field: 5, createdMilliseconds)
        usage.append(field: 6, to: &bytes)
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(
            id: .none,
            name: [],
            status: .active,
            quota: Quota(),
            createdMilliseconds: 0,
            usage: Usage()
        )
        var status: TenantStatus?
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: id = TenantID(try reader.integer(field, in: bytes))
            case 2:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound
                )
            case 3: status = try TenantStatus(reader.integer(field, in: bytes))
            case 4: quota = try Quota(reader.message("Quota", field, in: bytes), in: bytes)
            case 5: createdMilliseconds = try reader.integer(field, in: bytes)
            case 6: usage = try Usage(reader.message("Usage", field, in: bytes), in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        guard let status else { throw .malformed("Tenant: the status is not given") }
        self.status = status
    }
}

extension BucketRecord {
    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, id.value)
        bytes.append(field: 2, name)
        bytes.append(field: 3, createdMilliseconds)
        bytes.append(field: 4, epoch)
        usage.append(field: 5, to: &bytes)
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(id: BucketID(0), name: [], createdMilliseconds: 0, epoch: 0, usage: Usage())
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: id = BucketID(try reader.integer(field, in: bytes))
            case 2:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.bucketNameSize.upperBound
                )
            case 3: createdMilliseconds = try reader.integer(field, in: bytes)
            case 4: epoch = try reader.integer(field, in: bytes)
            case 5: usage = try Usage(reader.message("Usage", field, in: bytes), in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }
}

extension ObjectRecord {
    /// Bytes that an answer of it takes at most.
    var answerBound: Int {
        var bytes =
            key.count + etag.count + contentType.count + locations.count
            + (checksum?.value.count ?? 0)
        for pair in metadata { bytes += pair.name.count + pair.value.count }
        for tag in tags { bytes += tag.name.count + tag.value.count }
        // Each pair is a message with two fields.
        let fields = 12 + 3 * (metadata.count + tags.count)
        return RawFieldWriter.room(forFields: fields, bytes: bytes)
    }

    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, key)
        bytes.append(field: 2, sequence)
        bytes.append(field: 3, size)
        bytes.append(field: 4, etag)
        bytes.append(field: 5, modifiedMilliseconds)
        bytes.append(field: 6, contentType)
        checksum?.append(field: 7, to: &bytes)
        for pair in metadata { pair.append(field: 8, to: &bytes) }
        for tag in tags { tag.append(field: 9, to: &bytes) }
        bytes.append(field: 10, locations)
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        typealias Bound = ProtocolLimits
        self.init(key: [], sequence: 0, size: 0, modifiedMilliseconds: 0)
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: key = try reader.bytes(field, in: bytes, maximum: Bound.keySize.upperBound)
            case 2: sequence = try reader.integer(field, in: bytes)
            case 3: size = try reader.integer(field, in: bytes)
            case 4: etag = try reader.bytes(field, in: bytes, maximum: Bound.maximumEntityTagSize)
            case 5: modifiedMilliseconds = try reader.integer(field, in: bytes)
            case 6:
                contentType = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: Bound.maximumContentTypeSize
                )
            case 7: checksum = try Checksum(reader.message("Checksum", field, in: bytes), in: bytes)
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
                locations = try reader.bytes(field, in: bytes, maximum: Bound.maximumLocationsSize)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }
}

extension ObjectPage {
    /// Bytes of the answer that it is.
    package var answerSize: Int { FieldSize(message: encodedSize).bytes }

    /// How many bytes ``append(to:)`` appends.
    var encodedSize: FieldSize {
        let place = unsafe next.withUnsafeBytes { unsafe FieldSize(3, $0) }
        return FieldSize(written: items.encoded) + FieldSize(2, isTruncated ? 1 : 0) + place
    }

    /// Appends the fields.
    func append(to bytes: inout [UInt8]) {
        bytes.append(contentsOf: items.encoded)
        bytes.append(field: 2, isTruncated)
        bytes.append(field: 3, next)
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init(items: ListItems(reserving: reader.left), isTruncated: false, next: [])
        // Elements that stand behind each other, as all do, are copied at once.
        var elements = (range: reader.position..<reader.position, count: 0)
        var start = reader.position
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                try reader.checkCount(
                    items.count + elements.count,
                    field,
                    maximum: ProtocolLimits.maximumPage
                )
                try ListItems.check(element: field, of: &reader, in: bytes)
                if start != elements.range.upperBound {
                    items.append(checked: elements.range, of: bytes, count: elements.count)
                    elements = (start..<start, 0)
                }
                elements = (elements.range.lowerBound..<reader.position, elements.count + 1)
            case 2: isTruncated = try reader.boolean(field, in: bytes)
            case 3:
                next = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.maximumListBoundSize
                )
            default: try reader.unknown(field, in: bytes)
            }
            start = reader.position
        }
        items.append(checked: elements.range, of: bytes, count: elements.count)
    }
}
