/// A command as it stands in the log: who, for whom, under which request, and what.
///
/// Fixed layout, little-endian, stored and hashed on every node. It carries its own size, which must
/// be that of the item in the block that holds it.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 4 | size of the whole envelope |
/// | 4 | 1 | layout version, 1 |
/// | 5 | 1 | tag of the command |
/// | 6 | 1 | principal: 1 node, 2 operator, 3 service, 4 tenant |
/// | 7 | 1 | identity: 0 none, 1 slot, 2 token |
/// | 8 | 8 | tenant, 0 = none |
/// | 16 | 8 | range epoch, 0 = not given |
/// | 24 | 8 | bucket epoch, 0 = not given |
/// | 32 | 8 | the principal's node, 0 where it is none |
/// | 40 | 1 | size of the principal's tenant name, 0 where it is no tenant |
/// | 41 | 1 | size of the principal's own name, 0 where it is a node |
/// | 42 | 6 | reserved, 0 |
/// | 48 | 0, 24, 48 | ``RequestIdentity`` |
/// | | | the principal's tenant name, then its own |
/// | | | to the end: the message of the command's field in the schema, canonically encoded |
package struct CommandEnvelope: Hashable, Sendable {
    /// The version that is written.
    package static let layoutVersion: UInt8 = 1
    /// Bytes before the identity.
    package static let fixedSize = 48
    /// Bytes of the largest envelope.
    package static let maximumSize =
        ProtocolLimits.maximumCommandSize + ProtocolLimits.maximumEnvelopeOverhead

    /// Who asked.
    package var principal: Principal
    /// For which tenant; ``TenantID/none`` for what concerns the cluster.
    package var tenant: TenantID
    /// The epoch of the key range by which the request was routed; 0 = not given.
    package var rangeEpoch: UInt64
    /// The epoch of the bucket's configuration on which the caller relied; 0 = not given.
    package var bucketEpoch: UInt64
    /// By what a retry is recognised.
    package var identity: RequestIdentity
    /// What is to change.
    package var command: Command {
        didSet { (tag, operations) = (command.tag, command.operations) }
    }
    /// Its number.
    ///
    /// Kept, as is ``operations``: who asks many commands for it need not copy them, which counts
    /// the references to all that they hold.
    package private(set) var tag: CommandTag
    /// How much there is to do, in changes of one thing.
    package private(set) var operations: Int

    /// Composes a command.
    package init(
        principal: Principal,
        tenant: TenantID,
        rangeEpoch: UInt64 = 0,
        bucketEpoch: UInt64 = 0,
        identity: RequestIdentity,
        command: Command
    ) {
        self.principal = principal
        self.tenant = tenant
        self.rangeEpoch = rangeEpoch
        self.bucketEpoch = bucketEpoch
        self.identity = identity
        self.command = command
        (tag, operations) = (command.tag, command.operations)
    }

    // MARK: Encoding

    /// The bytes for the log.
    ///
    /// The command has been validated.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        append(to: &bytes)
        return bytes
    }

    /// Appends what ``encode()`` returns.
    package func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(littleEndian: UInt32(0))
        bytes.append(Self.layoutVersion)
        bytes.append(command.tag.rawValue)
        bytes.append(principal.kind)
        bytes.append(identity.kind)
        bytes.append(littleEndian: tenant.value)
        bytes.append(littleEndian: rangeEpoch)
        bytes.append(littleEndian: bucketEpoch)
        principal.appendNumberAndSizes(to: &bytes)
        bytes.append(zeros: 6)
        identity.append(to: &bytes)
        principal.appendNames(to: &bytes)
        command.appendContent(to: &bytes)
        let size = bytes.count - start
        precondition(size <= Self.maximumSize, "a command of \(size) bytes was let in")
        bytes.replace(at: start, littleEndian: UInt32(size))
    }

    // MARK: Decoding

    /// Reads one envelope, which fills these bytes, and validates its command.
    ///
    /// What it holds may stay where it lies: it then keeps all of that memory.
    ///
    /// - Throws: `malformed`; `unknownVerb` and `notSupported` where a newer version wrote it; or
    ///   what ``Command/validate()`` throws.
    package init(decoding range: Range<Int>, of memory: [UInt8]) throws(ProtocolError) {
        let bytes = memory.span.extracting(range)
        guard bytes.count >= Self.fixedSize else { throw .truncated("the envelope") }
        guard bytes.count <= Self.maximumSize,
            bytes.littleEndian(at: 0, as: UInt32.self) == UInt32(bytes.count)
        else { throw .malformed("the envelope is not of the size that it says") }
        guard bytes[4] == Self.layoutVersion else {
            throw ProtocolError(.notSupported, "the layout of the envelope is not known")
        }
        guard let tag = CommandTag(rawValue: bytes[5]) else {
            throw ProtocolError(.unknownVerb, "command \(bytes[5]) is not known to this version")
        }
        guard let identitySize = RequestIdentity.size(ofKind: bytes[7]) else {
            throw .malformed("the kind of the request's identity is not known")
        }
        try bytes.checkReserved(42..<48, of: "the envelope")
        let names = Self.fixedSize + identitySize
        let content = names + Int(bytes[40]) + Int(bytes[41])
        guard bytes.count >= content else { throw .truncated("the envelope") }
        try self.init(
            principal: Principal(
                kind: bytes[6],
                node: bytes.littleEndian(at: 32),
                tenant: bytes.copy(names..<names + Int(bytes[40])),
                name: bytes.copy(names + Int(bytes[40])..<content)
            ),
            tenant: TenantID(bytes.littleEndian(at: 8)),
            rangeEpoch: bytes.littleEndian(at: 16),
            bucketEpoch: bytes.littleEndian(at: 24),
            identity: RequestIdentity(kind: bytes[7], at: Self.fixedSize, in: bytes),
            command: Command(
                tag,
                FieldReader(
                    "command",
                    range.lowerBound + content..<range.upperBound,
                    unknownFields: .refused
                ),
                lyingIn: memory
            )
        )
    }

    /// Reads one envelope.
    ///
    /// - Throws: as ``init(decoding:of:)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.indices, of: bytes)
    }
}
