/// Bounds of what a tenant may hold; nil does not limit.
package struct Quota: Hashable, Sendable {
    /// Sizes of all objects together.
    package var bytes: UInt64?
    /// Number of objects.
    package var objects: UInt64?
    /// Number of buckets.
    package var buckets: UInt64?

    /// Composes a quota; one without bounds by default.
    package init(bytes: UInt64? = nil, objects: UInt64? = nil, buckets: UInt64? = nil) {
        self.bytes = bytes
        self.objects = objects
        self.buckets = buckets
    }

    /// Appends the field, or nothing where nothing is limited.
    func append(field number: UInt8, to bytes: inout [UInt8]) {
        guard self != Quota() else { return }
        bytes.append(messageField: number) { bytes in
            if let value = self.bytes { bytes.append(presentField: 1, value) }
            if let objects { bytes.append(presentField: 2, objects) }
            if let buckets { bytes.append(presentField: 3, buckets) }
        }
    }

    /// Reads the schema's message.
    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        self.init()
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1: self.bytes = try reader.integer(field, in: bytes)
            case 2: objects = try reader.integer(field, in: bytes)
            case 3: buckets = try reader.integer(field, in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
    }

    /// Checks the bounds.
    func validate() throws(ProtocolError) {
        for bound in [bytes, objects, buckets] {
            guard bound ?? 0 <= ProtocolLimits.maximumQuantity else {
                throw ProtocolError(.invalidValue, "a quota is above 2^62")
            }
        }
    }
}

/// What a tenant may do.
package enum TenantStatus: UInt8, Hashable, Sendable, CaseIterable {
    /// Everything within its quota.
    case active = 1
    /// Reads and deletes go on, growing is refused.
    case suspended = 2

    /// Reads the schema's number.
    init(_ number: UInt64) throws(ProtocolError) {
        guard number != 0 else {
            throw ProtocolError(.invalidValue, "the status is not given")
        }
        guard let status = UInt8(exactly: number).flatMap(TenantStatus.init(rawValue:)) else {
            throw ProtocolError(.notSupported, "the status is not known to this version")
        }
        self = status
    }
}
