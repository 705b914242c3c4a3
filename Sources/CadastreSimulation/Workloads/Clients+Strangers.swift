internal import CadastreProtocol
internal import RaftCore

/// Tenants meet: now and then a client asks for what is another one's, by the name of a bucket or by
/// the number of the tenant.
extension Clients {
    /// A request about another tenant's bucket; nil most of the time.
    ///
    /// Who is a tenant is refused, and learns nothing. The service is granted on all tenants, and by
    /// the number of the other one it is answered.
    mutating func strangeRequest(_ client: Int, _ tenant: Int, in world: World) -> Wish? {
        guard scenario.tenants > 1, workloadChance.oneIn(20) else { return nil }
        let other = (tenant + 1 + workloadChance.below(scenario.tenants - 1)) % scenario.tenants
        let bucket = Self.bucketName(other, workloadChance.below(scenario.buckets + 1))
        let key = scenario.keyName(workloadChance.below(scenario.keys))
        let id = workloadChance.pick([tenants[tenant], tenants[tenant], tenants[other], .none])
        // Whoever writes into a bucket that is not its own writes what is its own.
        let writer = all[client].isService && id == tenants[other] ? other : tenant
        switch workloadChance.below(10) {
        case 0..<2: return .query(.getObject(bucket: bucket, key: key), id)
        case 2..<3: return .query(.listObjects(ObjectListing(bucket: bucket)), id)
        case 3..<4: return .query(.getBucket(name: bucket), id)
        case 4..<5: return .query(.getUsage(bucket: workloadChance.oneIn(3) ? nil : bucket), id)
        case 5..<7: return .command(put(key, in: bucket, of: writer, nil, world), id)
        case 7..<8: return .command(.deleteObject(DeleteObject(bucket: bucket, key: key)), id)
        case 8..<9: return .command(.createBucket(CreateBucket(name: bucket)), id)
        default: return .command(.deleteBucket(DeleteBucket(name: bucket)), id)
        }
    }
}
