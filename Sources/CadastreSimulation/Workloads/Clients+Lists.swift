internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What is asked seldom: lists in groups and small pages, keys of bytes that are no text, everything
/// else that can be asked, and quotas of buckets.
extension Clients {
    /// Keys that lie beside and in each other, with zero, the highest byte and delimiters in them.
    private static let oddKeys: [[UInt8]] = [
        [0x00], [0xFF], [0xFF, 0xFF], Array("/".utf8), Array("//".utf8), Array("a".utf8),
        Array("a/".utf8), Array("a/".utf8) + [0x00], Array("a/b".utf8), Array("a/b/".utf8),
        Array("a/b/c".utf8), Array("a/".utf8) + [0xFF], Array("a".utf8) + [0x00],
        Array("a".utf8) + [0xFF, 0x2F], Array("a0".utf8), Array("b//c".utf8), Array("b//d".utf8),
        Array("key-1/".utf8), Array("key-1/x".utf8), Array("key-1/y".utf8), [0xFF, 0x2F, 0x00],
    ]

    private static let delimiters: [[UInt8]] = [
        Array("/".utf8), Array("/".utf8), Array("//".utf8), Array("-".utf8), [0x00], [0xFF], [],
    ]

    /// A request of a kind that is seldom; nil most of the time.
    mutating func seldomRequest(_ client: Int, _ tenant: Int, in world: World) -> Wish? {
        guard workloadChance.oneIn(14) else { return nil }
        let id = tenants[tenant]
        let bucket = Self.bucketName(tenant, workloadChance.below(scenario.buckets + 1))
        let key = workloadChance.pick(Self.oddKeys)
        let other = workloadChance.oneIn(3) ? workloadChance.below(scenario.tenants) : tenant
        switch workloadChance.below(20) {
        case 0..<6: return .command(put(key, in: bucket, of: tenant, nil, world), id)
        case 6..<7: return .command(.deleteObject(DeleteObject(bucket: bucket, key: key)), id)
        case 7..<8: return .query(.getObject(bucket: bucket, key: key), id)
        case 8..<14: return .query(.listObjects(listing(of: bucket)), id)
        case 14..<16: return .query(bucketList(tenant), id)
        case 16..<17: return .query(.getTenant(name: Self.tenantName(other)), id)
        case 17..<18: return .query(grantList(Self.tenantName(other)), id)
        case 18..<19: return .query(.getBucket(name: bucket), id)
        default: return .query(.listTenants(after: [], maximum: 2), id)
        }
    }

    /// What who administers asks and does seldom; nil most of the time.
    mutating func seldomAdministration() -> Wish? {
        guard workloadChance.oneIn(6) else { return nil }
        let tenant = workloadChance.below(scenario.tenants)
        let name = Self.tenantName(tenant)
        let service = Array("auditor-\(workloadChance.below(3))".utf8)
        let guest = Array("visitor-\(workloadChance.below(3))".utf8)
        switch workloadChance.below(16) {
        case 0..<4:
            let quota = Quota(buckets: UInt64(workloadChance.below(scenario.buckets + 2)))
            return .command(.updateTenant(UpdateTenant(name: name, quota: quota)), .none)
        case 4..<6:
            return .command(.grantService(GrantService(tenant: name, service: service)), .none)
        case 6..<7:
            return .command(.revokeService(RevokeService(tenant: name, service: service)), .none)
        case 7..<8: return .command(.createTenant(CreateTenant(name: guest, quota: Quota())), .none)
        case 8..<9: return .command(.deleteTenant(DeleteTenant(name: guest)), .none)
        case 9..<11:
            let after = workloadChance.pick([[], name, guest, [0xFF]])
            let maximum = workloadChance.pick([1, 2, 3, 1_000])
            return .query(.listTenants(after: after, maximum: maximum), .none)
        case 11..<12: return .query(.getTenant(name: workloadChance.pick([name, guest])), .none)
        case 12..<14: return .query(grantList(workloadChance.pick([name, guest])), .none)
        case 14..<15: return .query(.getUsage(bucket: nil), tenants[tenant])
        default: return .query(.listBuckets(prefix: [], after: [], maximum: 2), tenants[tenant])
        }
    }

    private mutating func listing(of bucket: [UInt8]) -> ObjectListing {
        let prefixes = Self.oddKeys + [[], [], [], [], Array("key".utf8), Array("key-1".utf8)]
        return ObjectListing(
            bucket: bucket,
            prefix: workloadChance.oneIn(2) ? [] : workloadChance.pick(prefixes),
            delimiter: workloadChance.pick(Self.delimiters),
            after: workloadChance.oneIn(2) ? [] : workloadChance.pick(Self.oddKeys),
            maximum: workloadChance.pick([0, 1, 1, 2, 2, 3, 3, 1_000])
        )
    }

