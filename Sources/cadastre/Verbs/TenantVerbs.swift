internal import ArgumentParser
internal import CadastreClient

/// The verb `cadastre tenant …`.
struct TenantVerbs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tenant",
        abstract: "Creates, changes and shows tenants; operators only.",
        subcommands: [
            Create.self, Update.self, Suspend.self, Resume.self, Delete.self, Show.self, List.self,
        ]
    )

    /// The bounds of a tenant.
    struct QuotaOptions: ParsableArguments {
        @Option(name: .customLong("quota-bytes"), help: "The most bytes of all objects.")
        var bytes: UInt64?
        @Option(name: .customLong("quota-objects"), help: "The most objects.")
        var objects: UInt64?
        @Option(name: .customLong("quota-buckets"), help: "The most buckets.")
        var buckets: UInt64?

        var quota: Quota { Quota(bytes: bytes, objects: objects, buckets: buckets) }
    }

    /// The verb `cadastre tenant create NAME`.
    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Creates a tenant.",
            discussion: "Example: cadastre tenant create acme --quota-objects 1000000"
        )
        @Argument(help: "1 to 64 characters of a-z 0-9 . _ -")
        var name: String
        @OptionGroup
        var quota: QuotaOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = CreateTenant(name: Array(name.utf8), quota: quota.quota)
            let id = try await options.execute(command, "creating the tenant", on: .administration)
            options.console.json(IDOutput(id: id))
            options.console.line("Tenant \(Escaped.text(name)) has the id \(id).")
        }
    }

    /// The verb `cadastre tenant update NAME`.
    struct Update: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Replaces a tenant's quota; what is not given is not limited.",
            discussion: "Example: cadastre tenant update acme --quota-bytes 1099511627776"
        )
        @Argument(help: "The tenant.")
        var name: String
        @OptionGroup
        var quota: QuotaOptions
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = UpdateTenant(name: Array(name.utf8), quota: quota.quota)
            try await options.finish(command, "updating the tenant", on: .administration)
        }
    }

    /// The verb `cadastre tenant suspend NAME`.
    struct Suspend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a tenant read and delete, and nothing more.",
            discussion: "Example: cadastre tenant suspend acme"
        )
        @Argument(help: "The tenant.")
        var name: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = SetTenantSuspended(name: Array(name.utf8), isSuspended: true)
            try await options.finish(command, "suspending the tenant", on: .administration)
        }
    }

    /// The verb `cadastre tenant resume NAME`.
    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lets a suspended tenant grow again.",
            discussion: "Example: cadastre tenant resume acme"
        )
        @Argument(help: "The tenant.")
        var name: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let command = SetTenantSuspended(name: Array(name.utf8), isSuspended: false)
            try await options.finish(command, "resuming the tenant", on: .administration)
        }
    }

    /// The verb `cadastre tenant delete NAME`.
    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deletes a tenant that has no bucket.",
            discussion: "Example: cadastre tenant delete acme"
        )
        @Argument(help: "The tenant.")
        var name: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            try await options.finish(
                DeleteTenant(name: Array(name.utf8)),
                "deleting the tenant",
                on: .administration
            )
        }
    }

    /// The verb `cadastre tenant show NAME`.
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Shows a tenant, its quota and what it holds.",
            discussion: "Example: cadastre tenant show acme --json"
        )
        @Argument(help: "The tenant.")
        var name: String
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let tenant = try await options.ask(
                GetTenant(name: Array(name.utf8)),
                "reading the tenant",
                on: .administration
            )
            options.console.json(TenantOutput(tenant))
            options.console.line(TenantVerbs.table([tenant]))
        }
    }

    /// The verb `cadastre tenant list`.
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Lists all tenants.",
            discussion: "Example: cadastre tenant list"
        )
        @OptionGroup
        var options: ClusterOptions

        func run() async throws {
            let tenants = try await options.askAll("listing the tenants", on: .administration) {
                ListTenants(after: $0)
            }
            options.console.json(["tenants": tenants.map { TenantOutput($0) }])
            options.console.line(TenantVerbs.table(tenants))
        }
    }

    private static func table(_ tenants: [Tenant]) -> String {
        var table = Table([
            ("TENANT", .left), ("ID", .right), ("STATE", .left), ("BUCKETS", .right),
            ("OBJECTS", .right), ("SIZE", .right), ("CREATED", .left),
        ])
        func held(_ value: String, of quota: String?) -> String {
            quota.map { "\(value) of \($0)" } ?? value
        }
        for tenant in tenants {
            table.add([
                Escaped.bytes(tenant.name),
                String(tenant.id),
                tenant.isSuspended ? "suspended" : "active",
                held(
                    Readable.count(tenant.usage.buckets),
                    of: tenant.quota.buckets.map(Readable.count)
                ),
                held(
                    Readable.count(tenant.usage.objects),
                    of: tenant.quota.objects.map(Readable.count)
                ),
                held(
                    Readable.size(tenant.usage.bytes),
                    of: tenant.quota.bytes.map(Readable.size)
                ),
                Timestamp.text(tenant.createdMilliseconds),
            ])
        }
        return table.text
    }
}

/// A tenant for programs.
struct TenantOutput: Encodable {
    var id: UInt64
    var name: NameOutput
    var status: String
    var quota: Quota
    var usage: Usage
    var created_ms: UInt64

    /// Takes a tenant.
    init(_ tenant: Tenant) {
        id = tenant.id
        name = NameOutput(tenant.name)
        status = tenant.isSuspended ? "suspended" : "active"
        quota = tenant.quota
        usage = tenant.usage
        created_ms = tenant.createdMilliseconds
    }
}

/// The id that something was given, for programs.
struct IDOutput: Encodable {
    var id: UInt64
}

/// That something was done, for programs.
struct DoneOutput: Encodable {
    var done = true
}
