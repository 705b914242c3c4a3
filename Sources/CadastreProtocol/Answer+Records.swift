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
