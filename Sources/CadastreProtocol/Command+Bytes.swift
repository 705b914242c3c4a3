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

    /// Reads and validates the schema's `Command`, and may keep all of this memory.
    ///
    /// - Throws: `tooLarge`, `malformed`, `unknownVerb` where no command of this version is in
    ///   it, `notSupported` for unknown fields, or what ``validate()`` throws.
    package init(decoding memory: [UInt8]) throws(ProtocolError) {
        try Self.checkSize(memory.count)
        let bytes = memory.span
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
        try self.init(tag, reader.message("command", field, in: bytes), lyingIn: memory)
        guard try reader.next(in: bytes) == nil else {
            throw .malformed("the request holds more than one command")
        }
    }

    /// Reads and validates the schema's `Command`, in a copy of it.
    ///
    /// - Throws: as ``init(decoding:)-([UInt8])``.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        try Self.checkSize(bytes.count)
        try self.init(decoding: bytes.copy(0..<bytes.count))
    }

    private static func checkSize(_ size: Int) throws(ProtocolError) {
        guard size <= ProtocolLimits.maximumCommandSize else {
            throw .outOfBounds(
                .tooLarge,
                "the command",
                size,
                0...ProtocolLimits.maximumCommandSize
            )
        }
    }

    /// Reads and validates the message of one command, which may stay where it lies.
    init(
        _ tag: CommandTag,
        _ reader: FieldReader,
        lyingIn memory: [UInt8]
    ) throws(ProtocolError) {
        let bytes = memory.span
        // Each reads its message and refuses what is not in it, with the limits that bound memory.
        func checked<Content: CommandContent>(
            _ content: Content
        ) throws(ProtocolError) -> Content {
            try content.validate()
            return content
        }
        switch tag {
        case .createTenant: self = .createTenant(try checked(CreateTenant(reader, in: bytes)))
        case .updateTenant: self = .updateTenant(try checked(UpdateTenant(reader, in: bytes)))
        case .setTenantStatus:
            self = .setTenantStatus(try checked(SetTenantStatus(reader, in: bytes)))
        case .deleteTenant: self = .deleteTenant(try checked(DeleteTenant(reader, in: bytes)))
        case .grantService: self = .grantService(try checked(GrantService(reader, in: bytes)))
        case .revokeService: self = .revokeService(try checked(RevokeService(reader, in: bytes)))
        case .createBucket: self = .createBucket(try checked(CreateBucket(reader, in: bytes)))
        case .deleteBucket: self = .deleteBucket(try checked(DeleteBucket(reader, in: bytes)))
        case .putObject: self = .putObject(try checked(PutObject(reader, lyingIn: memory)))
        case .deleteObject: self = .deleteObject(try checked(DeleteObject(reader, in: bytes)))
        case .openSession: self = .openSession(try checked(OpenSession(reader, in: bytes)))
        case .expireSession: self = .expireSession(try checked(ExpireSession(reader, in: bytes)))
        case .tick: self = .tick(try checked(Tick(reader, in: bytes)))
        case .batch: self = .batch(try checked(Batch(reader, lyingIn: memory)))
        }
    }
}
