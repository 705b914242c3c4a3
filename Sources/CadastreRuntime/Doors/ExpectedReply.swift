internal import CadastreProtocol

/// How large the reply to a request may become.
///
/// Charged before the request is let in: lists are large, and a bound of requests alone would let a
/// few thousand of them fill a machine.
enum ExpectedReply {
    /// The fixed parts of a reply and a sentence or an address.
    private static let base = 256
    /// An element of a list of objects: key and entity tag at their limits, numbers, tags of fields.
    private static let objectItem = 1_280
    /// An element of a list of buckets, tenants or grants: names and numbers.
    private static let namedItem = 256
    /// An object with everything that it may have.
    private static let object =
        objectItem + ProtocolLimits.maximumLocationsSize + ProtocolLimits.maximumMetadataSize
        + ProtocolLimits.maximumTags
        * (ProtocolLimits.tagNameSize.upperBound + ProtocolLimits.maximumTagValueSize + 16)
        + ProtocolLimits.maximumContentTypeSize

    /// The bytes at most, or nearly.
    static func size(_ content: RequestContent) -> Int {
        switch content {
        case .command: base
        // Members and peers with their addresses.
        case .administration: RuntimeLimits.maximumMembers * 2 << 10
        case .query(let query): base + size(query)
        }
    }

    private static func size(_ query: Query) -> Int {
        switch query {
        case .listObjects(let listing): listing.maximum * objectItem
        case .listBuckets(_, _, let maximum), .listTenants(_, let maximum),
            .listGrants(_, _, let maximum):
            maximum * namedItem
        case .getObject: object
        case .getTenant, .getBucket, .getUsage: namedItem
        }
    }
}
