/// The bytes of commands: on the wire the schema's `Command`, in the log the tag and then the
/// message of that field alone.
extension Command {
    /// Checks every rule that needs no state: sizes, alphabets, order, bounds.
    ///
    /// What was decoded has been checked; what a node composes itself (a tick) is checked with
    /// this.
    ///
    /// - Throws: the refusal that the command deserves.
    package func validate() throws(ProtocolError) {
        try content.validate()
    }

    /// The canonical bytes of the schema's `Command`, as a client sends them.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    /// Appends what ``encode()`` returns.
    package func append(to bytes: inout [UInt8]) {
        bytes.append(messageField: tag.rawValue) { appendContent(to: &$0) }
    }

    /// Appends the canonical bytes of the message within, as the log holds them after the tag.
    func appendContent(to bytes: inout [UInt8]) {
        // Puts are most of what there is: not through an existential.
        if case .putObject(let content) = self {
            content.append(to: &bytes)
        } else {
            content.append(to: &bytes)
        }
    }

    /// Reads and validates the schema's `Command`.
    ///
    /// - Throws: `tooLarge`, `malformed`, `unknownVerb` where no command of this version is in
    ///   it, `notSupported` for unknown fields, or what ``validate()`` throws.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count <= ProtocolLimits.maximumCommandSize else {
            throw .outOfBounds(
                .tooLarge,
                "the command",
                bytes.count,
                0...ProtocolLimits.maximumCommandSize
            )
        }
        var reader = FieldReader("Command", 0..<bytes.count, unknownFields: .refused)
        guard let field = try reader.next(in: bytes) else {
            throw ProtocolError(.unknownVerb, "the request holds no command")
        }
        guard let tag = UInt8(exactly: field.number).flatMap(CommandTag.init(rawValue:)) else {
            throw ProtocolError(
                .unknownVerb,
                "command \(field.number) is not known to this version"
            )
        }
        try self.init(tag, reader.message("command", field, in: bytes), in: bytes)
        guard try reader.next(in: bytes) == nil else {
            throw .malformed("the request holds more than one command")
        }
    }

    /// Reads and validates the schema's `Command`.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }

    /// Reads and validates the message of one command.
    init(
        _ tag: CommandTag,
        _ reader: FieldReader,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) {
        func content<Content: CommandContent>(
            _ type: Content.Type
        ) throws(ProtocolError) -> Content {
            let content = try Content(reader, in: bytes)
            try content.validate()
            return content
        }
        switch tag {
        case .createTenant: self = .createTenant(try content(CreateTenant.self))
        case .updateTenant: self = .updateTenant(try content(UpdateTenant.self))
        case .setTenantStatus: self = .setTenantStatus(try content(SetTenantStatus.self))
        case .deleteTenant: self = .deleteTenant(try content(DeleteTenant.self))
        case .grantService: self = .grantService(try content(GrantService.self))
        case .revokeService: self = .revokeService(try content(RevokeService.self))
        case .createBucket: self = .createBucket(try content(CreateBucket.self))
        case .deleteBucket: self = .deleteBucket(try content(DeleteBucket.self))
        case .putObject: self = .putObject(try content(PutObject.self))
        case .deleteObject: self = .deleteObject(try content(DeleteObject.self))
        case .openSession: self = .openSession(try content(OpenSession.self))
        case .expireSession: self = .expireSession(try content(ExpireSession.self))
        case .tick: self = .tick(try content(Tick.self))
        case .batch: self = .batch(try content(Batch.self))
        }
    }
}
