package import CadastreProtocol
package import RaftCore

/// What each query must be answered at each index.
extension Model {
    /// The answer, or the refusal, from the state after the entry at `index`; nil for a query that
    /// the model does not know.
    package func answer(
        _ query: Query,
        of id: TenantID,
        for principal: Principal,
        at index: LogIndex
    ) -> Result<Answer, Refusal>? {
        let owner = tenants[id]?.value(at: index)
        switch query {
        case .getTenant, .listTenants, .listBuckets, .listGrants: return nil
        case .getUsage(nil):
            let isOperator = if case .operator = principal { true } else { false }
            guard isOperator || mayAct(principal, for: owner) else {
                return .failure(.notPermitted)
            }
            return owner.map { .success(.usage($0.usage)) } ?? .failure(.noSuchTenant)
        case .getBucket(let name), .getUsage(let name?):
            return inBucket(name, of: id, owner, principal, at: index) { bucket in
                if case .getUsage = query { return .success(.usage(bucket.usage)) }
                return .success(
                    .bucket(
                        BucketRecord(
                            id: bucket.id,
                            name: name,
                            createdMilliseconds: bucket.created,
                            epoch: 1,
                            usage: bucket.usage
                        )
                    )
                )
            }
        case .getObject(let name, let key):
            return inBucket(name, of: id, owner, principal, at: index) { bucket in
                let place = ObjectPlace(bucket: bucket.id, key: key)
                guard let object = objects[place]?.value(at: index) else {
                    return .failure(.noSuchObject)
                }
                return .success(.object(object))
            }
        case .listObjects(let listing):
            guard listing.delimiter.isEmpty else { return nil }
            return inBucket(listing.bucket, of: id, owner, principal, at: index) { bucket in
                .success(.objects(page(of: bucket, listing, at: index)))
            }
        }
    }

    private func inBucket(
        _ name: [UInt8],
        of id: TenantID,
        _ owner: Tenant?,
        _ principal: Principal,
        at index: LogIndex,
        _ answer: (Bucket) -> Result<Answer, Refusal>
    ) -> Result<Answer, Refusal> {
        guard mayAct(principal, for: owner) else { return .failure(.notPermitted) }
        guard let bucket = buckets[name]?.value(at: index), bucket.tenant == id else {
            return .failure(.noSuchBucket)
        }
        return answer(bucket)
    }

    private func page(
        of bucket: Bucket,
        _ listing: ObjectListing,
        at index: LogIndex
    ) -> ObjectPage {
        var items: [ListItem] = []
        var last: [UInt8] = []
        for key in bucket.keys
        where key.starts(with: listing.prefix) && listing.after.lexicographicallyPrecedes(key) {
            let place = ObjectPlace(bucket: bucket.id, key: key)
            guard let object = objects[place]?.value(at: index) else { continue }
            guard items.count < listing.maximum else {
                return ObjectPage(items: items, isTruncated: true, next: last)
            }
            items.append(
                .object(
                    key: key,
                    sequence: object.sequence,
                    size: object.size,
                    etag: object.etag,
                    modifiedMilliseconds: object.modifiedMilliseconds
                )
            )
            last = key
        }
        return ObjectPage(items: items, isTruncated: false, next: [])
    }
}
