internal import ArgumentParser
internal import CadastreHistory
internal import CadastreSimulation

/// Lives whole clusters in one thread, from seeds, and says which promise broke.
@main
struct CadastreSimulator: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadastre-sim",
        abstract: "Simulates clusters under faults, each from one seed.",
        discussion: """
            One seed is one history: `cadastre-sim --seed N` tells it, message by message.
            `cadastre-sim --seeds N` lives N worlds that nobody has seen yet, or those from --from on, \
            and ends with one line of JSON.
            Ends with 1 when a promise was broken.
            """
    )

    @Option(help: "Live this one world and tell its story.")
    var seed: UInt64?

    @Option(help: "Live this many worlds.")
    var seeds: UInt64?

    @Option(help: "The first of them; else fresh ones.")
    var from: UInt64?

    @Option(help: "Plant this bug, to see it found: \(Sabotage.names).")
    var sabotage: Sabotage?

    @Option(
        help: ArgumentHelp(
            "Write what the clients of this one world saw, for cadastre history check.",
            valueName: "file"
        )
    )
    var history: String?

    @Flag(help: "Of each world only the line that two runs of its seed have in common.")
    var digests = false

    @Flag(help: "Count the rare paths that were taken.")
    var reach = false

    func validate() throws {
        guard (seed == nil) != (seeds == nil) else {
            throw ValidationError("say either --seed N or --seeds N [--from K]")
        }
        guard seed != nil || history == nil else {
            throw ValidationError("--history goes with --seed: it is of one world")
        }
        guard seed == nil || from == nil else {
            throw ValidationError("--from goes with --seeds")
        }
        guard seeds ?? 1 > 0 else { throw ValidationError("--seeds must be at least 1") }
        guard !(from ?? 0).addingReportingOverflow(seeds ?? 0).overflow else {
            throw ValidationError("--from is too large for that many seeds")
        }
    }

    func run() throws {
        if let seed { try runOne(seed) } else { try runMany() }
    }

    private func runOne(_ seed: UInt64) throws {
        let isTold = !digests
        if isTold { print("seed \(seed), build of commit \(BuildCommit.name)") }
        let file = try history.map { try HistoryFile($0) }
        defer { file?.close() }
        do throws(Violation) {
            let outcome = try Simulation.run(
                seed: seed,
                sabotage: sabotage,
                history: file.map { file in { file.write($0.line) } },
                print: isTold ? { print($0) } : nil
            )
            if reach { print(ReachTable(outcome.reach).text) }
            print(outcome.closingLine)
        } catch {
            print(isTold ? error.ending : error.description)
            throw ExitCode(1)
        }
        if let failure = file?.close() { throw failure }
    }

    private func runMany() throws {
        let first = from ?? FreshSeeds.first
        let count = seeds ?? 0
        var progress = SeedProgress(total: count)
        for seed in first..<first + count {
            progress.begins(seed)
            do throws(Violation) {
                let outcome = try Simulation.run(seed: seed, sabotage: sabotage)
                if digests { print(outcome.closingLine) }
                progress.ended(outcome)
            } catch {
                progress.violated()
                print(error.description)
                print("build of commit \(BuildCommit.name)")
            }
        }
        progress.finish()
        if reach { print(ReachTable(progress.reach).text) }
        print(progress.json(from: first))
        if progress.violations > 0 { throw ExitCode(1) }
    }
}

extension Sabotage: ExpressibleByArgument {
    /// All of them.
    fileprivate static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
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
            + "\(checked) answers, \(entries) entries"
    }
}
