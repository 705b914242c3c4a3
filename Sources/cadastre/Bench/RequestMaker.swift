internal import CadastreClient

/// Makes the requests of a load; lives on the event loop.
final class RequestMaker: @unchecked Sendable {
    // Unchecked: made before the event loop sees it, then used there alone.

    private let kind: Bench.Kind
    private let bucket: [UInt8]
    private let count: UInt64
    private let order: BenchVerbs.KeyOrder
    private let value: [UInt8]
    private let checksum: Checksum
    private var state: UInt64
    /// Tells the values of this run from those of others; nil where all values are one.
    private let run: String?
    /// The newest value of each key that this run made, for conditions; of a mixed load alone.
    private var newest: [UInt64: [UInt8]] = [:]

    /// Makes requests of this kind.
    init(_ kind: Bench.Kind, _ load: BenchVerbs.LoadOptions, _ bucket: [UInt8]) {
        self.kind = kind
        self.bucket = bucket
        count = load.keyCount(for: kind)
        order = load.keys
        value = (0..<load.valueSize).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        checksum = Checksum(.sha256, Array(repeating: 0x5A, count: 32))
        state = load.seed
        let isTold = load.history != nil || kind == .mixed
        run = isTold ? String(UInt32.random(in: 0 ... .max), radix: 16) : nil
    }

    /// The request of a number.
    func submission(_ number: UInt64) -> Submission {
        let place = order == .sequential ? number % count : random() % count
        let key = Self.key(place)
        switch kind {
        case .put: return Submission(.command, put(number, place, nil).encoded)
        case .get: return Submission(.query, GetObject(bucket: bucket, key: key).encoded)
        case .list:
            let list = ListObjects(bucket: bucket, after: key, maximum: 100)
            return Submission(.query, list.encoded)
        case .mixed: return mixed(number, place, key)
        }
    }

    /// Changes and questions about few keys, half of each; some of the changes under a condition.
    private func mixed(_ number: UInt64, _ place: UInt64, _ key: [UInt8]) -> Submission {
        switch random() % 100 {
        case 0..<24: return Submission(.command, put(number, place, nil).encoded)
        case 24..<30: return Submission(.command, put(number, place, .ifAbsent).encoded)
        case 30..<40:
            let condition = newest[place].map { Precondition.ifMatch([$0]) } ?? .ifPresent
            return Submission(.command, put(number, place, condition).encoded)
        case 40..<50:
            return Submission(.command, DeleteObject(bucket: bucket, key: key).encoded)
        case 50..<90: return Submission(.query, GetObject(bucket: bucket, key: key).encoded)
        case 90..<96:
            let list = ListObjects(bucket: bucket, after: key, maximum: 10)
            return Submission(.query, list.encoded)
        default: return Submission(.query, GetUsage(bucket: bucket).encoded)
        }
    }

    private func put(_ number: UInt64, _ place: UInt64, _ condition: Precondition?) -> PutObject {
        var put = PutObject(bucket: bucket, key: Self.key(place), size: 30_000 + place)
        if let run {
            put.etag = Array("\(run)-\(number)".utf8)
            if kind == .mixed { newest[place] = put.etag }
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

    private func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
