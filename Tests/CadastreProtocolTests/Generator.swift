import CadastreProtocol
import RaftCore

/// Random values from a seed (splitmix64), so that a failure names the seed that shows it again.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &self) }

    mutating func chance() -> Bool { Bool.random(using: &self) }

    /// Small and large alike: the interesting ones are where an integer grows by a byte.
    mutating func quantity() -> UInt64 {
        min(next() >> UInt64(number(0...63)), ProtocolLimits.maximumQuantity)
    }

    mutating func bytes(_ range: ClosedRange<Int>) -> [UInt8] {
        (0..<number(range)).map { _ in UInt8.random(in: 0...255, using: &self) }
    }

    mutating func name(_ range: ClosedRange<Int> = 1...64) -> [UInt8] {
        let letters = Array("abcdefghijklmnopqrstuvwxyz0123456789".utf8)
        return (0..<number(range)).map { _ in letters[number(0...letters.count - 1)] }
    }

    mutating func quota() -> Quota {
        Quota(
            bytes: chance() ? quantity() : nil,
            objects: chance() ? quantity() : nil,
            buckets: chance() ? quantity() : nil
        )
    }

    mutating func attributes(_ count: Int) -> [Attribute] {
        let names = Set((0..<count).map { _ in name(1...16) })
        return names.sorted { $0.lexicographicallyPrecedes($1) }.map {
            Attribute(name: $0, value: bytes(0...16))
        }
    }

    mutating func checksum() -> Checksum {
        let all = Checksum.Algorithm.allCases
        let algorithm = all[number(0...all.count - 1)]
        return Checksum(algorithm: algorithm, value: bytes(algorithm.size...algorithm.size))
    }

    mutating func precondition() -> Precondition {
        switch number(0...2) {
        case 0: .ifAbsent
        case 1: .ifPresent
        default: .ifMatch((0..<number(1...16)).map { _ in bytes(0...128) })
        }
    }

    mutating func command(_ tag: CommandTag) -> Command {
        switch tag {
        case .createTenant: .createTenant(CreateTenant(name: name(), quota: quota()))
        case .updateTenant: .updateTenant(UpdateTenant(name: name(), quota: quota()))
        case .setTenantStatus:
            .setTenantStatus(
                SetTenantStatus(name: name(), status: chance() ? .active : .suspended)
            )
        case .deleteTenant: .deleteTenant(DeleteTenant(name: name()))
        case .grantService: .grantService(GrantService(tenant: name(), service: name()))
        case .revokeService: .revokeService(RevokeService(tenant: name(), service: name()))
        case .createBucket: .createBucket(CreateBucket(name: name(3...63)))
        case .deleteBucket: .deleteBucket(DeleteBucket(name: name(3...63)))
        case .putObject: .putObject(put())
        case .deleteObject: .deleteObject(delete())
        case .batch: .batch(Batch((0..<number(1...8)).map { _ in operation() }))
        case .openSession: .openSession(OpenSession(slots: UInt32(number(1...1_024))))
        case .expireSession: .expireSession(ExpireSession(session: next()))
        case .tick:
            .tick(
                Tick(
                    samples: (1...UInt64(number(1...16))).map {
                        ClockSample(node: $0 * 3, wallMilliseconds: quantity())
                    },
                    mark: chance()
                        ? TickMark(
                            index: max(1, quantity()),
                            digestHigh: chance() ? next() : 0,
                            digestLow: next()
                        ) : nil
                )
            )
        }
    }

    mutating func operation() -> Batch.Operation { chance() ? .put(put()) : .delete(delete()) }

    mutating func delete() -> DeleteObject {
        DeleteObject(
            bucket: name(3...63),
            key: bytes(1...200),
            precondition: chance() ? precondition() : nil
        )
    }

    mutating func put() -> PutObject {
        PutObject(
            bucket: name(3...63),
            key: bytes(1...300),
            size: quantity(),
            etag: bytes(0...128),
            checksum: chance() ? checksum() : nil,
            contentType: bytes(0...40),
            metadata: attributes(number(0...20)),
            tags: attributes(number(0...10)),
            locations: bytes(0...300),
            precondition: chance() ? precondition() : nil,
            modifiedMilliseconds: chance() ? quantity() : nil
        )
    }

    mutating func usage() -> Usage {
        Usage(buckets: quantity(), objects: quantity(), bytes: quantity())
    }

    mutating func tenant() -> TenantRecord {
        TenantRecord(
            id: TenantID(next()),
            name: name(),
            status: chance() ? .active : .suspended,
            quota: quota(),
            createdMilliseconds: quantity(),
            usage: usage()
        )
    }

    mutating func bucket() -> BucketRecord {
        BucketRecord(
            id: BucketID(next()),
            name: name(3...63),
            createdMilliseconds: quantity(),
            epoch: quantity(),
            usage: usage()
        )
    }

    mutating func answer(_ tag: QueryTag) -> Answer {
        switch tag {
        case .getTenant: .tenant(tenant())
        case .listTenants:
            .tenants(
                Page(elements: (0..<number(0...5)).map { _ in tenant() }, isTruncated: chance())
            )
        case .getBucket: .bucket(bucket())
        case .listBuckets:
            .buckets(
                Page(elements: (0..<number(0...5)).map { _ in bucket() }, isTruncated: chance())
            )
        case .getObject:
            .object(
                ObjectRecord(
                    key: bytes(1...300),
                    sequence: next(),
                    size: quantity(),
                    etag: bytes(0...128),
                    modifiedMilliseconds: quantity(),
                    contentType: bytes(0...40),
                    checksum: chance() ? checksum() : nil,
                    metadata: attributes(number(0...20)),
                    tags: attributes(number(0...10)),
                    locations: bytes(0...300)
                )
            )
        case .listObjects:
            .objects(
                ObjectPage(
                    items: ListItems((0..<number(0...5)).map { _ in item() }),
                    isTruncated: chance(),
                    next: bytes(0...100)
                )
            )
        case .getUsage: .usage(usage())
        case .listGrants:
            .grants(
                Page(elements: (0..<number(0...5)).map { _ in name() }, isTruncated: chance())
            )
        }
    }

    private mutating func item() -> ListItem {
        chance()
            ? .commonPrefix(bytes(1...50))
            : .object(
                key: bytes(1...50),
                sequence: next(),
                size: quantity(),
                etag: bytes(0...32),
                modifiedMilliseconds: quantity()
            )
    }

    mutating func query(_ tag: QueryTag) -> Query {
        let page = number(1...1_000)
        return switch tag {
        case .getTenant: .getTenant(name: name())
        case .listTenants: .listTenants(after: bytes(0...64), maximum: page)
        case .getBucket: .getBucket(name: name(3...63))
        case .listBuckets:
            .listBuckets(prefix: bytes(0...63), after: bytes(0...63), maximum: page)
        case .getObject: .getObject(bucket: name(3...63), key: bytes(1...300))
        case .listObjects:
            .listObjects(
                ObjectListing(
                    bucket: name(3...63),
                    prefix: bytes(0...60),
                    delimiter: bytes(0...2),
                    after: bytes(0...60),
                    maximum: number(0...1_000)
                )
            )
        case .getUsage: .getUsage(bucket: chance() ? name(3...63) : nil)
        case .listGrants: .listGrants(tenant: name(), after: bytes(0...64), maximum: page)
        }
    }
}
