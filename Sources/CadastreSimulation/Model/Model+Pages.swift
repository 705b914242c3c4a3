internal import CadastreProtocol
internal import RaftCore

/// What lists must be answered: everything that qualifies, in the order of its name's bytes, and of
/// that the first page.
extension Model {
    /// All tenants and their numbers after the entry at `index`, by name.
    private func tenantsByName(at index: LogIndex) -> [(id: TenantID, tenant: Tenant)] {
        var found: [(id: TenantID, tenant: Tenant)] = []
        for number in 0..<lastTenant {
            let id = TenantID(number + 1)
            if let tenant = tenants[id]?.value(at: index) { found.append((id, tenant)) }
        }
        return found.sorted { $0.tenant.name.lexicographicallyPrecedes($1.tenant.name) }
    }

    private func record(_ id: TenantID, _ tenant: Tenant) -> TenantRecord {
        TenantRecord(
            id: id,
            name: tenant.name,
            status: tenant.status,
            quota: tenant.quota,
            createdMilliseconds: tenant.created,
            usage: tenant.usage
        )
    }

    /// One tenant; to others than operators what is absent and what is forbidden look the same.
    func tenant(
        _ name: [UInt8],
        for principal: Principal,
        at index: LogIndex
    ) -> Result<Answer, Refusal> {
        let found = tenantsByName(at: index).first { $0.tenant.name == name }
        if case .operator = principal {
            return found.map { .success(.tenant(record($0.id, $0.tenant))) }
                ?? .failure(.noSuchTenant)
        }
        guard let found, mayAct(principal, for: found.tenant) else {
            return .failure(.notPermitted)
        }
        return .success(.tenant(record(found.id, found.tenant)))
    }

    /// Tenants, to operators.
    func tenantPage(
        after: [UInt8],
        _ maximum: Int,
        for principal: Principal,
        at index: LogIndex
    ) -> Result<Answer, Refusal> {
        guard case .operator = principal else { return .failure(.notPermitted) }
        let records = tenantsByName(at: index).map { record($0.id, $0.tenant) }
        return .success(.tenants(page(of: records, after, maximum) { $0.name }))
    }

    /// Services granted on a tenant, to operators and to itself.
    func grantPage(
        of name: [UInt8],
        after: [UInt8],
        _ maximum: Int,
        for principal: Principal,
        at index: LogIndex
    ) -> Result<Answer, Refusal> {
        let absent: Refusal
        switch principal {
        case .operator: absent = .noSuchTenant
        case .tenant(let own, _) where own == name: absent = .notPermitted
        case .node, .service, .tenant: return .failure(.notPermitted)
        }
        guard let found = tenantsByName(at: index).first(where: { $0.tenant.name == name }) else {
            return .failure(absent)
        }
        let grants = found.tenant.grants.sorted { $0.lexicographicallyPrecedes($1) }
        return .success(.grants(page(of: grants, after, maximum) { $0 }))
    }

    /// A tenant's buckets, to whoever may act for it.
    func bucketPage(
        of id: TenantID,
        prefix: [UInt8],
        after: [UInt8],
        _ maximum: Int,
        at index: LogIndex
    ) -> Answer {
        // The order of the dictionary ends here.
        let names = buckets.keys.sorted { $0.lexicographicallyPrecedes($1) }
        let records = names.filter { $0.starts(with: prefix) }.compactMap { name in
            buckets[name]?.value(at: index).flatMap { bucket in
                bucket.tenant == id ? record(of: bucket, name) : nil
            }
        }
        return .buckets(page(of: records, after, maximum) { $0.name })
    }

    /// A bucket as it is shown.
    func record(of bucket: Bucket, _ name: [UInt8]) -> BucketRecord {
        BucketRecord(
            id: bucket.id,
            name: name,
            createdMilliseconds: bucket.created,
            epoch: 1,
            usage: bucket.usage
        )
    }

    private func page<Element>(
        of elements: [Element],
        _ after: [UInt8],
        _ maximum: Int,
        name: (Element) -> [UInt8]
    ) -> Page<Element> {
        let rest = elements.filter { after.lexicographicallyPrecedes(name($0)) }
        return Page(
            elements: Array(rest.prefix(maximum)),
            isTruncated: maximum > 0 && rest.count > maximum
        )
    }

    // MARK: Objects

    /// Objects and common prefixes: a key with the delimiter behind the prefix is not listed by
    /// itself, but all that agree up to there as one; whatever its name is not above `after` was on
    /// an earlier page.
    func page(of bucket: Bucket, _ listing: ObjectListing, at index: LogIndex) -> ObjectPage {
        var items: [ListItem] = []
        var last: [UInt8] = []
        for key in bucket.keys where key.starts(with: listing.prefix) {
            let group = group(of: key, listing)
            let name = group ?? key
            guard listing.after.lexicographicallyPrecedes(name), items.isEmpty || name != last,
                let object = objects[ObjectPlace(bucket: bucket.id, key: key)]?.value(at: index)
            else { continue }
            guard items.count < listing.maximum else {
                let isTruncated = listing.maximum > 0
                return ObjectPage(
                    items: ListItems(items),
                    isTruncated: isTruncated,
                    next: isTruncated ? last : []
                )
            }
            items.append(group.map { .commonPrefix($0) } ?? item(key, object))
            last = name
        }
        return ObjectPage(items: ListItems(items), isTruncated: false, next: [])
    }

    private func item(_ key: [UInt8], _ object: ObjectRecord) -> ListItem {
        .object(
            key: key,
            sequence: object.sequence,
            size: object.size,
            etag: object.etag,
            modifiedMilliseconds: object.modifiedMilliseconds
        )
    }

    /// The key up to and with the first delimiter behind the prefix; nil if none is there.
    private func group(of key: [UInt8], _ listing: ObjectListing) -> [UInt8]? {
        let delimiter = listing.delimiter
        guard !delimiter.isEmpty else { return nil }
        for start in listing.prefix.count..<max(key.count, listing.prefix.count)
        where key[start...].starts(with: delimiter) {
            return Array(key[..<(start + delimiter.count)])
        }
        return nil
    }
}
