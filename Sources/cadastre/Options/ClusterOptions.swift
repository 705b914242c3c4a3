internal import ArgumentParser
internal import CadastreClient
internal import CadastreTLS
internal import Foundation

/// Where results go, and how: on every verb.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print one line of JSON instead of text.")
    var json = false

    /// Where to print.
    var console: Console { Console(isJSON: json) }
}

/// Which cluster, and who asks: flags first, then CADASTRE_* variables, then the profile.
struct ClusterOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A JSON file with the options below. [CADASTRE_PROFILE]",
            valueName: "file"
        )
    )
    var profile: String?

    @Option(
        name: .customLong("endpoint"),
        help: ArgumentHelp(
            "A client listener; may be repeated. [CADASTRE_ENDPOINTS, with commas]",
            valueName: "host:port"
        )
    )
    var endpoints: [String] = []

    @Option(
        name: .customLong("administration-endpoint"),
        help: ArgumentHelp(
            "An administration listener; may be repeated. [CADASTRE_ADMINISTRATION_ENDPOINTS]",
            valueName: "host:port"
        )
    )
    var administrationEndpoints: [String] = []

    @Option(help: "The cluster's name. [CADASTRE_CLUSTER]")
    var cluster: String?

    @Option(help: ArgumentHelp("Your certificate. [CADASTRE_CERTIFICATE]", valueName: "file"))
    var certificate: String?

    @Option(help: ArgumentHelp("Its private key. [CADASTRE_KEY]", valueName: "file"))
    var key: String?

    @Option(
        name: .customLong("roots"),
        help: ArgumentHelp(
            "Root certificates to trust; may be repeated. [CADASTRE_ROOTS, with commas]",
            valueName: "file"
        )
    )
    var roots: [String] = []

    @Option(help: "The tenant that a service acts for. [CADASTRE_TENANT]")
    var tenant: String?

    @Option(
        help: ArgumentHelp(
            "How long one request may take, retries included. [CADASTRE_DEADLINE]",
            valueName: "seconds"
        )
    )
    var deadline: Double?

    @OptionGroup
    var output: OutputOptions

    var console: Console { output.console }

    func validate() throws {
        if let deadline, !(deadline > 0 && deadline <= 86_400) {
            throw ValidationError("--deadline must be more than 0 and at most 86400 seconds")
        }
        for endpoint in endpoints + administrationEndpoints where Endpoint(endpoint) == nil {
            throw ValidationError("'\(Escaped.text(endpoint))' is not host:port")
        }
    }
}

/// The options after flags, variables and profile have been put together.
struct ClusterSettings: Sendable {
    var endpoints: [Endpoint]
    var administrationEndpoints: [Endpoint]
    var cluster: String
    var files: ClientConfiguration.Files
    var tenant: [UInt8]
    /// Nil leaves it to the verb.
    var deadline: Duration?
    /// Where an identity is that may ask the nodes themselves; only a profile says so.
    var administrationProfile: String?
}

extension ClusterOptions {
    /// Puts flags, variables and the profile together.
    ///
    /// - Throws: `Failure` naming what is missing or wrong.
    func settings(
        environment: [String: String] = ProcessInfo.processInfo.environment
    ) throws(Failure) -> ClusterSettings {
        let path = profile ?? environment["CADASTRE_PROFILE"]
        var profile = Profile()
        if let path { profile = try Profile(path: path) }
        func list(_ flags: [String], _ variable: String, _ kept: [String]) -> [String] {
            if !flags.isEmpty { return flags }
            guard let value = environment[variable] else { return kept }
            return value.split(separator: ",").map(String.init)
        }
        func needed(_ value: String?, _ name: String) throws(Failure) -> String {
            guard let value, !value.isEmpty else {
                let variable = name.uppercased()
                throw Failure(
                    .configuration,
                    "no \(name) is given",
                    advice: "give --\(name), CADASTRE_\(variable), or a --profile that names it"
                )
            }
            return value
        }
        let cluster = try needed(
            self.cluster ?? environment["CADASTRE_CLUSTER"] ?? profile.cluster,
            "cluster"
        )
        let certificate = try needed(
            self.certificate ?? environment["CADASTRE_CERTIFICATE"] ?? profile.certificate,
            "certificate"
        )
        let key = try needed(self.key ?? environment["CADASTRE_KEY"] ?? profile.key, "key")
        let roots = list(self.roots, "CADASTRE_ROOTS", profile.roots)
        _ = try needed(roots.first, "roots")
        let tenant = self.tenant ?? environment["CADASTRE_TENANT"] ?? profile.tenant
        return ClusterSettings(
            endpoints: try Self.parsed(
                list(endpoints, "CADASTRE_ENDPOINTS", profile.endpoints)
            ),
            administrationEndpoints: try Self.parsed(
                list(
                    administrationEndpoints,
                    "CADASTRE_ADMINISTRATION_ENDPOINTS",
                    profile.administrationEndpoints
                )
            ),
            cluster: cluster,
            files: .init(certificate: certificate, key: key, roots: roots),
            tenant: Array((tenant ?? "").utf8),
            deadline: try deadline(environment["CADASTRE_DEADLINE"]),
            administrationProfile: profile.administrationProfile
        )
    }

