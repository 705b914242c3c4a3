package import CadastreProtocol

/// The rows of the state, as commands see them. Each says what it hashes, in which order: that is
/// the layout which the digest covers, and it is independent of how rows are stored.

/// A row that the digest covers.
package protocol DigestedRow: Equatable, Sendable {
    /// The number of its table, never reused.
    static var tag: UInt64 { get }
    /// Takes every field, the key first.
    func hash(into hasher: inout RowHasher)
}

extension DigestedRow {
    /// What the row adds to the digest.
    @inline(__always)
    package func digest(_ key: RowHashKey) -> StateDigest {
        var hasher = RowHasher(key: key, tag: Self.tag)
        hash(into: &hasher)
        return hasher.finished()
    }
}

/// Who stores where: a tenant.
package struct TenantRow: DigestedRow {
    /// Never reused.
    package var id: TenantID
    /// Unique.
    package var name: [UInt8]
    /// Whether it may grow.
    package var status: TenantStatus
    /// Bounds on what it holds.
    package var quota: Quota
    /// Cluster time of its creation, ms.
    package var created: UInt64

    package static let tag: UInt64 = 1
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(id.value)
        hasher.combine(name)
        hasher.combine(UInt64(status.rawValue))
        hasher.combine(quota.bytes)
        hasher.combine(quota.objects)
        hasher.combine(quota.buckets)
        hasher.combine(created)
    }
}

/// A service that may act for a tenant.
package struct GrantRow: DigestedRow {
    /// The tenant that grants.
    package var tenant: TenantID
    /// The service by name.
    package var service: [UInt8]

    /// Names a grant.
    package init(tenant: TenantID, service: [UInt8]) {
        self.tenant = tenant
        self.service = service
    }

    package static let tag: UInt64 = 2
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(tenant.value)
        hasher.combine(service)
    }
}

/// What a tenant holds, kept exactly by every change.
package struct TenantUsageRow: DigestedRow {
    /// Whose.
    package var tenant: TenantID
    /// Its buckets.
    package var buckets: UInt64 = 0
    /// Objects in all its buckets.
    package var objects: UInt64 = 0
    /// Bytes of those.
    package var bytes: UInt64 = 0

    /// Of a tenant that holds nothing, unless said otherwise.
    package init(tenant: TenantID, buckets: UInt64 = 0, objects: UInt64 = 0, bytes: UInt64 = 0) {
        self.tenant = tenant
        self.buckets = buckets
        self.objects = objects
        self.bytes = bytes
    }

    package static let tag: UInt64 = 3
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(tenant.value)
        hasher.combine(buckets)
        hasher.combine(objects)
        hasher.combine(bytes)
    }
}

/// A bucket.
package struct BucketRow: DigestedRow {
    /// Never reused.
    package var id: BucketID
    /// Unique in the cluster.
    package var name: [UInt8]
    /// Whose.
    package var tenant: TenantID
    /// Cluster time of its creation, ms.
    package var created: UInt64
    /// Grows with each change of its configuration.
    package var epoch: UInt64

    package static let tag: UInt64 = 4
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(id.value)
        hasher.combine(name)
        hasher.combine(tenant.value)
        hasher.combine(created)
        hasher.combine(epoch)
    }
}

/// What a bucket holds, kept exactly by every change.
package struct BucketUsageRow: DigestedRow {
    /// Which bucket.
    package var bucket: BucketID
    /// Its objects.
    package var objects: UInt64 = 0
    /// Bytes of those.
    package var bytes: UInt64 = 0

    /// Of a bucket that holds nothing, unless said otherwise.
    package init(bucket: BucketID, objects: UInt64 = 0, bytes: UInt64 = 0) {
        self.bucket = bucket
        self.objects = objects
        self.bytes = bytes
    }

    package static let tag: UInt64 = 5
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(bucket.value)
        hasher.combine(objects)
        hasher.combine(bytes)
    }
}

/// An object without its body: what lists show.
package struct ObjectRow: DigestedRow {
    /// In which bucket.
    package var bucket: BucketID
    /// 1 to 1024 bytes.
    package var key: [UInt8]
    /// The change that made it, unique in the cluster.
    package var sequence: UInt64
    /// Bytes of its content.
    package var size: UInt64
    /// The entity tag.
    package var etag: [UInt8]
    /// When the content was last changed, ms.
    package var modified: UInt64
    /// The keyed hash of the body: the digest covers bodies through it, an object is replaced
    /// without reading the old body, and a damaged body is noticed when it is read.
    package var bodyHash: UInt64

    package static let tag: UInt64 = 6
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(bucket.value)
        hasher.combine(key)
        hasher.combine(sequence)
        hasher.combine(size)
        hasher.combine(etag)
        hasher.combine(modified)
        hasher.combine(bodyHash)
    }
}

/// A client's session.
package struct SessionRow: DigestedRow {
    /// Drawn from the entry's random bytes; never 0.
    package var id: UInt64
    /// Whose: nobody else may use it.
    package var principal: Principal
    /// How many slots it has.
    package var slots: UInt32
    /// Cluster time of a recent request, ms; kept to the minute
    /// (``StateLimits/sessionTimeStepMilliseconds``).
    package var seen: UInt64

    package static let tag: UInt64 = 7
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(id)
        hasher.combine(PrincipalBytes.encode(principal))
        hasher.combine(UInt64(slots))
        hasher.combine(seen)
    }
}

/// The newest request of a slot, and its reply.
package struct SlotRow: DigestedRow {
    /// Of which session.
    package var session: UInt64
    /// Which slot of it, from 0.
    package var slot: UInt32
    /// The newest sequence; the first is 1.
    package var sequence: UInt64
    /// The hash of the command: another one under the same sequence is refused.
    package var commandHash: UInt64
    /// What was answered.
    package var reply: Reply

    package static let tag: UInt64 = 8
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(session)
        hasher.combine(UInt64(slot))
        hasher.combine(sequence)
        hasher.combine(commandHash)
        hasher.combine(UInt64(reply.refusal?.rawValue ?? 0))
        hasher.combine(reply.number)
        hasher.combine(reply.sequence)
    }
}

/// The counters of the whole state: one row.
package struct SystemRow: DigestedRow {
    /// Cluster time in ms since 1970; 0 before the first tick.
    package var clusterTime: UInt64 = 0
    /// The newest change: 43 bits of ms, 20 bits of counter.
    package var sequence: UInt64 = 0
    /// The newest tenant's number.
    package var lastTenant: UInt64 = 0
    /// The newest bucket's number.
    package var lastBucket: UInt64 = 0
    /// Sessions ever opened.
    package var sessionsOpened: UInt64 = 0
    /// Who votes, ascending; empty before the first configuration.
    package var voters: [UInt64] = []
    /// Who voted in the configuration that is being left, ascending; empty when not joint.
    package var outgoingVoters: [UInt64] = []

    /// Before the first entry.
    package init() {}

    package static let tag: UInt64 = 9
    package func hash(into hasher: inout RowHasher) {
        hasher.combine(clusterTime)
        hasher.combine(sequence)
        hasher.combine(lastTenant)
        hasher.combine(lastBucket)
        hasher.combine(sessionsOpened)
        hasher.combine(UInt64(voters.count))
        for voter in voters { hasher.combine(voter) }
        hasher.combine(UInt64(outgoingVoters.count))
        for voter in outgoingVoters { hasher.combine(voter) }
    }
}
