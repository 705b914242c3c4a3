internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre grant …`.
struct GrantVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "grant",
        abstract: "Says which services may act for which tenants; operators only.",
        subcommands: [Add.self, Remove.self, List.self]
    )

    /// The verb `cadastre grant add TENANT SERVICE`.
    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a service act for a tenant.",
            discussion: "Example: cadastre grant add acme s3-gateway"
        )
        @Argument(help: "The tenant.")
        var tenant: String
        @Argument(help: "The service, by the name in its certificate.")
        var service: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = GrantService(tenant: Array(tenant.utf8), service: Array(service.utf8))
            try await options.finish(command, "granting the service", on: .administration)
        }
    }

    /// The verb `cadastre grant remove TENANT SERVICE`.
    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forbids a service to act for a tenant.",
            discussion: "Example: cadastre grant remove acme s3-gateway"
        )
        @Argument(help: "The tenant.")
        var tenant: String
        @Argument(help: "The service.")
        var service: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = RevokeService(tenant: Array(tenant.utf8), service: Array(service.utf8))
            try await options.finish(command, "revoking the grant", on: .administration)
        }
    }

    /// The verb `cadastre grant list TENANT`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists the services that may act for a tenant.",
            discussion: "Example: cadastre grant list acme"
        )
        @Argument(help: "The tenant.")
        var tenant: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let services = try await options.askAll("listing the grants", on: .administration) {
                ListGrants(tenant: Array(tenant.utf8), after: $0)
            }
            options.console.json(["services": services.map { NameOutput($0) }])
            for service in services { options.console.line(Escaped.bytes(service)) }
        }
    }
}
