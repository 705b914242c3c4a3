/// Registers a bucket of the tenant; names are unique in the cluster.
package struct CreateBucket: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]

    /// Composes the command.
    package init(name: [UInt8]) {
        self.name = name
    }
}

extension CreateBucket: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, name)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var name: [UInt8] = []
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.bucketNameSize.upperBound,
                    .invalidName
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(name: name)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkBucket(name)
    }
}

/// Removes a bucket; refused while an object is in it.
package struct DeleteBucket: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]

    /// Composes the command.
    package init(name: [UInt8]) {
        self.name = name
    }
}

extension DeleteBucket: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, name)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var name: [UInt8] = []
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.bucketNameSize.upperBound,
                    .invalidName
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(name: name)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkBucket(name)
    }
}
