package import CadastreProtocol

/// Answers queries from rows, and changes nothing.
///
/// Operators see tenants and grants and no object; a tenant sees itself and what it holds; a
/// service sees what the tenants hold that granted it. What is absent and what is forbidden look
/// the same to services and tenants.
package struct Answerer<State: Rows> {
    let rows: State

    /// Answers from these rows.
    package init(_ rows: State) { self.rows = rows }

    /// What a query is answered with.
    typealias Outcome = Result<Answer, Refusal>

    /// Answers one query of the principal, about the tenant where the query names none.
    package func answer(
        _ query: Query,
        tenant: TenantID,
        principal: Principal
    ) throws(StateMachineError) -> Result<Answer, Refusal> {
        switch query {
        case .getTenant(let name):
            return try getTenant(name, principal: principal)
        case .listTenants(let after, let maximum):
            return try listTenants(after: after, maximum: maximum, principal: principal)
        case .listGrants(let name, let after, let maximum):
            return try listGrants(of: name, after: after, maximum: maximum, principal: principal)
        case .getUsage(nil):
            guard principal.isOperator || rows.mayAct(principal, for: tenant) else {
                return .failure(.notPermitted)
            }
            return try getUsage(of: tenant)
        case .getBucket, .listBuckets, .getObject, .listObjects, .getUsage:
            guard rows.mayAct(principal, for: tenant) else { return .failure(.notPermitted) }
            return try answerHolder(query, tenant: tenant)
        }
    }

    /// Answers who was found to act for the tenant.
    private func answerHolder(
        _ query: Query,
        tenant: TenantID
    ) throws(StateMachineError) -> Outcome {
        switch query {
        case .getBucket(let name): return try getBucket(name, of: tenant)
        case .listBuckets(let prefix, let after, let maximum):
            return try listBuckets(of: tenant, prefix: prefix, after: after, maximum: maximum)
        case .getObject(let bucket, let key): return try getObject(key, in: bucket, of: tenant)
        case .listObjects(let listing): return try listObjects(listing, of: tenant)
        case .getUsage(let bucket?): return try getUsage(ofBucket: bucket, of: tenant)
        case .getUsage(nil), .getTenant, .listTenants, .listGrants:
            preconditionFailure("\(query.tag) is answered above")
        }
    }

    /// The tenant's bucket of this name.
    func bucket(
        named name: [UInt8],
        of tenant: TenantID
    ) throws(StateMachineError) -> BucketRow? {
        guard let bucket = try rows.bucket(named: name), bucket.tenant == tenant else {
            return nil
        }
        return bucket
    }

    /// A page of what was found, one more than the page holds if there was more.
    func page<Row, Element>(
        of rows: [Row],
        maximum: Int,
        _ record: (Row) throws(StateMachineError) -> Element
    ) throws(StateMachineError) -> Page<Element> {
        var elements: [Element] = []
        for row in rows.prefix(maximum) { elements.append(try record(row)) }
        return Page(elements: elements, isTruncated: maximum > 0 && rows.count > maximum)
    }

    /// The size of a page that was asked for, within the bound that keeps an answer short work.
    func bounded(_ maximum: Int) -> Int { min(max(maximum, 0), ProtocolLimits.maximumPage) }
}
