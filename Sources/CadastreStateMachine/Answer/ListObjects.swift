internal import CadastreProtocol

extension Answerer {
    /// A page of objects and common prefixes in byte order, by skip-scan: a group costs one row and
    /// one search, however many keys are in it.
    ///
    /// So a page is bounded work: at most 1,001 of both, some ten rows stepped over for each, and
    /// every byte of their keys looked at once.
    func listObjects(
        _ listing: ObjectListing,
        of tenant: TenantID
    ) throws(StateMachineError) -> Outcome {
        guard let bucket = try bucket(named: listing.bucket, of: tenant) else {
            return .failure(.noSuchBucket)
        }
        let maximum = bounded(listing.maximum)
        let search = DelimiterSearch(listing.delimiter)
        guard maximum > 0, let start = Self.start(of: listing, search) else {
            return .success(.objects(ObjectPage(items: [], isTruncated: false, next: [])))
        }
        var items: [ListItem] = []
        items.reserveCapacity(maximum)
        var isTruncated = false
        var last: [UInt8] = []
        try rows.scanObjects(
            in: bucket.id,
            from: start,
            to: Keys.end(ofPrefix: listing.prefix)
        ) { row in
            guard items.count < maximum else {
                // The row is one more item, or in one more group: those emitted were jumped over.
                isTruncated = true
                return .stop
            }
            if let group = Self.group(of: row.key, in: listing, search) {
                items.append(.commonPrefix(group))
                last = group
                return Keys.end(ofPrefix: group).map { .seek($0) } ?? .stop
            }
            items.append(
                .object(
                    key: row.key,
                    sequence: row.sequence,
                    size: row.size,
                    etag: row.etag,
                    modifiedMilliseconds: row.modified
                )
            )
            last = row.key
            return .next
        }
        let page = ObjectPage(
            items: items,
            isTruncated: isTruncated,
            next: isTruncated ? last : []
        )
        return .success(.objects(page))
    }

    /// The first key that may be on the page; nil if none can.
    ///
    /// A place inside a group, or its name, lies behind the whole group, since the group's name is
    /// not above it.
    private static func start(
        of listing: ObjectListing,
        _ search: DelimiterSearch
    ) -> [UInt8]? {
        if listing.after.starts(with: listing.prefix),
            let group = group(of: listing.after, in: listing, search)
        {
            return Keys.end(ofPrefix: group)
        }
        return Keys.start(prefix: listing.prefix, after: listing.after)
    }

    /// The common prefix to which a key belongs: up to and with the first delimiter behind the
    /// prefix.
    private static func group(
        of key: [UInt8],
        in listing: ObjectListing,
        _ search: DelimiterSearch
    ) -> [UInt8]? {
        search.end(in: key, from: listing.prefix.count).map { Array(key[..<$0]) }
    }
}
