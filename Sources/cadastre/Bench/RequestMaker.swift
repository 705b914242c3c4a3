internal import CadastreClient

/// Makes the operations of a load; lives on the event loop.
final class RequestMaker: @unchecked Sendable {
    // Unchecked: made before the event loop sees it, then used there alone.

    private let mix: Mix
    private let bucket: [UInt8]
    private let count: UInt64
    private let order: BenchVerbs.KeyOrder
    private let value: [UInt8]
    private let checksum: Checksum
    private var numbers: SeededNumbers
    /// Tells the values of this run from those of others; nil where all values are one.
    private let run: String?
    private let remembersNewest: Bool
    /// The newest value of each key that this run made, for conditions; of a mixed load alone.
    private var newest: [UInt64: [UInt8]] = [:]

    /// Makes operations of this kind.
    init(_ kind: Bench.Kind, _ load: BenchVerbs.LoadOptions, _ bucket: [UInt8]) {
        mix = kind.mix
        self.bucket = bucket
        count = load.keyCount(for: kind)
        order = load.keys
        value = (0..<load.valueSize).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        checksum = Checksum(.sha256, Array(repeating: 0x5A, count: 32))
        numbers = SeededNumbers(seed: load.seed)
        remembersNewest = kind == .mixed
        let isTold = load.history != nil || remembersNewest
        run = isTold ? String(UInt32.random(in: 0 ... .max), radix: 16) : nil
    }

    /// The operation of a number.
    func operation(_ number: UInt64) -> BenchOperation {
        let place = order == .sequential ? number % count : numbers.next() % count
        switch mix.draw(&numbers) {
        case .put: return change(.put, put(number, place, nil))
        case .putIfAbsent: return change(.conditionalPut, put(number, place, .ifAbsent))
        case .putOverNewest:
            let condition = newest[place].map { Precondition.ifMatch([$0]) } ?? .ifPresent
            return change(.conditionalPut, put(number, place, condition))
        case .batch(let size): return batch(number, place, size)
        case .delete:
            return change(.delete, DeleteObject(bucket: bucket, key: Self.key(place)))
        case .get: return question(.get, GetObject(bucket: bucket, key: Self.key(place)))
        case .listAfter(let page):
            let after = Self.key(place)
            return question(.list, ListObjects(bucket: bucket, after: after, maximum: page))
        case .listUnder(let page):
            let prefix = Self.prefix(place, holding: page)
            return question(.list, ListObjects(bucket: bucket, prefix: prefix, maximum: page))
        case .usage: return question(.usage, GetUsage(bucket: bucket))
        }
    }

    private func change(
        _ kind: OperationKind,
        _ command: some ClientCommand
    ) -> BenchOperation {
        BenchOperation(kind: kind, requests: [Submission(.command, command.encoded)])
    }

    private func question(_ kind: OperationKind, _ query: some ClientQuery) -> BenchOperation {
        BenchOperation(kind: kind, requests: [Submission(.query, query.encoded)])
    }

    /// Neighbours, as they are what one upload or one job of a service puts together.
    private func batch(_ number: UInt64, _ place: UInt64, _ size: Int) -> BenchOperation {
        let size = UInt64(size)
        let first = order == .sequential ? number &* size : place
        let requests = (0..<size).map { offset in
            let put = put(number &* size &+ offset, (first &+ offset) % count, nil)
            return Submission(.command, put.encoded)
        }
        return BenchOperation(kind: .batch, requests: requests)
    }

    private func put(_ number: UInt64, _ place: UInt64, _ condition: Precondition?) -> PutObject {
        var put = PutObject(bucket: bucket, key: Self.key(place), size: 30_000 + place)
        if let run {
            put.etag = Array("\(run)-\(number)".utf8)
            if remembersNewest { newest[place] = put.etag }
        } else {
            put.etag = Array("d41d8cd98f00b204e9800998ecf8427e".utf8)
        }
        put.checksum = checksum
        put.contentType = Array("application/octet-stream".utf8)
        put.locations = value
        put.precondition = condition
        return put
    }

    /// The key of a place, 64 bytes: `bench/` and the number with zeros before it.
    static func key(_ place: UInt64) -> [UInt8] {
        var key = Array("bench/".utf8) + [UInt8](repeating: UInt8(ascii: "0"), count: 58)
        var rest = place
        var position = key.count - 1
        while rest > 0, position > 5 {
            key[position] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            position -= 1
        }
        return key
    }

    /// What the keys around a place begin with: the shortest such that at least so many do.
    static func prefix(_ place: UInt64, holding count: Int) -> [UInt8] {
        var digits = 0
        var held = 1
        while held < count {
            held *= 10
            digits += 1
        }
        return key(place).dropLast(digits)
    }
}

extension Bench.Kind {
    /// What a load of this kind does.
    var mix: Mix {
        switch self {
        case .put: Mix([(.put, 1)])
        case .get: Mix([(.get, 1)])
        case .list(let page): Mix([(.listUnder(page), 1)])
        case .batch(let size): Mix([(.batch(size), 1)])
        case .mixed:
            // Changes and questions about few keys, half of each; some of the changes under a
            // condition.
            Mix([
                (.put, 24), (.putIfAbsent, 6), (.putOverNewest, 10), (.delete, 10), (.get, 40),
                (.listAfter(10), 6), (.usage, 4),
            ])
        }
    }
}
