import CadastreDisk
import CadastreProtocol
import Foundation
import RaftCore
import Testing

@testable import CadastreStateMachine

/// The hashes of all rows and of all commands: stored and compared between nodes, so their values
/// are fixed, and no field is left out.
struct HashTests {
    /// A row and the same with one field changed, by the field's name.
    private static let rows: [(name: String, hash: StateDigest)] = {
        var hashes: [(name: String, hash: StateDigest)] = []
        func add<Row: DigestedRow>(_ name: String, _ row: Row, _ changes: [(inout Row) -> Void]) {
            hashes.append((name, row.digest(testKey)))
            for (place, change) in changes.enumerated() {
                var other = row
                change(&other)
                hashes.append(("\(name), field \(place + 1) changed", other.digest(testKey)))
            }
        }
        let quota = Quota(bytes: 1 << 40, objects: 3, buckets: nil)
        add(
            "tenant",
            TenantRow(id: TenantID(7), name: bytes("t"), status: .active, quota: quota, created: 8),
            [
                { $0.id = TenantID(8) }, { $0.name += [0] }, { $0.status = .suspended },
                { $0.quota.bytes = 1 << 41 }, { $0.quota.objects = nil }, { $0.quota.buckets = 0 },
                { $0.created += 1 },
            ]
        )
        add(
            "grant",
            GrantRow(tenant: TenantID(7), service: bytes("s")),
            [{ $0.tenant = TenantID(6) }, { $0.service = bytes("z") }]
        )
        add(
            "tenant's usage",
            TenantUsageRow(tenant: TenantID(7), buckets: 1, objects: 2, bytes: 3),
            [
                { $0.tenant = TenantID(8) }, { $0.buckets += 1 }, { $0.objects += 1 },
                { $0.bytes += 1 },
            ]
        )
        add(
            "bucket",
            BucketRow(id: BucketID(1), name: bytes("b"), tenant: TenantID(2), created: 3, epoch: 4),
            [
                { $0.id = BucketID(2) }, { $0.name = bytes("c") }, { $0.tenant = TenantID(3) },
                { $0.created += 1 }, { $0.epoch += 1 },
            ]
        )
        add(
            "bucket's usage",
            BucketUsageRow(bucket: BucketID(1), objects: 2, bytes: 3),
            [{ $0.bucket = BucketID(2) }, { $0.objects += 1 }, { $0.bytes += 1 }]
        )
        add(
            "object",
            ObjectRow(
                bucket: BucketID(1),
                key: bytes("k"),
                sequence: 2,
                size: 3,
                etag: bytes("e"),
                modified: 4,
                bodyHash: 5
            ),
            [
                { $0.bucket = BucketID(2) }, { $0.key += [0] }, { $0.sequence += 1 },
                { $0.size += 1 }, { $0.etag = [] }, { $0.modified += 1 }, { $0.bodyHash += 1 },
            ]
        )
        add(
            "session",
            SessionRow(id: 1, principal: .operator(name: bytes("o")), slots: 2, seen: 3),
            [
                { $0.id += 1 }, { $0.principal = .service(name: bytes("o")) }, { $0.slots += 1 },
                { $0.seen += 1 },
            ]
        )
        add(
            "slot",
            SlotRow(
                session: 1,
                slot: 2,
                sequence: 3,
                commandHash: 4,
                reply: Reply(refusal: nil, number: 5, sequence: 6)
            ),
            [
                { $0.session += 1 }, { $0.slot += 1 }, { $0.sequence += 1 },
                { $0.commandHash += 1 }, { $0.reply.refusal = .noSuchBucket },
                { $0.reply.number += 1 }, { $0.reply.sequence += 1 },
            ]
        )
        var system = SystemRow()
        system.clusterTime = 1
        system.sequence = 2
        system.lastTenant = 3
        system.lastBucket = 4
        system.sessionsOpened = 5
        system.voters = [1, 2, 3]
        add(
            "system",
            system,
            [
                { $0.clusterTime += 1 }, { $0.sequence += 1 }, { $0.lastTenant += 1 },
                { $0.lastBucket += 1 }, { $0.sessionsOpened += 1 }, { $0.voters = [1, 2] },
                { $0.outgoingVoters = [3] },
            ]
        )
        return hashes
    }()

