internal import CadastreProtocol

/// Reads a tenant; operators only.
public struct GetTenant: ClientQuery, Hashable {
    /// Which tenant.
    public var name: [UInt8]

    /// Makes the query.
    public init(name: [UInt8]) { self.name = name }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.getTenant(name: name)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Tenant {
        guard case .query(.tenant(let record)) = reply.content else {
            throw UnreadableReply("the answer is no tenant")
        }
        return Tenant(record)
    }
}

/// Lists tenants, ascending by name; operators only.
public struct ListTenants: ClientQuery, Hashable {
    /// Exclusive.
    public var after: [UInt8]
    /// 1…1000.
    public var maximum: Int

    /// Makes the query.
    public init(after: [UInt8] = [], maximum: Int = 1000) {
        self.after = after
        self.maximum = maximum
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.listTenants(after: after, maximum: maximum)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Page<Tenant> {
        guard case .query(.tenants(let page)) = reply.content else {
            throw UnreadableReply("the answer is no list of tenants")
        }
        return Page(page.elements.map { Tenant($0) }, page.isTruncated, next: \.name)
    }
}

/// Reads a bucket.
public struct GetBucket: ClientQuery, Hashable {
    /// Which bucket.
    public var name: [UInt8]

    /// Makes the query.
    public init(name: [UInt8]) { self.name = name }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.getBucket(name: name)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Bucket {
        guard case .query(.bucket(let record)) = reply.content else {
            throw UnreadableReply("the answer is no bucket")
        }
        return Bucket(record)
    }
}

/// Lists buckets, ascending by name.
public struct ListBuckets: ClientQuery, Hashable {
    /// Only names that begin with this.
    public var prefix: [UInt8]
    /// Exclusive.
    public var after: [UInt8]
    /// 1…1000.
    public var maximum: Int

    /// Makes the query.
    public init(prefix: [UInt8] = [], after: [UInt8] = [], maximum: Int = 1000) {
        self.prefix = prefix
        self.after = after
        self.maximum = maximum
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.listBuckets(prefix: prefix, after: after, maximum: maximum)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Page<Bucket> {
        guard case .query(.buckets(let page)) = reply.content else {
            throw UnreadableReply("the answer is no list of buckets")
        }
        return Page(page.elements.map { Bucket($0) }, page.isTruncated, next: \.name)
    }
}

/// Reads an object's metadata.
public struct GetObject: ClientQuery, Hashable {
    /// In which bucket.
    public var bucket: [UInt8]
    /// Which object.
    public var key: [UInt8]

    /// Makes the query.
    public init(bucket: [UInt8], key: [UInt8]) {
        self.bucket = bucket
        self.key = key
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.getObject(bucket: bucket, key: key)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> StoredObject {
        guard case .query(.object(let record)) = reply.content else {
            throw UnreadableReply("the answer is no object")
        }
        return StoredObject(record)
    }
}

/// Lists objects in byte order of their keys, with what a delimiter rolls up.
public struct ListObjects: ClientQuery, Hashable {
    /// In which bucket.
    public var bucket: [UInt8]
    /// Only keys that begin with this.
    public var prefix: [UInt8]
    /// Keys that hold it after the prefix are rolled up; empty for none.
    public var delimiter: [UInt8]
    /// Exclusive: a key, or a common prefix, whose whole group is then skipped.
    public var after: [UInt8]
    /// 0…1000; with 0 an empty page that is not truncated.
    public var maximum: Int

    /// Makes the query.
    public init(
        bucket: [UInt8],
        prefix: [UInt8] = [],
        delimiter: [UInt8] = [],
        after: [UInt8] = [],
        maximum: Int = 1000
    ) {
        self.bucket = bucket
        self.prefix = prefix
        self.delimiter = delimiter
        self.after = after
        self.maximum = maximum
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(
            .query(
                .listObjects(
                    .init(
                        bucket: bucket,
                        prefix: prefix,
                        delimiter: delimiter,
                        after: after,
                        maximum: maximum
                    )
                )
            )
        )
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> ObjectPage {
        guard case .query(.objects(let page)) = reply.content else {
            throw UnreadableReply("the answer is no list of objects")
        }
        return ObjectPage(
            elements: ListedItems(page.items),
            isTruncated: page.isTruncated,
            next: page.next
        )
    }
}

/// Reads what the tenant holds, or one bucket of it.
public struct GetUsage: ClientQuery, Hashable {
    /// Which bucket; nil for the whole tenant.
    public var bucket: [UInt8]?

    /// Makes the query.
    public init(bucket: [UInt8]? = nil) { self.bucket = bucket }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.getUsage(bucket: bucket)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Usage {
        guard case .query(.usage(let usage)) = reply.content else {
            throw UnreadableReply("the answer is no usage")
        }
        return Usage(usage)
    }
}

/// Lists the services that may act for a tenant, ascending by name; operators only.
public struct ListGrants: ClientQuery, Hashable {
    /// Of which tenant.
    public var tenant: [UInt8]
    /// Exclusive.
    public var after: [UInt8]
    /// 1…1000.
    public var maximum: Int

    /// Makes the query.
    public init(tenant: [UInt8], after: [UInt8] = [], maximum: Int = 1000) {
        self.tenant = tenant
        self.after = after
        self.maximum = maximum
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        EncodedRequest(.query(.listGrants(tenant: tenant, after: after, maximum: maximum)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> Page<[UInt8]> {
        guard case .query(.grants(let page)) = reply.content else {
            throw UnreadableReply("the answer is no list of grants")
        }
        return Page(page.elements, page.isTruncated, next: \.self)
    }
}
