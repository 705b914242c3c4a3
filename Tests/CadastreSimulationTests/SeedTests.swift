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
    /// The seeds of `Tests/FailedSeeds`, where what they found stands; without the worlds with load,
    /// which `Cluster/seeds` lives in release.
    static let fixed: [UInt64] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "FailedSeeds")
        // Without the file there are none, which the next test tells.
        let text = (try? String(contentsOf: file, encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap { line in
            UInt64(line.prefix { $0 != "#" }.trimmingCharacters(in: .whitespaces))
        }.filter { $0 < 1_000 || !$0.isMultiple(of: 8) }
    }()

    @Test
    func `there are seeds that once failed`() { #expect(!Self.fixed.isEmpty) }

    @Test(arguments: fixed)
    func `a seed that once failed keeps all promises`(seed: UInt64) throws {
        _ = try Seeds.run(seed)
    }

    /// What all seeds came to together.
    private struct Total {
        var operations = 0
        var faults = 0
        var faultTime: UInt64 = 0
        var violations: [Violation] = []

        mutating func add(_ outcome: Simulation.Outcome) {
            operations += outcome.operations
            faults += outcome.faults
            faultTime += outcome.faultTime
        }
    }

    /// A beginning, in the time that a developer waits; `Cluster/seeds` lives the thousand, and looks
    /// for every rare path.
    @Test
    func `forty worlds keep all promises and serve their clients`() {
        let sum = Mutex(Total())
        DispatchQueue.concurrentPerform(iterations: 40) { place in
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
    }

    @Test(arguments: Depth.cases(1...12, quick: 1...4))
    func `a world that loses more than it can survive says nothing wrong`(seed: UInt64) throws {
        let outcome = try Simulation.run(seed: seed, isBeyond: true)
        #expect(outcome.faults > 0)
        #expect(try Simulation.run(seed: seed, isBeyond: true).trace == outcome.trace)
    }

    @Test
    func `what is wrong beyond what can be survived is seen, and can be had again`() throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            do throws(Violation) {
                _ = try Simulation.run(seed: seed, sabotage: .reportBeforeSync, isBeyond: true)
            } catch {
                #expect(error.description.hasSuffix("cadastre-sim --seed \(seed) --beyond"))
                return
            }
        }
        Issue.record("none of 40 worlds shows it")
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
