internal import CadastreProtocol

/// How much is on the way, and whether one more may come.
///
/// A full queue refuses; it does not grow.
struct Admission {
    /// Bounds of one event loop: a node's bounds, shared evenly by its loops.
    let bounds: Settings.Bounds
    /// Requests on the way.
    private(set) var count = 0
    /// Their bytes.
    private(set) var size = 0
    private var tenants: [TenantID: Int] = [:]

    /// Nothing is on the way.
    init(_ bounds: Settings.Bounds, loops: Int) {
        var share = bounds
        share.requestsPerTenant = max(1, bounds.requestsPerTenant / loops)
        share.queueSize = max(ProtocolLimits.maximumCommandSize * 2, bounds.queueSize / loops)
        self.bounds = share
    }

    /// Bytes that the reply to a request may keep in memory until its client has read it: lists are
    /// large, and a bound of requests alone would let a few thousand of them fill a machine.
    static func expectedReplySize(_ content: RequestContent) -> Int {
        let items =
            switch content {
            case .command, .administration: 0
            case .query(.listObjects(let listing)): listing.maximum
            case .query(.listBuckets(_, _, let maximum)), .query(.listTenants(_, let maximum)),
                .query(.listGrants(_, _, let maximum)):
                maximum
            case .query(.getTenant), .query(.getBucket), .query(.getObject), .query(.getUsage): 0
            }
        return items * 256
    }

    /// Counts a request in; says why not, and then it is not counted.
    mutating func admit(_ tenant: TenantID, size: Int) -> ProtocolError? {
        guard self.size + size <= bounds.queueSize else {
            return ProtocolError(.overloaded, "the node has too many bytes of requests on the way")
        }
        // What concerns no tenant has no tenant's share; its connection's bound is enough.
        if tenant != .none {
            let known = tenants[tenant] ?? 0
            guard known < bounds.requestsPerTenant else {
                return ProtocolError(.overloaded, "the tenant has too many requests on the way")
            }
            tenants[tenant] = known + 1
        }
        count += 1
        self.size += size
        return nil
    }

    /// Counts a request out.
    mutating func release(_ tenant: TenantID, size: Int) {
        count -= 1
        self.size -= size
        guard tenant != .none, let known = tenants[tenant] else { return }
        tenants[tenant] = known > 1 ? known - 1 : nil
    }
}
