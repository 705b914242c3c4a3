/// What a client asks: the body of a frame of kind ``FrameKind/request``.
///
/// Fixed layout before the schema's message, little-endian.
///
/// | offset | width | meaning |
/// |---|---|---|
/// | 0 | 1 | consistency: 1 linearizable, 2 at least, 3 bounded, 4 any |
/// | 1 | 1 | identity: 0 none, 1 slot, 2 token |
/// | 2 | 1 | what: 1 command, 2 query, 3 administration |
/// | 3 | 1 | size of the tenant's name; 0: none (a tenant's own certificate names it) |
/// | 4 | 4 | deadline in ms from receipt; 0: the node's default; capped by the node |
/// | 8 | 8 | the index of *at least*, the ms of *bounded*; else 0 |
/// | 16 | 8 | range epoch, 0 = not given |
/// | 24 | 8 | bucket epoch, 0 = not given |
/// | 32 | 48 | ``RequestIdentity``, filled up with 0 |
/// | 80 | | the tenant's name |
/// | | | to the end: the schema's `Command`, `Query` or `Administration` |
package struct RequestMessage: Hashable, Sendable {
    /// Bytes before the tenant's name.
    package static let fixedSize = 80

    /// How fresh the answer must be.
    package var consistency: Consistency
    /// By what a retry is recognised.
    package var identity: RequestIdentity
    /// For which tenant; nil where the certificate says it, or where no tenant is concerned.
    package var tenant: [UInt8]?
    /// How long the caller waits, from receipt; 0: the node's default.
    package var deadlineMilliseconds: UInt32
    /// The epoch of the key range by which the request was routed; 0 = not given.
    package var rangeEpoch: UInt64
    /// The epoch of the bucket's configuration on which the caller relied; 0 = not given.
    package var bucketEpoch: UInt64
    /// What is asked.
    package var content: RequestContent

    /// Composes a request.
    package init(
        consistency: Consistency = .linearizable,
        identity: RequestIdentity = .none,
        tenant: [UInt8]? = nil,
        deadlineMilliseconds: UInt32 = 0,
        rangeEpoch: UInt64 = 0,
        bucketEpoch: UInt64 = 0,
        content: RequestContent
    ) {
        self.consistency = consistency
        self.identity = identity
        self.tenant = tenant
        self.deadlineMilliseconds = deadlineMilliseconds
        self.rangeEpoch = rangeEpoch
        self.bucketEpoch = bucketEpoch
        self.content = content
    }

    /// The deadline that a node keeps: the default where none is given, never above the cap.
    package var effectiveDeadlineMilliseconds: UInt32 {
        deadlineMilliseconds == 0
            ? ProtocolLimits.defaultDeadlineMilliseconds
            : min(deadlineMilliseconds, ProtocolLimits.maximumDeadlineMilliseconds)
    }

    /// Appends the body.
    package func append(to bytes: inout [UInt8]) {
        Head(
            consistency: consistency,
            identity: identity,
            tenant: tenant,
            deadlineMilliseconds: deadlineMilliseconds,
            rangeEpoch: rangeEpoch,
            bucketEpoch: bucketEpoch
        ).append(for: content.kind, to: &bytes)
        content.append(to: &bytes)
    }

    /// What stands before the content, for a content that is encoded already
    /// (``RequestContent/encode()``): it follows at once.
    package struct Head {
        let consistency: Consistency
        let identity: RequestIdentity
        let tenant: [UInt8]?
        let deadlineMilliseconds: UInt32
        let rangeEpoch: UInt64
        let bucketEpoch: UInt64

        /// As in a request.
        package init(
            consistency: Consistency,
            identity: RequestIdentity,
            tenant: [UInt8]?,
            deadlineMilliseconds: UInt32,
            rangeEpoch: UInt64 = 0,
            bucketEpoch: UInt64 = 0
        ) {
            self.consistency = consistency
            self.identity = identity
            self.tenant = tenant
            self.deadlineMilliseconds = deadlineMilliseconds
            self.rangeEpoch = rangeEpoch
            self.bucketEpoch = bucketEpoch
        }

        /// Appends it.
        package func append(for kind: RequestKind, to bytes: inout [UInt8]) {
            let tenant = tenant ?? []
            precondition(
                tenant.count <= ProtocolLimits.nameSize.upperBound,
                "a tenant's name of \(tenant.count) bytes"
            )
            bytes.append(consistency.kind)
            bytes.append(identity.kind)
            bytes.append(kind.rawValue)
            bytes.append(UInt8(tenant.count))
            bytes.append(littleEndian: deadlineMilliseconds)
            bytes.append(littleEndian: consistency.parameter)
            bytes.append(littleEndian: rangeEpoch)
            bytes.append(littleEndian: bucketEpoch)
            let identityStart = bytes.count
            identity.append(to: &bytes)
            bytes.append(zeros: identityStart + 48 - bytes.count)
            bytes.append(contentsOf: tenant)
        }
    }

    /// The body.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512)
        append(to: &bytes)
        return bytes
    }

    /// Reads and validates a body.
    ///
    /// - Throws: `malformed`, `invalidName`, or what the content's decoder throws. The request id
    ///   is in the frame's header, so that the refusal can be answered.
    package init(decoding bytes: Span<UInt8>) throws(ProtocolError) {
        guard bytes.count >= Self.fixedSize else { throw .truncated("the request") }
        guard let kind = RequestKind(rawValue: bytes[2]) else {
            throw ProtocolError(.unknownVerb, "what is asked is not known to this version")
        }
        guard let identitySize = RequestIdentity.size(ofKind: bytes[1]) else {
            throw .malformed("the kind of the request's identity is not known")
        }
        try bytes.checkReserved(32 + identitySize..<80, of: "the request")
        let contentStart = Self.fixedSize + Int(bytes[3])
        guard bytes.count >= contentStart else { throw .truncated("the request") }
        var tenant: [UInt8]?
        if bytes[3] > 0 {
            let name = bytes.copy(Self.fixedSize..<contentStart)
            try Names.checkTenant(name)
            tenant = name
        }
        try self.init(
            consistency: Consistency(kind: bytes[0], parameter: bytes.littleEndian(at: 8)),
            identity: RequestIdentity(kind: bytes[1], at: 32, in: bytes),
            tenant: tenant,
            deadlineMilliseconds: bytes.littleEndian(at: 4),
            rangeEpoch: bytes.littleEndian(at: 16),
            bucketEpoch: bytes.littleEndian(at: 24),
            content: RequestContent(
                kind,
                decoding: bytes.extracting(contentStart..<bytes.count)
            )
        )
    }

    /// Reads and validates a body.
    ///
    /// - Throws: as ``init(decoding:)-(Span<UInt8>)``.
    package init(decoding bytes: [UInt8]) throws(ProtocolError) {
        try self.init(decoding: bytes.span)
    }
}

