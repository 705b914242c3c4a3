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
            StatusVerb.self, MembersVerb.self, LeaderVerbs.self, WaitLeaderVerb.self,
            TenantVerbs.self, GrantVerbs.self, BucketVerbs.self, ObjectVerbs.self,
            UsageVerb.self, ImportVerbs.self, ExportVerbs.self, CompareVerbs.self,
            VerifyVerb.self, BenchVerbs.self, LogVerbs.self, PKIVerbs.self, GenesisVerbs.self,
            CompletionsVerb.self,
        ]
    )

    /// Runs a verb and ends the program with its exit status.
    static func main() async {
        let isJSON = CommandLine.arguments.contains("--json")
        do {
            var command = try parseAsRoot()
            if var verb = command as? any AsyncParsableCommand {
                try await verb.run()
            } else {
                try command.run()
            }
        } catch let failure as Failure {
            fail(failure, isJSON: isJSON)
        } catch {
            let status = exitCode(for: error).rawValue
            guard status == ExitStatus.usage.rawValue, isJSON else { exit(withError: error) }
            let what = Escaped.text(message(for: error))
            fail(Failure(.usage, what, advice: "see cadastre --help"), isJSON: true)
        }
    }

    private static func fail(_ failure: Failure, isJSON: Bool) -> Never {
        Console.remark("cadastre: \(failure.sentence)")
        Console(isJSON: isJSON).json(failure: failure)
        Foundation.exit(failure.status.rawValue)
    }
}
