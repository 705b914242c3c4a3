internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre members`.
struct MembersVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "members",
        abstract: "Lists the members of the cluster with their sites and addresses.",
        discussion: "Example: cadastre members --profile operator.json --json"
    )

    /// For programs.
    private struct Output: Encodable {
        struct Node: Encodable {
            var id: UInt64
            var role: String
            var site: String
            var peer_address: String
            var client_address: String
            var administration_address: String
        }
        var leader: UInt64
        var members: [Node]
    }

    @OptionGroup
    var options: ClusterOptions

    func run() async throws {
        let configuration = try options.settings().configuration(.administration)
        let members = try await CadastreClient.with(configuration) { client throws(Failure) in
            try await client.administer(GetMembers()).get(doing: "listing the members")
        }
        options.console.json(
            Output(
                leader: members.leader,
                members: members.members.map {
                    .init(
                        id: $0.node,
                        role: $0.role,
                        site: $0.site,
                        peer_address: $0.peerAddress,
                        client_address: $0.clientAddress,
                        administration_address: $0.administrationAddress
                    )
                }
            )
        )
        var table = Table([
            ("", .left), ("NODE", .right), ("ROLE", .left), ("SITE", .left), ("PEERS", .left),
            ("CLIENTS", .left), ("ADMINISTRATION", .left),
        ])
        for member in members.members {
            table.add([
                member.node == members.leader ? "*" : " ",
                String(member.node), Escaped.text(member.role), Escaped.text(member.site),
                Escaped.text(member.peerAddress), Escaped.text(member.clientAddress),
                Escaped.text(member.administrationAddress),
            ])
        }
        options.console.line(table.text)
    }
}