    /// What a profile alone says.
    ///
    /// - Throws: `Failure` naming what is missing or wrong.
    static func settings(profile path: String) throws(Failure) -> ClusterSettings {
        let options: ClusterOptions
        do {
            options = try parse(["--profile", path])
        } catch {
            throw Failure(.usage, "the profile \(Escaped.text(path)) cannot be named")
        }
        return try options.settings(environment: [:])
    }

    private func deadline(_ variable: String?) throws(Failure) -> Duration? {
        if let deadline { return .seconds(deadline) }
        guard let variable else { return nil }
        guard let seconds = Double(variable), seconds > 0, seconds <= 86_400 else {
            throw Failure(
                .configuration,
                "CADASTRE_DEADLINE is '\(Escaped.text(variable))'",
                advice: "give seconds, more than 0 and at most 86400"
            )
        }
        return .seconds(seconds)
    }

    private static func parsed(_ texts: [String]) throws(Failure) -> [Endpoint] {
        var endpoints: [Endpoint] = []
        for text in texts {
            guard let endpoint = Endpoint(text) else {
                throw Failure(
                    .configuration,
                    "'\(Escaped.text(text))' is not an endpoint",
                    advice: "write host:port"
                )
            }
            endpoints.append(endpoint)
        }
        return endpoints
    }
}

extension ClusterSettings {
    /// How to reach the listeners for this purpose.
    ///
    /// - Throws: `Failure` if no endpoint is known.
    func configuration(
        _ purpose: ClientConfiguration.Purpose
    ) throws(Failure) -> ClientConfiguration {
        let endpoints: [Endpoint]
        let flag: String
        switch purpose {
        case .client: (endpoints, flag) = (self.endpoints, "endpoint")
        case .administration:
            (endpoints, flag) = (administrationEndpoints, "administration-endpoint")
        }
        guard !endpoints.isEmpty else {
            throw Failure(
                .configuration,
                "no \(flag) is given",
                advice: "give --\(flag) host:port or a --profile that names some"
            )
        }
        var configuration = ClientConfiguration(
            endpoints: endpoints,
            cluster: cluster,
            files: files
        )
        configuration.purpose = purpose
        configuration.tenant = tenant
        if let deadline { configuration.deadline = deadline }
        return configuration
    }
}

extension ClusterSettings {
    /// How to reach the listeners at which this identity changes and asks things: operators at
    /// those for administration, services and tenants at those for clients.
    ///
    /// - Throws: `Failure` if no endpoint is known.
    func requestConfiguration() throws(Failure) -> ClientConfiguration {
        let identity: Identity?
        do throws(TLSError) {
            identity = try CertificateSummary(contentsOf: files.certificate).identity
        } catch {
            throw Failure(.configuration, Escaped.text(error.description))
        }
        if case .operator = identity { return try configuration(.administration) }
        return try configuration(.client)
    }
}

extension CadastreClient {
    /// Makes a client, does something with it, and closes it, whatever came of that.
    ///
    /// - Throws: `Failure` if the configuration is wrong, or what `body` throws.
    static func with<Result: Sendable>(
        _ configuration: ClientConfiguration,
        _ body: (CadastreClient) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let client: CadastreClient
        do {
            client = try CadastreClient(configuration)
        } catch {
            throw Failure(.configuration, Escaped.text(error.description))
        }
        do {
            let result = try await body(client)
            await client.close()
            return result
        } catch {
            await client.close()
            throw error
        }
    }
}
