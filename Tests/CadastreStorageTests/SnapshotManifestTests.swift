import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// Bytes of a manifest: those that were made, and any others.
struct SnapshotManifestTests {
    private func isMalformed(_ bytes: [UInt8]) -> Bool {
        do throws(StorageError) {
            _ = try SnapshotManifest(decoding: bytes)
            return false
        } catch {
            guard case .malformedSnapshot = error else { return false }
            return true
        }
    }

    @Test
    func `no part of one, none with a bit turned and none with bytes behind is one`() {
        let bytes = Samples.manifest.encode()
        for size in 0..<bytes.count { #expect(isMalformed(Array(bytes.prefix(size)))) }
        for place in 0..<bytes.count * 8 {
            var other = bytes
            other[place / 8] ^= 1 << (place % 8)
            #expect(isMalformed(other), "bit \(place)")
        }
        #expect(isMalformed(bytes + [0]))
        #expect(isMalformed([UInt8](repeating: 0, count: SnapshotManifestFormat.maximumSize + 1)))
    }

    @Test
    func `with a right checksum any bytes are refused, or are what they would be encoded as`() {
        let bytes = Samples.manifest.encode()
        var generator = SplitMix64(seed: 7)
        var taken = 0
        for _ in 0..<20_000 {
            var other = bytes
            for _ in 0...generator.next(below: 3) {
                let place = generator.next(below: other.count)
                other[place] = [0, 1, 0x7f, 0x80, 0xff][generator.next(below: 5)]
            }
            if generator.next(below: 8) == 0 {
                other = Array(other.prefix(generator.next(below: other.count)))
            }
            if other.count >= 16 { other.store(SnapshotManifestFormat.sum(other), at: 12) }
            guard let manifest = try? SnapshotManifest(decoding: other) else { continue }
            taken += 1
            #expect(manifest.encode() == other)
        }
        #expect(taken > 1_000)
    }

    @Test(arguments: [112, 120, 124, 36])
    func `sizes that do not fit each other are refused before memory is taken`(offset: Int) {
        for value in [0, 1, 2, 4_095, 1 << 20, UInt32.max / 2, UInt32.max] {
            var bytes = Samples.manifest.encode()
            guard bytes.load(UInt32.self, at: offset) != value else { continue }
            bytes.store(value, at: offset)
            bytes.store(SnapshotManifestFormat.sum(bytes), at: 12)
            #expect(isMalformed(bytes))
        }
    }

    @Test
    func `a name is the hash of the bytes`() {
        var other = Samples.manifest
        #expect(other.id == SnapshotID(SHA256.hash(other.encode())))
        other.clusterTime += 1
        #expect(other.id != Samples.manifest.id)
        #expect(other.id.description.utf8.count == 64)
    }
}
