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
