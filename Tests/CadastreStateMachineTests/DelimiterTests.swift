import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import Testing

/// The search for a delimiter, whose cost a client must not be able to choose.
struct DelimiterTests {
    /// Bytes that count how often they are looked at.
    private struct CountedBytes: RandomAccessCollection {
        final class Counter { var count = 0 }
        let bytes: [UInt8]
        let counter = Counter()
        var startIndex: Int { 0 }
        var endIndex: Int { bytes.count }
        subscript(place: Int) -> UInt8 {
            counter.count += 1
            return bytes[place]
        }
    }

    @Test
    func `the first delimiter is found where a plain search finds it`() {
        var generator = SplitMix64(seed: 3)
        for _ in 0..<20_000 {
            func random(_ maximum: Int) -> [UInt8] {
                (0..<generator.next(below: maximum + 1)).map { _ in
                    UInt8(0x61 + generator.next(below: 2))
                }
            }
            let key = random(16)
            let delimiter = random(5)
            let start = generator.next(below: 18)
            let plain = (start..<max(start, key.count)).first {
                !delimiter.isEmpty && key[$0...].starts(with: delimiter)
            }
            #expect(
                DelimiterSearch(delimiter).end(in: key, from: start)
                    == plain.map { $0 + delimiter.count }
            )
        }
    }

    /// A plain search takes 260,000 comparisons at each of a thousand keys for this.
    @Test(arguments: [1, 2, 300, 512, 1_023])
    func `every byte of a key is looked at once, however the delimiter repeats itself`(size: Int) {
        let counted = CountedBytes(bytes: [UInt8](repeating: 0x61, count: 1_024))
        let delimiter = [UInt8](repeating: 0x61, count: size) + [0x62]
        #expect(DelimiterSearch(delimiter).end(in: counted, from: 0) == nil)
        #expect(counted.counter.count <= counted.bytes.count)
    }

    @Test
    func `a list groups by a delimiter of a kilobyte`() throws {
        var world = try World()
        let delimiter = [UInt8](repeating: 0x61, count: 600) + [0x62]
        let long = [UInt8](repeating: 0x61, count: 1_024)
        let grouped = [UInt8](repeating: 0x61, count: 700) + [0x62]
        try world.put(long)
        try world.put(grouped + [1])
        try world.put(grouped + [2])
        let listing = ObjectListing(bucket: bytes("photos"), delimiter: delimiter)
        let page = try objectPage(world.ask(.listObjects(listing)))
        #expect(page.items.map(key) == [long, grouped])
    }
}
