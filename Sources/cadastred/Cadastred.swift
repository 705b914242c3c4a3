internal import ArgumentParser
internal import CadastreRuntime
internal import Foundation

/// The program of a node.
@main
struct Cadastred: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cadastred",
        abstract: "One node of a Cadastre cluster.",
        discussion: """
            `init` founds a node's data folder once; `run` runs the node; `dev` runs one node with \
            throw-away certificates and no configuration.

            Exit codes: 0 stopped cleanly, 64 usage, 65 damaged data, 70 a peer contradicts the \
            log, 73 data folder in use or not empty, 74 the disk failed, \
            76 the state is not the leader's, 78 configuration.
            """,
        version: ProgramVersion.text,
        subcommands: [
            Run.self, Init.self, RecoverQuorum.self, SettingsVerb.self, Development.self,
        ]
    )
}

/// Where the settings come from.
struct SettingSources: ParsableArguments {
    @Option(help: "The configuration file (JSON).")
    var config: String

    @Option(
        name: .customLong("set"),
        parsing: .singleValue,
        help: ArgumentHelp(
            "A setting, before the environment and the file.",
            valueName: "key=value"
        )
    )
    var pairs: [String] = []
}

/// Runs a node.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the node until SIGTERM; SIGHUP reads the certificates again.",
        discussion: "Settings, in the file, the environment or --set:\n\n" + Settings.plainTable
    )

    @OptionGroup
    var sources: SettingSources

    func run() async throws {
        let code = await NodeProgram.run(
            file: sources.config,
            environment: ProcessInfo.processInfo.environment,
            flags: sources.pairs
        )
        NodeProgram.end(code)
    }
}

/// Founds a data folder.
struct Init: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Found the node's data folder, once in the life of its disk.",
        discussion: """
            When a cluster is founded, each node of its genesis file is founded without --join. A \
            node that comes later is founded with --join, under a number that the cluster does not \
            have, or under that of a node whose disk is lost: what that disk voted for and \
            acknowledged must not count any more. It becomes a member by `cadastre member add` or \
            `cadastre member replace`.

            A witness votes and keeps the log, but no state, and serves no client: a small machine at a \
            third site, so that two full nodes at two sites outlive the loss of any one. It stays one.
            """
    )

    @OptionGroup
    var sources: SettingSources
    @Flag(help: "Join a cluster that is there already, as a new node or with a new disk.")
    var join = false
    @Flag(help: "Keep the log alone; of a founding member the genesis must say the same.")
    var witness = false

    func run() async throws {
        let code = await NodeProgram.found(
            join ? .joiner : .member,
            isWitness: witness,
            file: sources.config,
            environment: ProcessInfo.processInfo.environment,
            flags: sources.pairs
        )
        throw ExitCode(code)
    }
}

/// Goes on after a quorum was lost for good.
struct RecoverQuorum: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recover-quorum",
        abstract: "Make this stopped node the only voter, when most voters lost their disks.",
        discussion: """
            Not for voters that are merely away: wait for them. Look at every survivor with --dry-run \
            and take the one with the highest term of its last entry, then the highest index.

            It keeps every entry that it has, gets a new incarnation and a much higher term, and counts \
            as the whole cluster from then on. Lost is what only the lost voters had, acknowledged \
            writes among it; entries that nobody acknowledged may count. The others come back with \
            empty folders: `cadastred init --join`, then `cadastre member add`. Their old disks must \
            never be started again: together they are a quorum of the old configuration, which knows \
            nothing of this. One alone is refused by the members and leads nobody.
            """
    )

    @OptionGroup
    var sources: SettingSources
    @Flag(help: "Show what this node knows, to compare it with other survivors; change nothing.")
    var dryRun = false
    @Flag(
        name: .customLong("i-accept-that-acknowledged-writes-may-be-lost"),
        help: "Do it."
    )
    var isAccepted = false

    func validate() throws {
        guard dryRun != isAccepted else {
            throw ValidationError(
                "acknowledged writes may be lost by this: look with --dry-run first, on every "
                    + "survivor, then say --i-accept-that-acknowledged-writes-may-be-lost on one of "
                    + "them, and not both at once"
            )
        }
    }

    func run() async throws {
        let code = await NodeProgram.recoverQuorum(
            isDryRun: dryRun,
            file: sources.config,
            environment: ProcessInfo.processInfo.environment,
            flags: sources.pairs
        )
        throw ExitCode(code)
    }
}

/// Prints the table of settings.
struct SettingsVerb: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "settings",
        abstract: "Print every setting with its values, default and meaning."
    )

    @Flag(help: "As a Markdown table.")
    var markdown = false

    func run() {
        print(markdown ? Settings.markdownTable : Settings.plainTable, terminator: "")
    }
}

/// Runs one node for development.
struct Development: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dev",
        abstract: "Run one node with throw-away certificates; no configuration needed."
    )

    @Option(help: "Where everything is kept.")
    var directory = ".cadastre"

    @Option(help: "The first of three ports: peers, clients, administration.")
    var port = 7400

    func validate() throws {
        guard 1...65_533 ~= port else { throw ValidationError("--port must be 1…65533") }
    }

    func run() async throws {
        NodeProgram.end(await NodeProgram.develop(directory: directory, port: port))
    }
}
