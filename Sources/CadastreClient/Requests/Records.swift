internal import CadastreProtocol

/// Bounds of what a tenant may hold; nil does not limit.
public struct Quota: Sendable, Hashable, Codable {
    /// The sum of the sizes of all objects.
    public var bytes: UInt64?
    /// The number of objects.
    public var objects: UInt64?
    /// The number of buckets.
    public var buckets: UInt64?

    /// Limits what is given.
    public init(bytes: UInt64? = nil, objects: UInt64? = nil, buckets: UInt64? = nil) {
        self.bytes = bytes
        self.objects = objects
        self.buckets = buckets
    }
}

/// What is held.
public struct Usage: Sendable, Hashable, Codable {
    /// The number of buckets.
    public var buckets: UInt64
    /// The number of objects.
    public var objects: UInt64
    /// The sum of the sizes of all objects.
    public var bytes: UInt64
}

/// A tenant as it is stored.
public struct Tenant: Sendable, Hashable {
    /// Never reused.
    public var id: UInt64
    /// Unique.
    public var name: [UInt8]
    /// Whether growing is refused.
    public var isSuspended: Bool
    /// Its bounds.
    public var quota: Quota
    /// Cluster time, milliseconds since 1970.
    public var createdMilliseconds: UInt64
    /// What it holds.
    public var usage: Usage
}

/// A bucket as it is stored.
public struct Bucket: Sendable, Hashable {
    /// Never reused.
    public var id: UInt64
    /// Unique in the cluster.
    public var name: [UInt8]
    /// Cluster time, milliseconds since 1970.
    public var createdMilliseconds: UInt64
    /// Grows with every change of the configuration.
    public var epoch: UInt64
    /// What it holds.
    public var usage: Usage
}

/// One pair of user metadata, or one tag.
public struct Attribute: Sendable, Hashable {
    /// The name.
    public var name: [UInt8]
    /// The value.
    public var value: [UInt8]

    /// Makes a pair.
    public init(name: [UInt8], value: [UInt8]) {
        self.name = name
        self.value = value
    }
}

/// A checksum of an object's content.
public struct Checksum: Sendable, Hashable {
    /// By what it was computed.
    public enum Algorithm: UInt8, Sendable, Hashable, CaseIterable {
        /// CRC-32C, 4 bytes.
        case crc32c = 1
        /// SHA-256, 32 bytes.
        case sha256 = 2
        /// SHA-1, 20 bytes.
        case sha1 = 3
        /// CRC-64/NVME, 8 bytes.
        case crc64nvme = 4
    }

    /// By what it was computed.
    public var algorithm: Algorithm
    /// Its bytes.
    public var value: [UInt8]

    /// Makes a checksum.
    public init(_ algorithm: Algorithm, _ value: [UInt8]) {
        self.algorithm = algorithm
        self.value = value
    }
}

/// An object as it is stored.
public struct StoredObject: Sendable, Hashable {
    /// 1…1024 bytes.
    public var key: [UInt8]
    /// Unique in the cluster, ascending in commit order.
    public var sequence: UInt64
    /// Bytes.
    public var size: UInt64
    /// As the service gave it.
    public var etag: [UInt8]
    /// Milliseconds since 1970.
    public var modifiedMilliseconds: UInt64
    /// As the service gave it.
    public var contentType: [UInt8]
    /// Of the content.
    public var checksum: Checksum?
    /// Ascending by name.
    public var metadata: [Attribute]
    /// Ascending by name.
    public var tags: [Attribute]
    /// Where the bytes are; opaque to the register.
    public var locations: [UInt8]
}

/// One entry of a list of objects.
public enum ListedItem: Sendable, Hashable {
    /// An object without its body.
    case object(ListedObject)
    /// All keys that begin with this.
    case commonPrefix([UInt8])
}

/// An object as lists show it.
public struct ListedObject: Sendable, Hashable {
    /// 1…1024 bytes.
    public var key: [UInt8]
    /// Unique in the cluster, ascending in commit order.
    public var sequence: UInt64
    /// Bytes.
    public var size: UInt64
    /// As the service gave it.
    public var etag: [UInt8]
    /// Milliseconds since 1970.
    public var modifiedMilliseconds: UInt64
}

/// The entries of a page of objects, ascending: read from the answer one by one, as they are looked
/// at.
public struct ListedItems: Sendable, Hashable, Sequence {
    private let items: ListItems

    init(_ items: ListItems) { self.items = items }

    /// How many there are, at most 1,000.
    public var count: Int { items.count }
    /// Whether there is none.
    public var isEmpty: Bool { items.isEmpty }
    /// How many there are.
    public var underestimatedCount: Int { items.count }

    /// Reads one entry after the other; O(key and entity tag) each.
    public struct Iterator: IteratorProtocol {
        private var items: ListItems.Iterator

        fileprivate init(_ items: ListItems.Iterator) { self.items = items }

        /// The next entry, or nil behind the last.
        public mutating func next() -> ListedItem? { items.next().map { ListedItem($0) } }
    }

    /// Begins with the first entry.
    public func makeIterator() -> Iterator { Iterator(items.makeIterator()) }
}

/// One page of a list of objects.
public struct ObjectPage: Sendable, Hashable {
    /// Objects and common prefixes, ascending.
    public var elements: ListedItems
    /// More follow.
    public var isTruncated: Bool
    /// Give it as `after` for the next page; empty if nothing follows.
    public var next: [UInt8]
}

/// One page of a list.
public struct Page<Element: Sendable & Hashable>: Sendable, Hashable {
    /// Ascending.
    public var elements: [Element]
    /// More follow.
    public var isTruncated: Bool
    /// Give it as `after` for the next page; empty if nothing follows.
    public var next: [UInt8]
}

extension Page {
    /// A page whose last element says where the next begins, if one follows.
    init(_ elements: [Element], _ isTruncated: Bool, next: (Element) -> [UInt8]) {
        self.init(
            elements: elements,
            isTruncated: isTruncated,
            next: isTruncated ? elements.last.map(next) ?? [] : []
        )
    }
}
