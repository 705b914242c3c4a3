import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

/// The hash of rows: stored on disk and compared between nodes, so its values are fixed.
struct DigestTests {
    private let row = GrantRow(tenant: TenantID(7), service: bytes("photos-of-2024"))

    @Test
    func `the hash of a row never changes`() {
        #expect(row.digest(testKey).description == "fc13324768475da725d7eb8ffafe44cb")
        #expect(SystemRow().digest(testKey).description == "b5c91a625fe43e3991528b2a909351d2")
    }

    @Test
    func `another key, table, field or byte gives another hash`() {
        var seen: Set<StateDigest> = [row.digest(testKey)]
        var count = 1
        func add(_ digest: StateDigest) {
            seen.insert(digest)
            count += 1
        }
        add(row.digest(RowHashKey(cluster: ClusterID(high: 11, low: 23))))
        for place in row.service.indices {
            for bit in 0..<8 {
                var other = row
                other.service[place] ^= 1 << UInt8(bit)
                add(other.digest(testKey))
            }
        }
        for size in 0..<14 {
            var other = row
            other.service.removeLast(size + 1)
            add(other.digest(testKey))
            other.service = row.service + [UInt8](repeating: 0, count: size + 1)
            add(other.digest(testKey))
        }
        for value in 0..<50_000 as Range<UInt64> {
            add(TenantUsageRow(tenant: TenantID(value)).digest(testKey))
            add(TenantUsageRow(tenant: TenantID(0), buckets: value + 1).digest(testKey))
            add(BucketUsageRow(bucket: BucketID(value)).digest(testKey))
        }
        #expect(seen.count == count)
        // Each half by itself tells rows apart as well.
        #expect(Set(seen.map(\.low)).count == count)
        #expect(Set(seen.map(\.high)).count == count)
    }

    @Test
    func `the digest of rows does not depend on their order, and takes rows away again`() {
        var generator = SplitMix64(seed: 1)
        let hashes = (0..<100).map { _ in
            StateDigest(high: generator.next(), low: generator.next())
        }
        var forward = StateDigest.zero
        for hash in hashes { forward += hash }
        var backward = StateDigest.zero
        for hash in hashes.reversed() { backward += hash }
        #expect(forward == backward)
        for hash in hashes.shuffled(using: &generator) { forward -= hash }
        #expect(forward == .zero)
    }
}
