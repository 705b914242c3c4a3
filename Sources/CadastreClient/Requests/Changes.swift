internal import CadastreProtocol

/// Creates a tenant; operators only.
///
/// Yields the tenant's id.
public struct CreateTenant: ClientCommand, Hashable {
    /// 1…64 bytes of `[a-z0-9._-]`.
    public var name: [UInt8]
    /// Its bounds.
    public var quota: Quota

    /// Makes the command.
    public init(name: [UInt8], quota: Quota = Quota()) {
        self.name = name
        self.quota = quota
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.createTenant(.init(name: name, quota: quota.wire))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> UInt64 { receipt.number }
}

/// Replaces a tenant's quota; operators only.
///
/// One below the present use stops growth.
public struct UpdateTenant: ClientCommand, Hashable {
    /// Which tenant.
    public var name: [UInt8]
    /// The new bounds.
    public var quota: Quota

    /// Makes the command.
    public init(name: [UInt8], quota: Quota) {
        self.name = name
        self.quota = quota
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.updateTenant(.init(name: name, quota: quota.wire))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Suspends a tenant or lets it grow again; operators only.
public struct SetTenantSuspended: ClientCommand, Hashable {
    /// Which tenant.
    public var name: [UInt8]
    /// Whether growing is refused from now on.
    public var isSuspended: Bool

    /// Makes the command.
    public init(name: [UInt8], isSuspended: Bool) {
        self.name = name
        self.isSuspended = isSuspended
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(
            .command(
                .setTenantStatus(.init(name: name, status: isSuspended ? .suspended : .active))
            )
        )
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Deletes a tenant that has no bucket; operators only.
public struct DeleteTenant: ClientCommand, Hashable {
    /// Which tenant.
    public var name: [UInt8]

    /// Makes the command.
    public init(name: [UInt8]) { self.name = name }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.deleteTenant(.init(name: name))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Lets a service act for a tenant; operators only.
///
/// Granting twice is done.
public struct GrantService: ClientCommand, Hashable {
    /// For which tenant.
    public var tenant: [UInt8]
    /// Which service, by the name in its certificate.
    public var service: [UInt8]

    /// Makes the command.
    public init(tenant: [UInt8], service: [UInt8]) {
        self.tenant = tenant
        self.service = service
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.grantService(.init(tenant: tenant, service: service))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Forbids a service to act for a tenant; operators only.
///
/// Revoking what is not granted is done.
public struct RevokeService: ClientCommand, Hashable {
    /// For which tenant.
    public var tenant: [UInt8]
    /// Which service.
    public var service: [UInt8]

    /// Makes the command.
    public init(tenant: [UInt8], service: [UInt8]) {
        self.tenant = tenant
        self.service = service
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.revokeService(.init(tenant: tenant, service: service))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Creates a bucket.
///
/// Yields the bucket's id.
public struct CreateBucket: ClientCommand, Hashable {
    /// 3…63 bytes of `[a-z0-9.-]`, unique in the cluster.
    public var name: [UInt8]

    /// Makes the command.
    public init(name: [UInt8]) { self.name = name }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.createBucket(.init(name: name))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> UInt64 { receipt.number }
}

/// Deletes a bucket that has no object.
public struct DeleteBucket: ClientCommand, Hashable {
    /// Which bucket.
    public var name: [UInt8]

    /// Makes the command.
    public init(name: [UInt8]) { self.name = name }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.command(.deleteBucket(.init(name: name))))
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// What must hold of an object when a command is applied.
public enum Precondition: Sendable, Hashable {
    /// There is none.
    case ifAbsent
    /// There is one.
    case ifPresent
    /// Its entity tag is one of these, byte for byte.
    case ifMatch([[UInt8]])

    /// As the protocol has it.
    var wire: CadastreProtocol.Precondition {
        switch self {
        case .ifAbsent: .ifAbsent
        case .ifPresent: .ifPresent
        case .ifMatch(let tags): .ifMatch(tags)
        }
    }
}

/// Puts the whole of an object's metadata, visible at once or not at all.
public struct PutObject: ClientCommand, Hashable {
    /// Into which bucket.
    public var bucket: [UInt8]
    /// 1…1024 bytes, any.
    public var key: [UInt8]
    /// The content's size in bytes, at most 2^62.
    public var size: UInt64
    /// As the service computed it.
    public var etag: [UInt8] = []
    /// Of the content.
    public var checksum: Checksum?
    /// A media type.
    public var contentType: [UInt8] = []
    /// Each name once; sent ascending by name.
    public var metadata: [Attribute] = []
    /// Each name once; sent ascending by name.
    public var tags: [Attribute] = []
    /// Where the bytes are; opaque to the register.
    public var locations: [UInt8] = []
    /// What must hold of the object that is there.
    public var precondition: Precondition?
    /// When the content was last changed, milliseconds since 1970; nil is the time of the put.
    public var modifiedMilliseconds: UInt64?

    /// Makes the command; what is not given here can be set.
    public init(bucket: [UInt8], key: [UInt8], size: UInt64) {
        self.bucket = bucket
        self.key = key
        self.size = size
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest { EncodedRequest(.command(.putObject(wire))) }

    fileprivate var wire: CadastreProtocol.PutObject {
        .init(
            bucket: bucket,
            key: key,
            size: size,
            etag: etag,
            checksum: checksum?.wire,
            contentType: contentType,
            metadata: Attribute.wire(metadata),
            tags: Attribute.wire(tags),
            locations: locations,
            precondition: precondition?.wire,
            modifiedMilliseconds: modifiedMilliseconds
        )
    }
    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Deletes an object.
///
/// Yields whether there was one.
public struct DeleteObject: ClientCommand, Hashable {
    /// From which bucket.
    public var bucket: [UInt8]
    /// Which object.
    public var key: [UInt8]
    /// What must hold of it.
    public var precondition: Precondition?

    /// Makes the command.
    public init(bucket: [UInt8], key: [UInt8], precondition: Precondition? = nil) {
        self.bucket = bucket
        self.key = key
        self.precondition = precondition
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest { EncodedRequest(.command(.deleteObject(wire))) }

    fileprivate var wire: CadastreProtocol.DeleteObject {
        .init(bucket: bucket, key: key, precondition: precondition?.wire)
    }

    /// What the receipt means.
    public static func value(of receipt: Receipt) -> Bool { receipt.number != 0 }
}

/// Puts and deletes several objects of one tenant as one: all of it happens, or nothing.
///
/// The operations are done in their order, each upon what those before it leave; a quota is held
/// against what all of them come to. For one that is refused the whole is, and
/// ``Refused/operation`` says which it was. Costs far less than as many commands. While a node's disk
/// is nearly full it is refused even if it only deletes: delete one by one.
public struct Batch: ClientCommand, Hashable {
    /// One of the changes.
    public enum Operation: Sendable, Hashable {
        /// Puts an object.
        case put(PutObject)
        /// Deletes an object, if it is there.
        case delete(DeleteObject)
    }

    /// 1…1000, of any buckets of the tenant; 4 MiB in all.
    public var operations: [Operation]

    /// Makes the command.
    public init(_ operations: [Operation]) { self.operations = operations }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        let operations = operations.map { operation in
            switch operation {
            case .put(let put): CadastreProtocol.Batch.Operation.put(put.wire)
            case .delete(let delete): CadastreProtocol.Batch.Operation.delete(delete.wire)
            }
        }
        return EncodedRequest(.command(.batch(.init(operations))))
    }

    /// What the receipt means: its number is how many objects were there and were deleted, its
    /// sequence that of the last change.
    public static func value(of receipt: Receipt) -> Receipt { receipt }
}

/// Opens a session of this many slots; the client does it by itself.
///
/// Yields the session's id.
struct OpenSession: ClientCommand {
    var slots: UInt32

    var encoded: EncodedRequest {
        EncodedRequest(.command(.openSession(.init(slots: slots))))
    }
    static func value(of receipt: Receipt) -> UInt64 { receipt.number }
}

/// Closes a session; the client does it by itself.
struct ExpireSession: ClientCommand {
    var session: UInt64

    var encoded: EncodedRequest {
        EncodedRequest(.command(.expireSession(.init(session: session))))
    }
    static func value(of receipt: Receipt) -> Receipt { receipt }
}
