internal import ArgumentParser
internal import CadastreSimulation

/// Lives whole clusters in one thread, from seeds, and says which promise broke.
@main
struct CadastreSimulator: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadastre-sim",
        abstract: "Simulates clusters under faults, each from one seed.",
        discussion: """
            One seed is one history: `cadastre-sim --seed N` shows a failure again, with its story.
            Ends with 1 when a promise was broken.
            """
    )

    @Option(help: "Live this one world and print its closing digest.")
    var seed: UInt64?

    @Option(help: "Live this many worlds.")
    var seeds: UInt64?

    @Option(help: "The first of them.")
    var from: UInt64 = 1

    @Flag(
        help: "Tell the story as it happens (one seed), or name each seed and count the rare paths."
    )
    var verbose = false

    func validate() throws {
        guard (seed == nil) != (seeds == nil) else {
            throw ValidationError("say either --seed N or --seeds N [--from K]")
        }
        guard seeds ?? 1 > 0 else { throw ValidationError("--seeds must be at least 1") }
        guard !from.addingReportingOverflow(seeds ?? 0).overflow else {
            throw ValidationError("--from is too large for that many seeds")
        }
    }

    func run() throws {
        if let seed { try runOne(seed) } else { try runMany() }
    }

    private func runOne(_ seed: UInt64) throws {
        do throws(Violation) {
            let outcome = try Simulation.run(seed: seed, print: verbose ? { print($0) } : nil)
            if verbose { print(ReachTable(outcome.reach).text) }
            print(outcome.closingLine)
        } catch {
            print(verbose ? error.ending : error.description)
            throw ExitCode(1)
        }
    }

    private func runMany() throws {
        var progress = SeedProgress(total: seeds ?? 0, namesSeeds: verbose)
        for seed in from..<from + (seeds ?? 0) {
            progress.begins(seed)
            do throws(Violation) {
                progress.ended(try Simulation.run(seed: seed))
            } catch {
                progress.violated()
                print(error.description)
            }
        }
        progress.finish()
        if verbose { print(ReachTable(progress.reach).text) }
        print(progress.json)
        if progress.violations > 0 { throw ExitCode(1) }
    }
}

extension Violation {
    /// Without the story, which was printed as it happened.
    fileprivate var ending: String {
        var short = self
        short.story = []
        return short.description
    }
}

extension Simulation.Outcome {
    /// One line that two processes with one seed have in common.
    fileprivate var closingLine: String {
        let digits = String(trace, radix: 16)
        let digest = String(repeating: "0", count: 16 - digits.count) + digits
        return "seed \(seed): digest \(digest), \(virtualTime / 1_000_000) ms, "
            + "\(operations) operations, \(entries) entries"
    }
}
