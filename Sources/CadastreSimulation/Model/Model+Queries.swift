package import CadastreProtocol
package import RaftCore

/// What each query must be answered at each index.
extension Model {
    /// The answer, or the refusal, from the state after the entry at `index`.
    package func answer(
        _ query: Query,
        of id: TenantID,
        for principal: Principal,
        at index: LogIndex
    ) -> Result<Answer, Refusal> {
        let owner = tenants[id]?.value(at: index)
        switch query {
        case .getTenant(let name): return tenant(name, for: principal, at: index)
        case .listTenants(let after, let maximum):
            return tenantPage(after: after, maximum, for: principal, at: index)
        case .listGrants(let name, let after, let maximum):
            return grantPage(of: name, after: after, maximum, for: principal, at: index)
        case .listBuckets(let prefix, let after, let maximum):
            guard mayAct(principal, for: owner) else { return .failure(.notPermitted) }
            return .success(
                bucketPage(of: id, prefix: prefix, after: after, maximum, at: index)
            )
        case .getUsage(nil):
            let isOperator = if case .operator = principal { true } else { false }
            guard isOperator || mayAct(principal, for: owner) else {
                return .failure(.notPermitted)
            }
            return owner.map { .success(.usage($0.usage)) } ?? .failure(.noSuchTenant)
        case .getBucket(let name), .getUsage(let name?):
            return inBucket(name, of: id, owner, principal, at: index) { bucket in
                if case .getUsage = query { return .success(.usage(bucket.usage)) }
                return .success(.bucket(record(of: bucket, name)))
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
}
