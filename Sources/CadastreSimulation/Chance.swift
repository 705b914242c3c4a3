internal import CadastreDisk

/// The one source of chance in a simulated world.
struct Chance {
    private var generator: SplitMix64

    /// Everything drawn follows from the seed.
    init(seed: UInt64) { generator = SplitMix64(seed: seed) }

    /// 64 bits; seeds for what has chance of its own.
    mutating func bits() -> UInt64 { generator.next() }

    /// A number from 0 up to, not including, `bound`.
    mutating func below(_ bound: Int) -> Int { generator.next(below: bound) }

    /// A number of the range.
    mutating func draw(_ range: ClosedRange<UInt64>) -> UInt64 {
        range.lowerBound + generator.next() % (range.upperBound - range.lowerBound + 1)
    }

    /// True once in `count` times.
    mutating func oneIn(_ count: Int) -> Bool { below(count) == 0 }

    /// True this many times in a thousand.
    mutating func perMille(_ share: Int) -> Bool { share > 0 && below(1_000) < share }

    /// Puts the values into another order.
    mutating func shuffle<Value>(_ values: inout [Value]) {
        for place in values.indices.dropFirst().reversed() {
            values.swapAt(place, below(place + 1))
        }
    }

    /// One of the values.
    mutating func pick<Value>(_ values: [Value]) -> Value { values[below(values.count)] }
}

/// Nanoseconds of virtual time.
enum Span {
    /// One microsecond.
    static let microsecond: UInt64 = 1_000
    /// One millisecond.
    static let millisecond: UInt64 = 1_000_000
    /// One second.
    static let second: UInt64 = 1_000_000_000
}
