/// What can be asked of the state, as values of bytes.
package enum Query: Hashable, Sendable {
    /// One tenant.
    case getTenant(name: [UInt8])
    /// A page of tenants, ascending by name.
    case listTenants(after: [UInt8], maximum: Int)
    /// One bucket of the tenant.
    case getBucket(name: [UInt8])
    /// A page of the tenant's buckets, ascending by name.
    case listBuckets(prefix: [UInt8], after: [UInt8], maximum: Int)
    /// One object.
    case getObject(bucket: [UInt8], key: [UInt8])
    /// A page of objects and common prefixes.
    case listObjects(ObjectListing)
    /// Of the tenant, or of one bucket of it.
    case getUsage(bucket: [UInt8]?)
    /// A page of the services granted to a tenant, ascending by name.
    case listGrants(tenant: [UInt8], after: [UInt8], maximum: Int)

    /// Its number.
    package var tag: QueryTag {
        switch self {
        case .getTenant: .getTenant
        case .listTenants: .listTenants
        case .getBucket: .getBucket
        case .listBuckets: .listBuckets
        case .getObject: .getObject
        case .listObjects: .listObjects
        case .getUsage: .getUsage
        case .listGrants: .listGrants
        }
    }
}

/// The number of each query in the schema's `oneof`, and of the answer to it: never reused.
package enum QueryTag: UInt8, Hashable, Sendable, CaseIterable {
    /// ``Query/getTenant(name:)``, answered by ``Answer/tenant(_:)``.
    case getTenant = 1
    /// ``Query/listTenants(after:maximum:)``, answered by ``Answer/tenants(_:)``.
    case listTenants = 2
    /// ``Query/getBucket(name:)``, answered by ``Answer/bucket(_:)``.
    case getBucket = 3
    /// ``Query/listBuckets(prefix:after:maximum:)``, answered by ``Answer/buckets(_:)``.
    case listBuckets = 4
    /// ``Query/getObject(bucket:key:)``, answered by ``Answer/object(_:)``.
    case getObject = 5
    /// ``Query/listObjects(_:)``, answered by ``Answer/objects(_:)``.
    case listObjects = 6
    /// ``Query/getUsage(bucket:)``, answered by ``Answer/usage(_:)``.
    case getUsage = 7
    /// ``Query/listGrants(tenant:after:maximum:)``, answered by ``Answer/grants(_:)``.
    case listGrants = 8
}

/// One page of a list of objects; `maximum` 0…1000, already defaulted.
package struct ObjectListing: Hashable, Sendable {
    /// Of which bucket.
    package var bucket: [UInt8]
    /// Only keys that begin so.
    package var prefix: [UInt8]
    /// Keys that contain it after the prefix are rolled up; empty: none are.
    package var delimiter: [UInt8]
    /// Exclusive: a key, or a common prefix, whose whole group is then skipped.
    package var after: [UInt8]
    /// The most items, 0…1000; with 0 an empty page that is not truncated.
    package var maximum: Int

    /// Composes the listing.
    package init(
        bucket: [UInt8],
        prefix: [UInt8] = [],
        delimiter: [UInt8] = [],
        after: [UInt8] = [],
        maximum: Int = ProtocolLimits.maximumPage
    ) {
        self.bucket = bucket
        self.prefix = prefix
        self.delimiter = delimiter
        self.after = after
        self.maximum = maximum
    }
}