    /// A command of each kind and the same with one field changed.
    private static let commands: [(name: String, command: Command)] = {
        var all: [(name: String, command: Command)] = []
        func add<Content>(
            _ name: String,
            _ content: Content,
            _ wrap: (Content) -> Command,
            _ changes: [(inout Content) -> Void]
        ) {
            all.append((name, wrap(content)))
            for (place, change) in changes.enumerated() {
                var other = content
                change(&other)
                all.append(("\(name), field \(place + 1) changed", wrap(other)))
            }
        }
        let quota = Quota(bytes: 1, objects: 2, buckets: 3)
        add(
            "createTenant",
            CreateTenant(name: bytes("t"), quota: quota),
            { .createTenant($0) },
            [
                { $0.name = bytes("u") }, { $0.quota.bytes = 2 }, { $0.quota.objects = nil },
                { $0.quota.buckets = 0 },
            ]
        )
        add(
            "updateTenant",
            UpdateTenant(name: bytes("t"), quota: quota),
            { .updateTenant($0) },
            [
                { $0.name = bytes("u") }, { $0.quota.bytes = 2 }, { $0.quota.objects = nil },
                { $0.quota.buckets = 0 },
            ]
        )
        add(
            "setTenantStatus",
            SetTenantStatus(name: bytes("t"), status: .active),
            { .setTenantStatus($0) },
            [{ $0.name = bytes("u") }, { $0.status = .suspended }]
        )
        add(
            "deleteTenant",
            DeleteTenant(name: bytes("t")),
            { .deleteTenant($0) },
            [{ $0.name = bytes("u") }]
        )
        add(
            "grantService",
            GrantService(tenant: bytes("t"), service: bytes("s")),
            { .grantService($0) },
            [{ $0.tenant = bytes("u") }, { $0.service = bytes("r") }]
        )
        add(
            "revokeService",
            RevokeService(tenant: bytes("t"), service: bytes("s")),
            { .revokeService($0) },
            [{ $0.tenant = bytes("u") }, { $0.service = bytes("r") }]
        )
        add(
            "createBucket",
            CreateBucket(name: bytes("bkt")),
            { .createBucket($0) },
            [{ $0.name = bytes("bkd") }]
        )
        add(
            "deleteBucket",
            DeleteBucket(name: bytes("bkt")),
            { .deleteBucket($0) },
            [{ $0.name = bytes("bkd") }]
        )
        add("putObject", put, { .putObject($0) }, changesOfPut())
        add(
            "deleteObject",
            DeleteObject(bucket: bytes("bkt"), key: bytes("k"), precondition: .ifAbsent),
            { .deleteObject($0) },
            [
                { $0.bucket = bytes("bkd") }, { $0.key += [0] }, { $0.precondition = nil },
                { $0.precondition = .ifPresent },
            ]
        )
        let removal = DeleteObject(bucket: bytes("bkt"), key: bytes("k"))
        add(
            "batch",
            Batch([.put(put), .delete(removal)]),
            { .batch($0) },
            [
                { $0.operations.reverse() }, { $0.operations.removeLast() },
                { $0.operations.append(.delete(removal)) },
                {
                    $0.operations[1] = .put(
                        PutObject(bucket: bytes("bkt"), key: bytes("k"), size: 0)
                    )
                },
                { $0.operations[1] = .delete(DeleteObject(bucket: bytes("bkt"), key: bytes("l"))) },
            ]
        )
        add("openSession", OpenSession(slots: 1), { .openSession($0) }, [{ $0.slots = 2 }])
        add(
            "expireSession",
            ExpireSession(session: 1),
            { .expireSession($0) },
            [{ $0.session = 2 }]
        )
        add(
            "tick",
            Tick(samples: [ClockSample(node: 1, wallMilliseconds: 2)]),
            { .tick($0) },
            [
                { $0.samples[0].node = 2 }, { $0.samples[0].wallMilliseconds = 3 },
                { $0.samples = [] },
                { $0.mark = TickMark(index: 1, digestHigh: 0, digestLow: 0) },
                { $0.mark = TickMark(index: 1, digestHigh: 2, digestLow: 0) },
                { $0.mark = TickMark(index: 1, digestHigh: 0, digestLow: 2) },
            ]
        )
        return all
    }()

