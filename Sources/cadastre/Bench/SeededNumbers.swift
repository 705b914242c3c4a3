internal import Foundation

/// SplitMix64: the same numbers from the same seed, on every machine.
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    /// Begins a sequence.
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.scrambled(state)
    }

    /// At least 0 and less than 1.
    mutating func unit() -> Double { Double(next() >> 11) / 9_007_199_254_740_992 }

    /// Of an exponential distribution.
    mutating func exponential(mean: Double) -> Double { -mean * log(1 - unit()) }

    /// Of the normal distribution with mean 0 and deviation 1.
    mutating func normal() -> Double {
        // Box and Muller's, of whose two results one is enough here.
        (-2 * log(1 - unit())).squareRoot() * cos(2 * .pi * unit())
    }

    /// A number that looks as if it had nothing to do with this one; each comes of one alone.
    static func scrambled(_ number: UInt64) -> UInt64 {
        var mixed = number
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
