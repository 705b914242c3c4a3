import CadastreSimulation
import Dispatch
import Foundation
import Synchronization
import TestLanes
import Testing

/// Whole clusters under faults, over the product's own consensus, journal, recovery and state
/// machine.
///
/// A seed that fails prints its story; `cadastre-sim --seed N` tells all of it.
@Suite(.heavy)
struct SeedTests {
    /// Every seed that ever failed on the present draws, with what it found.
    static let fixed: [UInt64] = [
        // The simulation's own: a second pause shortened the first, and left the node without ticks.
        11_898, 12_719,
        // The simulation's own: it waited for an answer of a node that was no member any more, and
        // founded a node on a disk that was full.
        116, 1_143, 1_151, 1_085,
        // Want of room for the log of a received snapshot was taken for a fault of the snapshot, and
        // the start advised to take the folder away.
        6, 161,
        // A peer that answered a mending node with what was before that one's log was called a liar.
        20_074,
        // A leader that began its term in a joint configuration that it knew to be committed stopped.
        20_075,
        // The simulation's own: a digest of an earlier index is no answer that goes back.
        140,
    ]

    @Test(arguments: fixed)
    func `a seed that once failed keeps all promises`(seed: UInt64) throws {
        _ = try Seeds.run(seed)
    }

    /// What all seeds came to together.
    private struct Total {
        var reach = Reach()
        var operations = 0
        var faults = 0
        var faultTime: UInt64 = 0
        var violations: [Violation] = []

        mutating func add(_ outcome: Simulation.Outcome) {
            reach.add(outcome.reach)
            operations += outcome.operations
            faults += outcome.faults
            faultTime += outcome.faultTime
        }
    }

    /// One test, so that the rare paths of all of them can be counted together.
    @Test
    func `two hundred worlds keep all promises, serve their clients and take every rare path`() {
        let sum = Mutex(Total())
        DispatchQueue.concurrentPerform(iterations: 200) { place in
            do throws(Violation) {
                let outcome = try Seeds.run(UInt64(place) + 1)
                sum.withLock { $0.add(outcome) }
            } catch {
                sum.withLock { $0.violations.append(error) }
            }
        }
        let total = sum.withLock { $0 }
        for violation in total.violations { Issue.record("\(violation)") }
        let seconds = Int(total.faultTime / 1_000_000_000)
        #expect(total.operations >= 5 * seconds, "\(total.operations) answers in \(seconds) s")
        #expect(total.faults * 3_600 >= 300 * seconds, "\(total.faults) faults in \(seconds) s")
        #expect(
            total.reach.missing.isEmpty,
            "never taken: \(total.reach.missing.map(\.name))"
        )
    }
}

/// Seeds, each named before it runs.
enum Seeds {
    /// Lives one world; says which on the error output first, so that a trap is not anonymous.
    static func run(
        _ seed: UInt64,
        sabotage: Sabotage? = nil
    ) throws(Violation) -> Simulation.Outcome {
        let bug = sabotage.map { " with \($0.rawValue)" } ?? ""
        FileHandle.standardError.write(Data("seed \(seed)\(bug)\n".utf8))
        return try Simulation.run(seed: seed, sabotage: sabotage)
    }
}