    private mutating func bucketList(_ tenant: Int) -> Query {
        let names = (0...scenario.buckets).map { Self.bucketName(tenant, $0) }
        return .listBuckets(
            prefix: workloadChance.pick([[], [], Array("bucket-\(tenant)".utf8), [0xFF]] + names),
            after: workloadChance.pick([[], []] + names),
            maximum: workloadChance.pick([1, 2, 3, 1_000])
        )
    }

    private mutating func grantList(_ name: [UInt8]) -> Query {
        .listGrants(
            tenant: name,
            after: workloadChance.pick([[], Array("auditor-1".utf8)]),
            maximum: workloadChance.pick([1, 2, 1_000])
        )
    }

    // MARK: Puts

    /// What a put says beside its tag and its place: now and then everything that it can, and a size
    /// that is smaller than before.
    mutating func describe(_ put: inout PutObject, of tenant: Int) {
        if workloadChance.oneIn(4) { put.size = UInt64(workloadChance.below(100)) }
        guard workloadChance.oneIn(10) else { return }
        let marker = taint.markers[tenant]
        put.metadata = [
            Attribute(name: [0x00], value: []),
            Attribute(name: Array("owner".utf8), value: marker),
        ]
        put.tags = [
            Attribute(name: Array("tag".utf8), value: marker),
            Attribute(name: [0xFF], value: [0x00]),
        ]
        put.contentType = Array("text/plain".utf8)
        let algorithm = workloadChance.pick(Checksum.Algorithm.allCases)
        put.checksum = Checksum(
            algorithm: algorithm,
            value: Array(repeating: 0x63, count: algorithm.size)
        )
        put.modifiedMilliseconds =
            workloadChance.oneIn(2) ? nil : workloadChance.draw(0...Scenario.start)
    }

    // MARK: Page after page

    /// The question for what follows a page of which there is more.
    func nextPage(of query: Query, _ reply: OutgoingReply) -> Query? {
        guard case .answer(let bytes) = reply.content else { return nil }
        let answer: Answer
        do throws(ProtocolError) {
            answer = try Answer(decoding: bytes)
        } catch {
            // Whoever looks at the answer itself says what is wrong with it.
            return nil
        }
        switch (query, answer) {
        case (.listObjects(var listing), .objects(let page)) where page.isTruncated:
            listing.after = page.next
            return .listObjects(listing)
        case (.listBuckets(let prefix, _, let maximum), .buckets(let page)) where page.isTruncated:
            guard let last = page.elements.last else { return nil }
            return .listBuckets(prefix: prefix, after: last.name, maximum: maximum)
        case (.listTenants(_, let maximum), .tenants(let page)) where page.isTruncated:
            guard let last = page.elements.last else { return nil }
            return .listTenants(after: last.name, maximum: maximum)
        case (.listGrants(let tenant, _, let maximum), .grants(let page)) where page.isTruncated:
            guard let last = page.elements.last else { return nil }
            return .listGrants(tenant: tenant, after: last, maximum: maximum)
        case _: return nil
        }
    }

    /// Goes on to the next page at once, if the client wants it.
    mutating func goesOn(_ attempt: Attempt, _ reply: OutgoingReply, in world: World) -> Bool {
        guard case .query(let query, let tenant) = attempt.content, query.isOfGroups,
            case .faults = world.phase, !all[attempt.client].isRenewing,
            let next = nextPage(of: query, reply), !workloadChance.oneIn(4)
        else { return false }
        world.reach.mark(.nextPageAsked)
        submit(.query(next, tenant), for: .work, attempt.client, attempt.slot, in: world)
        return true
    }

    /// Everything that can be asked, in small pages; the last first.
    mutating func compareLists() {
        let maximum = workloadChance.pick(scenario.keys > 8 ? [7, 20] : [1, 2, 3])
        comparisons.append((0, .listTenants(after: [], maximum: 2)))
        for tenant in 0..<scenario.tenants {
            let name = Self.tenantName(tenant)
            comparisons.append((0, .getTenant(name: name)))
            comparisons.append((1 + tenant, .getTenant(name: name)))
            comparisons.append((1 + tenant, .listGrants(tenant: name, after: [], maximum: 1)))
            comparisons.append((1 + tenant, .listBuckets(prefix: [], after: [], maximum: 2)))
            for bucket in 0...scenario.buckets {
                let name = Self.bucketName(tenant, bucket)
                for delimiter in [[], Array("/".utf8)] {
                    let listing = ObjectListing(
                        bucket: name,
                        delimiter: delimiter,
                        maximum: maximum
                    )
                    comparisons.append((1 + tenant, .listObjects(listing)))
                }
            }
        }
    }
}

extension Query {
    /// Whether it is a list that is gone through from page to page while faults go on: in groups, as
    /// whoever looks through folders does, or of names.
    fileprivate var isOfGroups: Bool {
        switch self {
        case .listObjects(let listing): !listing.delimiter.isEmpty
        case .listTenants, .listBuckets, .listGrants: true
        case .getTenant, .getBucket, .getObject, .getUsage: false
        }
    }
}
