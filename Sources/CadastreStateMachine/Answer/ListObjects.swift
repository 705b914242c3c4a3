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
            return .success(
                .objects(ObjectPage(items: ListItems(), isTruncated: false, next: []))
            )
        }
        var page = ObjectPage(items: ListItems(), isTruncated: false, next: [])
        var last: [UInt8] = []
        try rows.scanObjects(
            in: bucket.id,
            from: start,
            to: Keys.end(ofPrefix: listing.prefix)
        ) { object in
            guard page.items.count < maximum else {
                // The row is one more item, or in one more group: those emitted were jumped over.
                page.isTruncated = true
                return .stop
            }
            if let end = unsafe search.end(in: object.key, from: listing.prefix.count) {
                let group = unsafe [UInt8](object.key[..<end])
                page.items.append(commonPrefix: group)
                last = group
                return Keys.end(ofPrefix: group).map { .seek($0) } ?? .stop
            }
            unsafe page.items.append(
                key: object.key,
                sequence: object.sequence,
                size: object.size,
                etag: object.etag,
                modifiedMilliseconds: object.modified
            )
            if page.items.count == Self.itemsBeforeReserving {
                page.items.reserve(entries: maximum)
            }
            if page.items.count == maximum { last = unsafe [UInt8](object.key) }
            return .next
        }
        if page.isTruncated { page.next = last }
        return .success(.objects(page))
    }

    /// A page that has so many is likely to be a long one, and gets its memory at once.
    private static var itemsBeforeReserving: Int { 64 }

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
