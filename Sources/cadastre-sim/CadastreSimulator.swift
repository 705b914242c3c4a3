internal import ArgumentParser
internal import CadastreHistory
internal import CadastreSimulation
internal import Foundation

/// Lives whole clusters in one thread, from seeds, and says which promise broke.
@main
struct CadastreSimulator: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadastre-sim",
        abstract: "Simulates clusters under faults, each from one seed.",
        discussion: """
            One seed is one history: `cadastre-sim --seed N` tells it, message by message.
            `cadastre-sim --seeds N` lives N worlds that nobody has seen yet, or those from --from on, \
            and ends with one line of JSON. `--failed FILE` lives those that once failed before them.
            `cadastre-sim --seed N --minimize` leaves out of a world that breaks a promise what is not \
            needed for that, and tells the rest; `--only-faults` tells it again.
            Ends with 1 when a promise was broken.
            """
    )

    @Option(help: "Live this one world and tell its story.")
    var seed: UInt64?

    @Flag(help: "Leave out what is not needed to break the promise; with --seed.")
    var minimize = false

    @Option(help: "Do only what has these numbers in the story, such as 3,17-20; with --seed.")
    var onlyFaults: FaultNumbers?

    @Option(help: "Live this many worlds.")
    var seeds: UInt64?

    @Option(help: "The first of them; else fresh ones.")
    var from: UInt64?

    @Option(help: "Go on with further worlds until so many answers of clients were checked.")
    var operations = 0

    @Option(help: "Live so many worlds at once; else as many as there are processors.")
    var jobs: Int?

    @Option(
        help: ArgumentHelp(
            "Live the seeds of this file first, and write down there what breaks a promise.",
            valueName: "file"
        )
    )
    var failed: String?

    @Flag(help: "Lose more than a cluster can survive; it may stop, and must not be wrong.")
    var beyond = false

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

    @Flag(help: "End with the first world that breaks a promise.")
    var untilViolation = false

    @Flag(help: "Count the rare paths that were taken.")
    var reach = false

    @Flag(help: "End with 1 if a rare path was never taken; with --seeds.")
    var everyPath = false

    func validate() throws {
        guard (seed == nil) != (seeds == nil) else {
            throw ValidationError("say either --seed N or --seeds N [--from K]")
        }
        guard seed != nil || history == nil else {
            throw ValidationError("--history goes with --seed: it is of one world")
        }
        let isOfMany = from != nil || jobs != nil || failed != nil || operations != 0 || everyPath
        guard seed == nil || !isOfMany else {
            throw ValidationError(
                "--from, --operations, --jobs, --failed and --every-path go with --seeds"
            )
        }
        guard !beyond || failed == nil, !beyond || !minimize else {
            throw ValidationError("--beyond goes with neither --failed nor --minimize")
        }
        guard 1...64 ~= jobs ?? 1 else { throw ValidationError("--jobs takes 1 to 64") }
        guard operations >= 0 else { throw ValidationError("--operations must not be negative") }
        guard seed != nil || !minimize && onlyFaults == nil else {
            throw ValidationError("--minimize and --only-faults go with --seed")
        }
        guard !minimize || onlyFaults == nil else {
            throw ValidationError("--minimize finds the faults by itself: leave --only-faults out")
        }
        guard seeds ?? 1 > 0 else { throw ValidationError("--seeds must be at least 1") }
        guard !(from ?? 0).addingReportingOverflow(seeds ?? 0).overflow else {
            throw ValidationError("--from is too large for that many seeds")
        }
    }

    func run() throws {
        guard let seed else { return try runMany() }
        guard minimize else { return try runOne(seed, onlyFaults?.choice ?? .all) }
        try runSmallest(seed)
    }

    /// Tells the story of a broken promise with as little as possible in it.
    private func runSmallest(_ seed: UInt64) throws {
        let line = RewrittenLine()
        let smallest = Minimizer.minimize(seed: seed, sabotage: sabotage) { left, runs in
            line.show("seed \(seed): \(left) faults left after \(runs) lives")
        }
        line.clear()
        guard let smallest else {
            print("seed \(seed) keeps all promises: there is nothing to leave out")
            return
        }
        let numbers = FaultNumbers(smallest.numbers)
        print("\(smallest.numbers.count) faults are needed, found in \(smallest.runs) lives")
        print(
            "again with: cadastre-sim --seed \(seed) --only-faults \(numbers)"
                + (sabotage.map { " --sabotage \($0.rawValue)" } ?? "")
        )
        try runOne(seed, numbers.choice)
    }

    private func runOne(_ seed: UInt64, _ faults: FaultChoice) throws {
        let isTold = !digests
        if isTold { print("seed \(seed), build of commit \(BuildCommit.name)") }
        let file = try history.map { try HistoryFile($0) }
        defer { file?.close() }
        do throws(Violation) {
            let outcome = try Simulation.run(
                seed: seed,
                sabotage: sabotage,
                isBeyond: beyond,
                faults: faults,
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
        let known = try failed.map { try FailedSeeds(path: $0) }
        var queue = SeedQueue(from: from ?? FreshSeeds.first, count: seeds ?? 0)
        queue.first = known?.seeds ?? []
        queue.operations = operations
        queue.isEndedByViolation = untilViolation
        queue.sabotage = sabotage
        queue.isBeyond = beyond
        var failure: (any Error)?
        // Digests are to be compared line by line: in the order of the seeds.
        let jobs = digests ? 1 : jobs ?? ProcessInfo.processInfo.activeProcessorCount
        let result = queue.live(jobs: jobs) { seed, ending in
            switch ending {
            case .kept(let outcome): if digests { print(outcome.closingLine) }
            case .broken(let violation):
                print(violation.description)
                print("build of commit \(BuildCommit.name)")
                do { try known?.add(seed, found: violation.headline) } catch { failure = error }
            }
        }
        result.finish()
        let missing = everyPath ? result.reach.missing : []
        if reach { print(ReachTable(result.reach).text) }
        if !missing.isEmpty {
            print("never taken: \(missing.map(\.name).joined(separator: ", "))")
        }
        if let idleness = result.idleness { print(idleness) }
        print(result.json(from: queue.from))
        if let failure { throw failure }
        guard result.violations == 0, missing.isEmpty, result.idleness == nil else {
            throw ExitCode(1)
        }
    }
}

extension Sabotage: ExpressibleByArgument {
    /// All of them.
    fileprivate static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}

extension Violation {
    /// Which promise, and what was seen.
    fileprivate var headline: String { "\(rule.rawValue): \(what)" }

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
