internal import ArgumentParser
internal import CadastreHistory
internal import Foundation

/// The verb `cadastre history …`.
struct HistoryVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Judges what the clients of a cluster saw, offline.",
        subcommands: [Check.self]
    )

    /// The verb `cadastre history check FILE`.
    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Says whether a history is linearizable.",
            discussion: """
                A history is what `cadastre bench … --history FILE` and `cadastre-sim --seed N \
                --history FILE` write: one operation a line, in the form that the overview of \
                CadastreHistory describes. The exit code is 65 if no order of the operations \
                agrees with real time and the answers; then it is said which one cannot be \
                placed. It is 75 if the steps did not suffice to find out.
                Example: cadastre history check run.jsonl
                """
        )
        @Argument(help: "The file.")
        var file: String
        @Option(help: "The most steps of search.")
        var steps = Checker.defaultSteps
        @OptionGroup
        var output: OutputOptions

        func validate() throws {
            guard steps > 0 else { throw ValidationError("--steps must be at least 1") }
        }

        func run() throws {
            let remarks = Remarks()
            let reader = try HistoryLines.read(file, remarks)
            let checker = Checker(steps: steps) { steps in
                remarks.say("\(Readable.count(steps)) steps of search")
                return !Interruption.isRequested
            }
            let verdict = checker.check(reader.operations)
            guard !Interruption.isRequested else {
                throw Interruption.failure("the check was stopped by a signal before its end")
            }
            let report = HistoryReport(verdict, seconds: remarks.seconds)
            output.console.json(report)
            output.console.line(report.text)
            if let failure = Self.failure(verdict) { throw failure }
        }

        private static func failure(_ verdict: Checker.Verdict) -> Failure? {
            switch verdict.judgement {
            case .linearizable: nil
            case .notLinearizable:
                Failure(
                    .badData,
                    "the history is not linearizable",
                    advice: "keep the file: the cluster has broken its promise"
                )
            case .undecided:
                Failure(
                    .tryAgain,
                    "the history is undecided: the steps did not suffice",
                    advice: "give more --steps"
                )
            }
        }
    }
}

/// What a check came to, for people and for programs.
struct HistoryReport: Encodable, Sendable {
    var verdict: String
    var operations: Int
    var unknown: Int
    var parts: Int
    var steps: UInt64
    var seconds: Double
    var witness: [String]

    /// Puts it together.
    init(_ verdict: Checker.Verdict, seconds: Double) {
        self.verdict = verdict.judgement.rawValue
        operations = verdict.operations
        unknown = verdict.unknown
        parts = verdict.parts
        steps = verdict.steps
        self.seconds = (seconds * 1000).rounded() / 1000
        witness = verdict.witness.map { Escaped.text($0) }
    }

    /// What people read.
    var text: String {
        let head =
            "\(verdict): \(Readable.count(UInt64(operations))) operations, "
            + "\(Readable.count(UInt64(unknown))) of them unknown, in "
            + "\(Readable.count(UInt64(parts))) parts, \(Readable.decimal(seconds, 1)) s"
        return ([head] + witness).joined(separator: "\n")
    }
}

/// Remarks on a long check: the first after two seconds, then one every two.
private final class Remarks {
    private let begin = ContinuousClock.now
    private var next = ContinuousClock.now + .seconds(2)

    /// Since the beginning.
    var seconds: Double { (ContinuousClock.now - begin).inSeconds }

    /// Says it, if it is time to.
    func say(_ text: @autoclosure () -> String) {
        guard ContinuousClock.now >= next else { return }
        Console.remark("history: \(text())")
        next = .now + .seconds(2)
    }
}

/// Reads the lines of a file, a piece at a time.
private enum HistoryLines {
    private static let pieceSize = 1 << 20

    /// - Throws: `Failure` if the file cannot be read or is no history.
    static func read(_ path: String, _ remarks: Remarks) throws(Failure) -> HistoryReader {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Failure(
                .missingInput,
                "the history \(Escaped.text(path)) cannot be opened: \(SystemError.last)",
                advice: "give a file that bench or cadastre-sim wrote with --history"
            )
        }
        defer { close(descriptor) }
        var reader = HistoryReader()
        var line: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: pieceSize)
        do throws(HistoryFault) {
            while true {
                let count = unsafe piece.withUnsafeMutableBytes {
                    unsafe Foundation.read(descriptor, $0.baseAddress, $0.count)
                }
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { break }
                guard count > 0 else {
                    // A last line without its end was being written when its writer ended.
                    if !line.isEmpty { try reader.read(line) }
                    return reader
                }
                for part in piece[..<count].split(
                    separator: 0x0A,
                    omittingEmptySubsequences: false
                ).enumerated() {
                    if part.offset > 0 {
                        try reader.read(line)
                        line.removeAll(keepingCapacity: true)
                    }
                    line += part.element
                }
                if line.count > HistoryReader.maximumLineSize { try reader.read(line) }
                remarks.say("\(Readable.count(UInt64(reader.operations.count))) operations read")
                if Interruption.isRequested { return reader }
            }
        } catch {
            throw Failure(
                .badData,
                "\(Escaped.text(path)) is no history: \(Escaped.text(error.description))",
                advice: "the overview of CadastreHistory describes the form"
            )
        }
        throw Failure(
            .inputOutput,
            "the history \(Escaped.text(path)) cannot be read: \(SystemError.last)",
            advice: "give a file that bench or cadastre-sim wrote with --history"
        )
    }
}