/// How fresh an answer must be.
package enum Consistency: Hashable, Sendable {
    /// As if there were one copy. Commands always are.
    case linearizable
    /// What was applied through this index is in it.
    case atLeast(index: UInt64)
    /// At most this old.
    case bounded(milliseconds: UInt64)
    /// Whatever the node has.
    case any

    /// Its number on the wire.
    var kind: UInt8 {
        switch self {
        case .linearizable: 1
        case .atLeast: 2
        case .bounded: 3
        case .any: 4
        }
    }

    /// What belongs to the number.
    var parameter: UInt64 {
        switch self {
        case .linearizable, .any: 0
        case .atLeast(let index): index
        case .bounded(let milliseconds): milliseconds
        }
    }

    /// Puts together what the wire holds.
    init(kind: UInt8, parameter: UInt64) throws(ProtocolError) {
        guard parameter <= ProtocolLimits.maximumQuantity else {
            throw ProtocolError(.invalidValue, "the bound of the consistency is above 2^62")
        }
        switch (kind, parameter) {
        case (1, 0): self = .linearizable
        case (2, _): self = .atLeast(index: parameter)
        case (3, _): self = .bounded(milliseconds: parameter)
        case (4, 0): self = .any
        case (1, _), (4, _): throw .malformed("a bound beside a consistency that has none")
        case (_, _): throw ProtocolError(.notSupported, "the consistency is not known")
        }
    }
}

/// Which of the three languages a request or reply speaks.
package enum RequestKind: UInt8, Hashable, Sendable, CaseIterable {
    /// A change.
    case command = 1
    /// A question about the state.
    case query = 2
    /// What an operator asks of one node.
    case administration = 3
}

/// What is asked.
package enum RequestContent: Hashable, Sendable {
    /// A change.
    case command(Command)
    /// A question about the state.
    case query(Query)
    /// What an operator asks of one node.
    case administration(AdministrationRequest)

    /// Which of the three.
    package var kind: RequestKind {
        switch self {
        case .command: .command
        case .query: .query
        case .administration: .administration
        }
    }

    /// The schema's message.
    package func encode() -> [UInt8] {
        var bytes: [UInt8] = []
        // Most commands put one object, and most queries name one.
        bytes.reserveCapacity(kind == .command ? 512 : 128)
        append(to: &bytes)
        return bytes
    }

    /// Appends the schema's message.
    func append(to bytes: inout [UInt8]) {
        switch self {
        case .command(let command): command.append(to: &bytes)
        case .query(let query): query.append(to: &bytes)
        case .administration(let request): bytes.append(contentsOf: request.encode())
        }
    }

    /// Reads the schema's message.
    package init(_ kind: RequestKind, decoding bytes: Span<UInt8>) throws(ProtocolError) {
        switch kind {
        case .command: self = .command(try Command(decoding: bytes))
        case .query: self = .query(try Query(decoding: bytes))
        case .administration:
            self = .administration(try AdministrationRequest(decoding: bytes))
        }
    }
}
