internal import ArgumentParser
internal import CadastreClient
internal import Foundation

/// How large the objects of a load are said to be, and what else is said of them.
enum ObjectSizes: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// 30,000 bytes and the key's place, and no user metadata.
    case plain
    /// Log-normal: median 30 kB, 85 of 100 below 1 MB; up to three headers of user metadata, for one
    /// object of twenty a long one.
    case logNormal = "log-normal"
}

/// Makes the objects that a load puts.
struct ObjectMaker {
    private let bucket: [UInt8]
    private let shape: KeyShape
    private let sizes: ObjectSizes
    private let locations: [UInt8]
    private let checksum: Checksum
    /// Tells the entity tags of this run from those of others; nil where all are one.
    private let run: String?

    /// Makes objects as the plan has them.
    ///
    /// With a mark of the run each has another entity tag, which begins with it.
    init(_ plan: BenchPlan, run: String?) {
        bucket = plan.bucket
        shape = plan.shape
        sizes = plan.sizes
        locations = (0..<plan.valueSize).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 7) }
        checksum = Checksum(.sha256, Array(repeating: 0x5A, count: 32))
        self.run = run
    }

    /// The put of an operation's number at a place.
    func put(
        _ number: UInt64,
        _ place: UInt64,
        _ condition: Precondition? = nil,
        _ numbers: inout SeededNumbers
    ) -> PutObject {
        put(number, key: shape.key(place), size: 30_000 + place, condition, &numbers)
    }

    /// The put of an operation's number under any key.
    func put(
        _ number: UInt64,
        key: [UInt8],
        size: UInt64,
        _ condition: Precondition?,
        _ numbers: inout SeededNumbers
    ) -> PutObject {
        var put = PutObject(bucket: bucket, key: key, size: size)
        put.etag = Array((run.map { "\($0)-\(number)" } ?? "d41d8cd98f00b204e9800998ecf8427e").utf8)
        put.checksum = checksum
        put.contentType = Array("application/octet-stream".utf8)
        put.locations = locations
        put.precondition = condition
        if sizes == .logNormal {
            put.size = Self.size(&numbers)
            put.metadata = Self.metadata(&numbers)
        }
        return put
    }

    /// Bytes, from 1 to the 5 TiB that an object may have.
    static func size(_ numbers: inout SeededNumbers) -> UInt64 {
        // The deviation with which 85 of 100 are below 1 MB.
        let size = 30_000 * exp(3.384 * numbers.normal())
        return UInt64(min(max(size, 1), 5 * 1_099_511_627_776))
    }

    /// None to three headers, together 60 bytes in the mean, or a long one.
    private static func metadata(_ numbers: inout SeededNumbers) -> [Attribute] {
        if numbers.next() % 20 == 0 {
            return [attribute(0, size: 1000 + Int(numbers.next() % 1000))]
        }
        return (0..<numbers.next() % 4).map { attribute($0, size: 20 + Int(numbers.next() % 21)) }
    }

    private static func attribute(_ number: UInt64, size: Int) -> Attribute {
        Attribute(
            name: Array("x-meta-\(number)".utf8),
            value: Array(repeating: UInt8(ascii: "m"), count: size)
        )
    }
}
