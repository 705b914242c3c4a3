internal import ArgumentParser
internal import Foundation

/// The operator's and the service's tool: one verb for each thing that can be done with a cluster.
///
/// One file for each verb is in `Verbs/`; the exit codes are in `ExitStatus.swift`.
@main
struct Cadastre: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadastre",
        abstract: "Works with a Cadastre cluster: tenants, buckets, objects, members, digests.",
        discussion: """
            Which cluster, and who asks, is said by options, by CADASTRE_* variables, or by a \
            profile:
              cadastre status --profile operator.json

            Exit codes:
            \(ExitStatus.table)
            """,
        version: "0.1.0",
        subcommands: [
            StatusVerb.self, MemberVerbs.self, PolicyVerbs.self, LeaderVerbs.self,
            WaitLeaderVerb.self,
            TenantVerbs.self, GrantVerbs.self, BucketVerbs.self, ObjectVerbs.self,
            UsageVerb.self, ImportVerbs.self, ExportVerbs.self, CompareVerbs.self,
            VerifyVerb.self, BenchVerbs.self, HistoryVerbs.self, LogVerbs.self, PKIVerbs.self,
            GenesisVerbs.self, CompletionsVerb.self,
        ]
    )

    /// How a verb came to its end.
    private enum Ending: Sendable {
        case done
        case failed(Failure)
        /// Of the argument parser: help that was asked for, or a command line it cannot read.
        case unread(any Error)
    }

    /// Runs a verb and ends the program with its exit status.
    static func main() async {
        // A reader that has gone is an error of `write`, not the end of the program.
        signal(SIGPIPE, SIG_IGN)
        // The verb has a task of its own, owned here, so that a signal can cancel it.
        let verb = Task { await run() }
        let signals = Interruption.watch { verb.cancel() }
        let ending = await verb.value
        withExtendedLifetime(signals) {}
        finish(ending)
    }

    private static func run() async -> Ending {
        if let failure = RawArguments.failure { return .failed(failure) }
        do {
            var command = try parseAsRoot()
            if var verb = command as? any AsyncParsableCommand {
                try await verb.run()
            } else {
                try command.run()
            }
            return .done
        } catch let failure as Failure {
            return .failed(failure)
        } catch {
            return .unread(error)
        }
    }

    private static func finish(_ ending: Ending) -> Never {
        var status = ExitStatus.done.rawValue
        switch ending {
        case .done: break
        case .failed(let failure): status = tell(failure)
        case .unread(let error):
            status = exitCode(for: error).rawValue
            if status == ExitStatus.done.rawValue {
                Console.print(fullMessage(for: error) + "\n")
            } else if status == ExitStatus.usage.rawValue, isJSON {
                let what = Escaped.text(message(for: error))
                status = tell(Failure(.usage, what, advice: "see cadastre --help"))
            } else {
                Console.remark(fullMessage(for: error))
            }
        }
        if let failure = Console.outputFailure {
            let code = tell(failure)
            if status == ExitStatus.done.rawValue { status = code }
        }
        Foundation.exit(status)
    }

    /// Says why a verb failed, and returns its exit code.
    private static func tell(_ failure: Failure) -> Int32 {
        var failure = failure
        // Whatever a cancelled request said: it was the signal.
        if let status = Interruption.status { failure.status = status }
        Console.remark("cadastre: \(failure.sentence)")
        Console(isJSON: isJSON).json(failure: failure)
        return failure.status.rawValue
    }

    private static var isJSON: Bool { CommandLine.arguments.contains("--json") }
}
