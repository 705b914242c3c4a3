/// A small seeded generator (SplitMix64): the only chance that the algorithm knows, and the same
/// numbers in every run from the same seed.
struct Generator: Hashable, Sendable {
    private var state: UInt64

    /// Starts the sequence that belongs to `seed`.
    init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A number of `range`, every one as likely as the others to within 2⁻⁵⁰ for our short ranges.
    mutating func draw(from range: ClosedRange<Int>) -> Int {
        let count = UInt64(range.upperBound - range.lowerBound) + 1
        return range.lowerBound + Int(next().multipliedFullWidth(by: count).high)
    }
}
