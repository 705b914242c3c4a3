import CadastreSimulation
import Testing

/// Whole clusters under faults, over the product's own consensus, journal, recovery and state
/// machine.
///
/// A seed that fails prints its story; `cadastre-sim --seed N` shows it again.
struct SeedTests {
    /// Every seed that ever failed, with what it found.
    static let fixed: [UInt64] = [
        // A leader's catch-up append was one batch, larger than a small segment.
        12,
        // Entries handed over before the loss of a transaction was known came after the gap.
        1871, 2282, 2814,
    ]

    @Test(arguments: fixed)
    func `a seed that once failed keeps all promises`(seed: UInt64) throws {
        _ = try Simulation.run(seed: seed)
    }

    @Test(arguments: 0..<20)
    func `ten worlds keep all promises`(block: UInt64) throws {
        var operations = 0
        for seed in block * 10 + 1...block * 10 + 10 {
            operations += try Simulation.run(seed: seed).operations
        }
        #expect(operations > 100)
    }
}
