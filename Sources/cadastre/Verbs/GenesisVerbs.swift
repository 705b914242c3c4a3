internal import ArgumentParser
internal import CadastreClient
internal import Foundation

/// The verb `cadastre genesis …`.
struct GenesisVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "genesis",
        abstract: "Founds a cluster.",
        subcommands: [Create.self]
    )

    /// The verb `cadastre genesis create`.
    struct Create: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Writes genesis.json, which every node gets before its first start.",
            discussion: """
                Example: cadastre genesis create --cluster lutece --output genesis.json \
                --member id=1,site=fr/paris/par1/op,peer=h1:7301,client=h1:7001,administration=h1:7101
                """
        )
        @Option(help: "The cluster's name.")
        var cluster: String
        @Option(
            help: ArgumentHelp(
                "A member; may be repeated. role=learner gives no vote, role=witness a vote and no state.",
                valueName: "id=,site=,peer=,client=,administration="
            )
        )
        var member: [String]
        @OptionGroup
        var policy: PolicyOptions
        @Option(name: .customLong("output"), help: "Where to write it; it must not exist.")
        var file = "genesis.json"
        @OptionGroup
        var output: OutputOptions

        func run() throws {
            var generator = SystemRandomNumberGenerator()
            let genesis = try Genesis(
                cluster: cluster,
                members: member,
                policy: policy.changed(Policy())
            ) { generator.next() }
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            let data = try encoder.encode(genesis) + Data("\n".utf8)
            do {
                // A second founding would be another cluster.
                try data.write(to: URL(fileURLWithPath: file), options: .withoutOverwriting)
            } catch {
                throw Failure(
                    .cannotCreate,
                    "\(Escaped.text(file)) cannot be created, or exists already",
                    advice: "choose another name; never found the same cluster twice"
                )
            }
            output.console.json(genesis)
            output.console.line(
                "Founded \(cluster) (\(genesis.clusterID)) with \(genesis.members.count) members "
                    + "in \(Escaped.text(file))."
            )
        }
    }
}
