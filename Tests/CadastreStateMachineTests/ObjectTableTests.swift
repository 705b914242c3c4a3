import CadastreDisk
import CadastreProtocol
import RaftCore
import Testing

@testable import CadastreStateMachine

/// Objects packed in memory, beside a dictionary that is obviously right.
struct ObjectTableTests {
    /// What a dictionary holds of a place: nil is a deletion.
    private typealias Model = [ObjectPlace: (row: ObjectRow, body: [UInt8])?]

    private func place(_ bucket: UInt64, _ key: [UInt8]) -> HashedPlace {
        HashedPlace(bucket: bucket, key: key)
    }

    private func row(_ bucket: UInt64, _ key: [UInt8], _ number: UInt64, etag: Int) -> ObjectRow {
        ObjectRow(
            bucket: BucketID(bucket),
            key: key,
            sequence: number,
            size: number &* 3,
            etag: [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: etag),
            modified: number &* 5,
            bodyHash: number &* 7
        )
    }

    /// Keys that begin alike, end alike, hold one another and are of every small length.
    private func key(_ generator: inout SplitMix64) -> [UInt8] {
        let beginning = [UInt8](repeating: 0x61, count: Int(generator.next() % 3) * 7)
        return beginning
            + (0..<1 + generator.next() % 3).map { _ in
                [0, 1, 0x61, 0xff][Int(generator.next() % 4)]
            }
    }

    private func expect(
        _ table: borrowing ObjectTable,
        _ model: Model,
        bodies: Bool = true,
        _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(table.count == model.count, sourceLocation: location)
        for (where_, expected) in model {
            let place = place(where_.bucket, where_.key)
            switch (table.known(at: place), expected) {
            case (.row(let row), let expected?):
                #expect(row == expected.row, sourceLocation: location)
                let body = table.body(at: place)
                #expect(body == (bodies ? expected.body : []), sourceLocation: location)
            case (.absent, nil): break
            case (let found, _):
                Issue.record("\(where_): \(String(describing: found))", sourceLocation: location)
            }
        }
        let order = table.sorted().map { number in
            table.withRecord(number) { ObjectPlace(bucket: $0.header.bucket, key: [UInt8]($0.key)) }
        }
        let expected = model.keys.sorted { left, right in
            left.bucket == right.bucket
                ? left.key.lexicographicallyPrecedes(right.key) : left.bucket < right.bucket
        }
        #expect(order == expected, sourceLocation: location)
    }

    @Test(arguments: 1...20)
    func `it holds what was noted last of each place, and sorts the places`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var table = ObjectTable(MemoryPieces())
        var model: Model = [:]
        for number in 0..<2_000 as Range<UInt64> {
            let bucket = generator.next() % 2
            let key = key(&generator)
            let isNew = model[ObjectPlace(bucket: bucket, key: key)] == nil
            if generator.next() % 5 == 0 {
                #expect(table.putDeletion(at: place(bucket, key)) == isNew)
                model.updateValue(nil, forKey: ObjectPlace(bucket: bucket, key: key))
            } else {
                let row = row(bucket, key, number, etag: Int(generator.next() % 40))
                // Larger and smaller than before; now and then more than a piece of memory.
                let size = generator.next() % 300 == 0 ? 300_000 : Int(generator.next() % 500)
                let body = [UInt8](repeating: UInt8(number & 255), count: size)
                #expect(table.put(row, body: body, at: place(bucket, key)) == isNew)
                model.updateValue((row, body), forKey: ObjectPlace(bucket: bucket, key: key))
            }
        }
        expect(table, model)
        #expect(table.known(at: place(2, [0])) == nil)
        #expect(table.known(at: place(0, [9])) == nil)
    }

    @Test
    func `what one has emptied the next fills`() {
        let memory = MemoryPieces()
        var first = ObjectTable(memory)
        var second = ObjectTable(memory)
        for round in 0..<4 as Range<UInt64> {
            var model: Model = [:]
            for number in 0..<3_000 as Range<UInt64> {
                let key = bytes("key-\(number &* 7_919 % 3_000)")
                let row = row(round, key, number + round, etag: 16)
                let body = [UInt8](repeating: UInt8(round), count: 300)
                _ = first.put(row, body: body, at: place(round, key))
                model.updateValue((row, body), forKey: ObjectPlace(bucket: round, key: key))
            }
            expect(first, model)
            first.removeAll()
            expect(first, [:])
            #expect(first.known(at: place(round, bytes("key-1"))) == nil)
            swap(&first, &second)
        }
    }

    /// Remembers a row, or that there is none.
    private func remember(
        _ row: ObjectRow?,
        at place: HashedPlace,
        in remembered: inout RememberedObjects
    ) {
        var stored = ObjectTable(MemoryPieces())
        if let row {
            _ = stored.put(row, body: [1, 2, 3], at: place)
        } else {
            _ = stored.putDeletion(at: place)
        }
        stored.withRecord(0) { remembered.remember($0) }
    }

    @Test(arguments: 1...10)
    func `what is remembered is what was stored last`(seed: UInt64) {
        var generator = SplitMix64(seed: seed)
        var remembered = RememberedObjects(maximumBytes: 40_000, in: MemoryPieces())
        var model: [[UInt8]: ObjectRow?] = [:]
        var found = 0
        for number in 0..<10_000 as Range<UInt64> {
            let key =
                generator.next() % 2 == 0 ? key(&generator) : bytes("\(generator.next() % 900)")
            let place = place(1, key)
            let isDeletion = generator.next() % 5 == 0
            let row = isDeletion ? nil : row(1, key, number, etag: Int(generator.next() % 64))
            remember(row, at: place, in: &remembered)
            model.updateValue(row, forKey: key)
            let other = model.keys.randomElement(using: &generator) ?? []
            for key in [key, other] {
                switch (remembered.known(at: self.place(1, key)), model[key]) {
                case (.row(let row), let expected??):
                    #expect(row == expected)
                    found += 1
                case (.absent, .some(nil)): found += 1
                case (nil, _): #expect(key != place.key, "the latest is remembered")
                case (let known, let expected):
                    Issue.record("\(key): \(String(describing: (known, expected)))")
                }
            }
        }
        // Both what is remembered and what is not were met.
        #expect(found > 11_000 && found < 19_000, "\(found)")
    }

    @Test
    func `as many rows are remembered as the memory holds, each once, and the latest stay`() {
        var remembered = RememberedObjects(maximumBytes: 80_000, in: MemoryPieces())
        for number in 0..<3_000 as Range<UInt64> {
            let key = bytes("key-\(number)")
            remember(row(1, key, number, etag: 8), at: place(1, key), in: &remembered)
            // One that is stored again and again takes no more room than any other.
            let hot = bytes("hot")
            remember(row(1, hot, number, etag: 8), at: place(1, hot), in: &remembered)
        }
        let kept = (0..<3_000).filter { remembered.known(at: place(1, bytes("key-\($0)"))) != nil }
        let size = PackedObject.headerSize + 16
        #expect(kept.count > 70_000 / size * 8 / 10 && kept.count * size < 80_000, "\(kept.count)")
        #expect(kept == Array(3_000 - kept.count..<3_000))
    }

    @Test
    func `without memory nothing is remembered`() {
        var remembered = RememberedObjects(maximumBytes: 0, in: MemoryPieces())
        remember(row(1, bytes("a"), 1, etag: 8), at: place(1, bytes("a")), in: &remembered)
        #expect(remembered.known(at: place(1, bytes("a"))) == nil)
    }
}
