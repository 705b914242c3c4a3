import CadastreDisk
import CadastreProtocol
import Testing

@testable import CadastreStateMachine

/// Pages of objects against a brute-force list of everything (metadata model §2.3).
struct ListTests {
    @Test(arguments: 1...8 as ClosedRange<UInt64>)
    func `every page is what sorting and grouping all keys gives`(seed: UInt64) throws {
        var generator = SplitMix64(seed: seed)
        var world = try World()
        var keys: Set<[UInt8]> = []
        let alphabet: [UInt8] = [0x61, 0x62, 0x2f, 0xff, 0x00]
        for _ in 0..<120 {
            let count = 1 + generator.next(below: 6)
            let key = (0..<count).map { _ in
                alphabet[generator.next(below: alphabet.count)]
            }
            keys.insert(key)
            try world.put(key)
        }
        let sorted = keys.sorted { $0.lexicographicallyPrecedes($1) }
        func random(_ maximum: Int) -> [UInt8] {
            (0..<generator.next(below: maximum + 1)).map { _ in
                alphabet[generator.next(below: alphabet.count)]
            }
        }
        for _ in 0..<1_500 {
            let listing = ObjectListing(
                bucket: bytes("photos"),
                prefix: random(2),
                delimiter: random(2),
                after: generator.next(below: 3) == 0
                    ? sorted[generator.next(below: sorted.count)] : random(4),
                maximum: generator.next(below: 12)
            )
            let page = try objectPage(world.ask(.listObjects(listing)))
            let (items, isTruncated) = bruteList(sorted, listing)
            try #require(page.items.map(key) == items, "\(listing)")
            try #require(page.isTruncated == isTruncated, "\(listing)")
            try #require(page.next == (isTruncated ? items.last ?? [] : []), "\(listing)")
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `a page is of what changed last, wherever that is kept, and stores nothing`(
        seed: UInt64
    ) throws {
        var generator = SplitMix64(seed: seed)
        var world = try World(settings: StateMachineSettings(maximumDirtyRows: 40))
        let alphabet: [UInt8] = [0x61, 0x62, 0x2f, 0xff]
        func random(_ range: ClosedRange<Int>) -> [UInt8] {
            (0..<range.lowerBound + generator.next(below: range.count)).map { _ in
                alphabet[generator.next(below: alphabet.count)]
            }
        }
        var tags: [[UInt8]: [UInt8]] = [:]
        var listsWhileStoring = 0
        for number in 0..<3_000 {
            let changed = random(1...4)
            if generator.next(below: 3) == 0 {
                let delete = DeleteObject(bucket: bytes("photos"), key: changed)
                try world.machine.apply(world.owner.next(.deleteObject(delete)))
                tags[changed] = nil
            } else {
                try world.put(changed, etag: "\(number)")
                tags[changed] = bytes("\(number)")
            }
            if generator.next(below: 2) == 0 { try world.machine.endOfTurn(idle: false) }
            let listing = ObjectListing(
                bucket: bytes("photos"),
                prefix: random(0...1),
                delimiter: random(0...1),
                after: random(0...3),
                maximum: 1 + generator.next(below: 30)
            )
            let unstored = world.machine.rows.changes.unstoredCount
            if unstored > 0, world.machine.rows.changes.hasRecent { listsWhileStoring += 1 }
            let page = try objectPage(world.ask(.listObjects(listing)))
            #expect(world.machine.rows.changes.unstoredCount == unstored)
            let sorted = tags.keys.sorted { $0.lexicographicallyPrecedes($1) }
            let (items, isTruncated) = bruteList(sorted, listing)
            try #require(page.items.map(key) == items, "\(number) \(listing)")
            try #require(page.isTruncated == isTruncated, "\(number) \(listing)")
            for case .object(let found, _, _, let etag, _) in page.items {
                try #require(etag == tags[found], "\(number) \(listing)")
            }
        }
        #expect(listsWhileStoring > 300)
        #expect(try world.machine.recomputeDigest().digest == world.machine.digest)
    }

    @Test(arguments: [false, true])
    func `a list of a prefix reads one row behind it, however many there are`(
        isInMemory: Bool
    )
        throws
    {
        var world = try World()
        for number in 0..<20 { try world.put(bytes("a/\(100 + number)")) }
        for number in 0..<300 { try world.put(bytes("b/\(100 + number)")) }
        try world.machine.checkpoint()
        // Behind the last row of the prefix.
        if isInMemory { try world.put(bytes("a/2")) }
        let before = world.machine.rowsRead
        let listing = ObjectListing(bucket: bytes("photos"), prefix: bytes("a/"))
        let page = try objectPage(world.ask(.listObjects(listing)))
        #expect(page.items.count == (isInMemory ? 21 : 20))
        #expect(!page.isTruncated)
        #expect(world.machine.rowsRead - before == UInt64(page.items.count) + 1)
    }

    @Test
    func `what was removed and is only in memory counts as read, since it is stepped over`() throws
    {
        var world = try World()
        for number in 0..<500 {
            try world.put(bytes("key-\(number)"))
            let delete = DeleteObject(bucket: bytes("photos"), key: bytes("key-\(number)"))
            try world.machine.apply(world.owner.next(.deleteObject(delete)))
        }
        let before = world.machine.rowsRead
        let page = try objectPage(world.ask(.listObjects(ObjectListing(bucket: bytes("photos")))))
        #expect(page.items.isEmpty)
        #expect(world.machine.rowsRead - before == 500)
    }

    @Test
    func `a statement that asks nobody where to stop fails instead of skipping rows`() throws {
        let world = try World()
        try world.machine.checkpoint()
        let connection = world.machine.rows.connection
        let statement = try Statement("SELECT 1 FROM system WHERE stops_at()", on: connection)
        #expect(failure { _ = try statement.step() } != nil)
        final class Everywhere: RowVisitor {
            override func stops(at row: borrowing VisitedRow) -> Bool { true }
        }
        #expect(try statement.step(visitor: Everywhere()))
        #expect(try !statement.step(visitor: Everywhere()))
        #expect(unsafe connection.visitor == nil)
    }

    @Test(arguments: [1, 2, 3, 7])
    func `pages joined by next are the whole list`(maximum: Int) throws {
        var world = try World()
        for key in [
            "a", "b/1", "b/2", "b/3", "c", "d/e/1", "d/f", "é", "e\u{301}", "~", "\u{ff5e}",
        ] {
            try world.put(bytes(key))
        }
        try world.put([0xff, 0xff])
        for delimiter in ["", "/"] {
            var joined: [[UInt8]] = []
            var after: [UInt8] = []
            while true {
                let listing = ObjectListing(
                    bucket: bytes("photos"),
                    delimiter: bytes(delimiter),
                    after: after,
                    maximum: maximum
                )
                let page = try objectPage(world.ask(.listObjects(listing)))
                joined += page.items.map(key)
                guard page.isTruncated else { break }
                after = page.next
            }
            let whole = ObjectListing(bucket: bytes("photos"), delimiter: bytes(delimiter))
            #expect(try joined == objectPage(world.ask(.listObjects(whole))).items.map(key))
            #expect(joined.count == (delimiter.isEmpty ? 12 : 9))
        }
    }

    @Test
    func `the composed and the decomposed letter are two keys, in byte order`() throws {
        var world = try World()
        try world.put([0xc3, 0xa9])
        try world.put([0x65, 0xcc, 0x81])
        // UTF-16 would put the second before the first.
        try world.put(bytes("\u{1f600}"))
        try world.put(bytes("\u{ff5e}"))
        let page = try objectPage(
            world.ask(.listObjects(ObjectListing(bucket: bytes("photos"))))
        )
        #expect(
            page.items.map(key) == [
                [0x65, 0xcc, 0x81], [0xc3, 0xa9], bytes("\u{ff5e}"), bytes("\u{1f600}"),
            ]
        )
    }

    @Test
    func `a list of one group costs one item however many keys are in it`() throws {
        var world = try World()
        for number in 0..<300 { try world.put(bytes("logs/\(number)")) }
        try world.put(bytes("z"))
        let listing = ObjectListing(bucket: bytes("photos"), delimiter: bytes("/"), maximum: 1)
        let page = try objectPage(world.ask(.listObjects(listing)))
        #expect(page.items.map(key) == [bytes("logs/")])
        #expect(page.isTruncated)
        var rest = listing
        rest.after = bytes("logs/17")
        let second = try objectPage(world.ask(.listObjects(rest)))
        #expect(second.items.map(key) == [bytes("z")])
        #expect(!second.isTruncated)
    }

    @Test(arguments: [false, true])
    func `a group is jumped over by a search, whether its first key is in the file or in memory`(
        isInMemory: Bool
    ) throws {
        var world = try World()
        for number in 0..<300 { try world.put(bytes("logs/\(1_000 + number)")) }
        try world.put(bytes("z"))
        try world.machine.checkpoint()
        if isInMemory { try world.put(bytes("logs/1")) }
        let before = world.machine.rowsRead
        let listing = ObjectListing(bucket: bytes("photos"), delimiter: bytes("/"))
        let page = try objectPage(world.ask(.listObjects(listing)))
        #expect(page.items.map(key) == [bytes("logs/"), bytes("z")])
        // The first of the group, eight that are passed, and what the search finds.
        #expect(world.machine.rowsRead - before == 10)
    }
}
