/// Lets a service act for a tenant; granting twice is done, not refused.
///
/// Operators only.
package struct GrantService: Hashable, Sendable {
    /// For which tenant the service may act.
    package var tenant: [UInt8]
    /// Which service.
    package var service: [UInt8]

    /// Composes the command.
    package init(tenant: [UInt8], service: [UInt8]) {
        self.tenant = tenant
        self.service = service
    }
}

extension GrantService: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, tenant)
        bytes.append(field: 2, service)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var tenant: [UInt8] = []
        var service: [UInt8] = []
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                tenant = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            case 2:
                service = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(tenant: tenant, service: service)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkTenant(tenant)
        try Names.checkService(service)
    }
}

/// Takes a grant back; revoking what is not granted is done, not refused.
///
/// Operators only.
package struct RevokeService: Hashable, Sendable {
    /// For which tenant the service may act.
    package var tenant: [UInt8]
    /// Which service.
    package var service: [UInt8]

    /// Composes the command.
    package init(tenant: [UInt8], service: [UInt8]) {
        self.tenant = tenant
        self.service = service
    }
}

extension RevokeService: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, tenant)
        bytes.append(field: 2, service)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var tenant: [UInt8] = []
        var service: [UInt8] = []
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                tenant = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            case 2:
                service = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(tenant: tenant, service: service)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkTenant(tenant)
        try Names.checkService(service)
    }
}