    private static let put = PutObject(
        bucket: bytes("bkt"),
        key: bytes("k"),
        size: 1,
        etag: bytes("e"),
        checksum: Checksum(algorithm: .crc32c, value: [1, 2, 3, 4]),
        contentType: bytes("text/plain"),
        metadata: [Attribute(name: bytes("a"), value: bytes("b"))],
        tags: [Attribute(name: bytes("c"), value: bytes("d"))],
        locations: [5],
        precondition: .ifMatch([bytes("e")]),
        modifiedMilliseconds: 6
    )

    private static func changesOfPut() -> [(inout PutObject) -> Void] {
        [
            { $0.bucket = bytes("bkd") }, { $0.key += [0] }, { $0.size += 1 }, { $0.etag = [] },
            { $0.checksum = nil }, { $0.checksum?.algorithm = .sha1 },
            { $0.checksum?.value[0] = 2 }, { $0.contentType = [] }, { $0.metadata = [] },
            { $0.metadata[0].name = bytes("z") },
            { $0.metadata[0].value = [] }, { $0.tags = [] }, { $0.tags[0].name = bytes("z") },
            { $0.tags[0].value = [] }, { $0.metadata += $0.tags }, { swap(&$0.metadata, &$0.tags) },
            { $0.locations = [6] }, { $0.precondition = nil }, { $0.precondition = .ifAbsent },
            { $0.precondition = .ifPresent }, { $0.precondition = .ifMatch([]) },
            { $0.precondition = .ifMatch([bytes("e"), []]) }, { $0.modifiedMilliseconds = nil },
            { $0.modifiedMilliseconds = 0 },
        ]
    }

    private static func hash(_ command: Command, tenant: UInt64 = 1) -> UInt64 {
        CommandHash.of(
            CommandEnvelope(
                principal: .operator(name: bytes("o")),
                tenant: TenantID(tenant),
                identity: .none,
                command: command
            ),
            key: testKey
        )
    }

    @Test
    func `every field of every row is hashed`() {
        #expect(Set(Self.rows.map(\.hash)).count == Self.rows.count)
        #expect(Set(Self.rows.map(\.hash.low)).count == Self.rows.count)
    }

    @Test
    func `every kind of command is here, and every field of it is hashed`() {
        #expect(Set(Self.commands.map(\.command.tag)) == Set(CommandTag.allCases))
        let hashes = Self.commands.map { Self.hash($0.command) }
        #expect(Set(hashes).count == hashes.count)
        for (name, command) in Self.commands {
            #expect(Self.hash(command) != Self.hash(command, tenant: 2), "\(name)")
        }
    }

    /// `CADASTRE_REWRITE=1` writes them anew, which needs a new schema number.
    @Test
    func `the hashes are those of the golden file`() throws {
        let lines =
            Self.rows.map { "\($0.hash) \($0.name)" }
            + Self.commands.map { "\(String(Self.hash($0.command), radix: 16)) \($0.name)" }
        let text = lines.joined(separator: "\n") + "\n"
        let file = URL(filePath: #filePath).deletingLastPathComponent()
            .appending(path: "Golden/hashes.txt")
        if ProcessInfo.processInfo.environment["CADASTRE_REWRITE"] != nil {
            try text.write(to: file, atomically: true, encoding: .utf8)
        } else {
            #expect(try text == String(contentsOf: file, encoding: .utf8))
        }
    }
}
