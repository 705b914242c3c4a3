/// Registers a tenant.
///
/// Operators only.
package struct CreateTenant: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]
    /// What it may hold.
    package var quota: Quota

    /// Composes the command.
    package init(name: [UInt8], quota: Quota) {
        self.name = name
        self.quota = quota
    }
}

extension CreateTenant: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, name)
        quota.append(field: 2, to: &bytes)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var name: [UInt8] = []
        var quota = Quota()
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            case 2: quota = try Quota(reader.message("Quota", field, in: bytes), in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(name: name, quota: quota)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkTenant(name)
        try quota.validate()
    }
}

/// Replaces a tenant's quota; one below the present use is allowed and stops growth.
///
/// Operators only.
package struct UpdateTenant: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]
    /// What it may hold from now on.
    package var quota: Quota

    /// Composes the command.
    package init(name: [UInt8], quota: Quota) {
        self.name = name
        self.quota = quota
    }
}

extension UpdateTenant: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, name)
        quota.append(field: 2, to: &bytes)
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var name: [UInt8] = []
        var quota = Quota()
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            case 2: quota = try Quota(reader.message("Quota", field, in: bytes), in: bytes)
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(name: name, quota: quota)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkTenant(name)
        try quota.validate()
    }
}

/// Suspends a tenant, or makes it active again.
///
/// Operators only.
package struct SetTenantStatus: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]
    /// What it may do from now on.
    package var status: TenantStatus

    /// Composes the command.
    package init(name: [UInt8], status: TenantStatus) {
        self.name = name
        self.status = status
    }
}

extension SetTenantStatus: CommandContent {
    func append(to bytes: inout [UInt8]) {
        bytes.append(field: 1, name)
        bytes.append(field: 2, UInt64(status.rawValue))
    }

    init(_ reader: consuming FieldReader, in bytes: Span<UInt8>) throws(ProtocolError) {
        var name: [UInt8] = []
        var status: TenantStatus?
        while let field = try reader.next(in: bytes) {
            switch field.number {
            case 1:
                name = try reader.bytes(
                    field,
                    in: bytes,
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            case 2: status = try TenantStatus(reader.integer(field, in: bytes))
            default: try reader.unknown(field, in: bytes)
            }
        }
        guard let status else { throw ProtocolError(.invalidValue, "the status is not given") }
        self.init(name: name, status: status)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkTenant(name)
    }
}

/// Removes a tenant; refused while it has a bucket.
///
/// Operators only.
package struct DeleteTenant: Hashable, Sendable {
    /// Its name.
    package var name: [UInt8]

    /// Composes the command.
    package init(name: [UInt8]) {
        self.name = name
    }
}

extension DeleteTenant: CommandContent {
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
                    maximum: ProtocolLimits.nameSize.upperBound,
                    .invalidName
                )
            default: try reader.unknown(field, in: bytes)
            }
        }
        self.init(name: name)
    }

    package func validate() throws(ProtocolError) {
        try Names.checkTenant(name)
    }
}
