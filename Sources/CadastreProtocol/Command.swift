/// What can be changed, as values of bytes: nothing above the schema sees protobuf.
package enum Command: Hashable, Sendable {
    /// Registers a tenant.
    case createTenant(CreateTenant)
    /// Replaces a tenant's quota.
    case updateTenant(UpdateTenant)
    /// Suspends a tenant, or makes it active again.
    case setTenantStatus(SetTenantStatus)
    /// Removes a tenant that has no buckets.
    case deleteTenant(DeleteTenant)
    /// Lets a service act for a tenant.
    case grantService(GrantService)
    /// Takes that back.
    case revokeService(RevokeService)
    /// Registers a bucket of the tenant.
    case createBucket(CreateBucket)
    /// Removes an empty bucket.
    case deleteBucket(DeleteBucket)
    /// Registers an object, or replaces it whole.
    case putObject(PutObject)
    /// Removes an object.
    case deleteObject(DeleteObject)
    /// Opens a session, whose slots recognise retries.
    case openSession(OpenSession)
    /// Closes a session of the same principal.
    case expireSession(ExpireSession)
    /// Advances cluster time.
    case tick(Tick)
    /// Registers, replaces and removes several objects, or none of them.
    case batch(Batch)

    /// Its number.
    package var tag: CommandTag {
        switch self {
        case .createTenant: .createTenant
        case .updateTenant: .updateTenant
        case .setTenantStatus: .setTenantStatus
        case .deleteTenant: .deleteTenant
        case .grantService: .grantService
        case .revokeService: .revokeService
        case .createBucket: .createBucket
        case .deleteBucket: .deleteBucket
        case .putObject: .putObject
        case .deleteObject: .deleteObject
        case .openSession: .openSession
        case .expireSession: .expireSession
        case .tick: .tick
        case .batch: .batch
        }
    }

    /// How much there is to do, in changes of one thing.
    package var operations: Int {
        if case .batch(let batch) = self { batch.operations.count } else { 1 }
    }

    /// What the cases hold, for what is done alike with all of them.
    var content: any CommandContent {
        switch self {
        case .createTenant(let content): content
        case .updateTenant(let content): content
        case .setTenantStatus(let content): content
        case .deleteTenant(let content): content
        case .grantService(let content): content
        case .revokeService(let content): content
        case .createBucket(let content): content
        case .deleteBucket(let content): content
        case .putObject(let content): content
        case .deleteObject(let content): content
        case .openSession(let content): content
        case .expireSession(let content): content
        case .tick(let content): content
        case .batch(let content): content
        }
    }
}

/// The number of each command in the log and in the schema's `oneof`: never reused.
package enum CommandTag: UInt8, Hashable, Sendable, CaseIterable {
    /// ``Command/createTenant(_:)``
    case createTenant = 1
    /// ``Command/updateTenant(_:)``
    case updateTenant = 2
    /// ``Command/setTenantStatus(_:)``
    case setTenantStatus = 3
    /// ``Command/deleteTenant(_:)``
    case deleteTenant = 4
    /// ``Command/grantService(_:)``
    case grantService = 5
    /// ``Command/revokeService(_:)``
    case revokeService = 6
    /// ``Command/createBucket(_:)``
    case createBucket = 7
    /// ``Command/deleteBucket(_:)``
    case deleteBucket = 8
    /// ``Command/putObject(_:)``
    case putObject = 9
    /// ``Command/deleteObject(_:)``
    case deleteObject = 10
    /// ``Command/openSession(_:)``
    case openSession = 11
    /// ``Command/expireSession(_:)``
    case expireSession = 12
    /// ``Command/tick(_:)``
    case tick = 13
    /// ``Command/batch(_:)``
    case batch = 14
}

/// What has rules that need no state.
package protocol Validatable {
    /// Checks every rule that needs no state.
    ///
    /// - Throws: the refusal that it deserves.
    func validate() throws(ProtocolError)
}

/// What each command's content can do: its bytes, and the rules that need no state.
protocol CommandContent: Validatable, Hashable, Sendable {
    /// Appends the canonical bytes of the schema's message.
    func append(to bytes: inout [UInt8])
}
