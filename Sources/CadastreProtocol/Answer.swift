/// What a query is answered with, as values of bytes.
package enum Answer: Hashable, Sendable {
    /// To ``Query/getTenant(name:)``.
    case tenant(TenantRecord)
    /// To ``Query/listTenants(after:maximum:)``.
    case tenants(Page<TenantRecord>)
    /// To ``Query/getBucket(name:)``.
    case bucket(BucketRecord)
    /// To ``Query/listBuckets(prefix:after:maximum:)``.
    case buckets(Page<BucketRecord>)
    /// To ``Query/getObject(bucket:key:)``.
    case object(ObjectRecord)
    /// To ``Query/listObjects(_:)``.
    case objects(ObjectPage)
    /// To ``Query/getUsage(bucket:)``.
    case usage(Usage)
    /// To ``Query/listGrants(tenant:after:maximum:)``: names of services.
    case grants(Page<[UInt8]>)

    /// The number of the query that it answers, and of its field in the schema's `QueryReply`.
    package var tag: QueryTag {
        switch self {
        case .tenant: .getTenant
        case .tenants: .listTenants
        case .bucket: .getBucket
        case .buckets: .listBuckets
        case .object: .getObject
        case .objects: .listObjects
        case .usage: .getUsage
        case .grants: .listGrants
        }
    }
}

/// A part of a list, at most 1000 elements.
package struct Page<Element: Hashable & Sendable>: Hashable, Sendable {
    /// The elements, in the list's order.
    package var elements: [Element]
    /// More follow after the last element.
    package var isTruncated: Bool

    /// Composes a page.
    package init(elements: [Element], isTruncated: Bool) {
        self.elements = elements
        self.isTruncated = isTruncated
    }
}

/// What a tenant or a bucket holds.
package struct Usage: Hashable, Sendable {
    /// Number of buckets.
    package var buckets: UInt64
    /// Number of objects.
    package var objects: UInt64
    /// Sizes of all objects together.
    package var bytes: UInt64

    /// Composes a usage; nothing by default.
    package init(buckets: UInt64 = 0, objects: UInt64 = 0, bytes: UInt64 = 0) {
        self.buckets = buckets
        self.objects = objects
        self.bytes = bytes
    }
}

/// A tenant as it is.
package struct TenantRecord: Hashable, Sendable {
    /// Its number.
    package var id: TenantID
    /// Its name.
    package var name: [UInt8]
    /// What it may do.
    package var status: TenantStatus
    /// What it may hold.
    package var quota: Quota
    /// Cluster time of its creation.
    package var createdMilliseconds: UInt64
    /// What it holds.
    package var usage: Usage

    /// Composes a record.
    package init(
        id: TenantID,
        name: [UInt8],
        status: TenantStatus,
        quota: Quota,
        createdMilliseconds: UInt64,
        usage: Usage
    ) {
        self.id = id
        self.name = name
        self.status = status
        self.quota = quota
        self.createdMilliseconds = createdMilliseconds
        self.usage = usage
    }
}

/// A bucket as it is.
package struct BucketRecord: Hashable, Sendable {
    /// Its number.
    package var id: BucketID
    /// Its name.
    package var name: [UInt8]
    /// Cluster time of its creation.
    package var createdMilliseconds: UInt64
    /// Grows with each change of its configuration.
    package var epoch: UInt64
    /// What it holds.
    package var usage: Usage

    /// Composes a record.
    package init(
        id: BucketID,
        name: [UInt8],
        createdMilliseconds: UInt64,
        epoch: UInt64,
        usage: Usage
    ) {
        self.id = id
        self.name = name
        self.createdMilliseconds = createdMilliseconds
        self.epoch = epoch
        self.usage = usage
    }
}

/// One entry of a list of objects.
package enum ListItem: Hashable, Sendable {
    /// An object without its body.
    case object(
        key: [UInt8],
        sequence: UInt64,
        size: UInt64,
        etag: [UInt8],
        modifiedMilliseconds: UInt64
    )
    /// All keys that begin so, rolled up.
    case commonPrefix([UInt8])
}

/// A part of a list of objects.
package struct ObjectPage: Hashable, Sendable {
    /// Objects and common prefixes, ascending in byte order.
    package var items: ListItems
    /// More follow.
    package var isTruncated: Bool
    /// To be given as `after` for the next page.
    package var next: [UInt8]

    /// Composes a page.
    package init(items: ListItems, isTruncated: Bool, next: [UInt8]) {
        self.items = items
        self.isTruncated = isTruncated
        self.next = next
    }
}
