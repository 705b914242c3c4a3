/// A small generator whose numbers follow from one seed; for simulated faults and for salts that
/// only have to differ.
package struct SplitMix64: RandomNumberGenerator, Hashable, Sendable {
    private var state: UInt64

    /// Starts the sequence of this seed.
    package init(seed: UInt64) { state = seed }

    /// The next 64 bits.
    package mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }

    /// A number from 0 up to, not including, `bound`; even enough for tests.
    package mutating func next(below bound: Int) -> Int {
        precondition(bound > 0, "nothing lies below \(bound)")
        return Int(next() % UInt64(bound))
    }
}
