internal import Configuration
internal import Logging

extension Settings {
    /// Reads a node's settings: flags before the environment before the file.
    ///
    /// - Throws: `ConfigurationError` for the first mistake of any source, and for values that are
    ///   right alone and wrong together.
    package static func read(
        file path: String,
        environment: [String: String],
        flags: [String]
    ) throws(ConfigurationError) -> Settings {
        // Read once: what is used is what was checked.
        let bytes = try SettingsCheck.read(path)
        var given = try SettingsCheck.file(bytes, source: path)
        given.merge(try SettingsCheck.environment(environment)) { $1 }
        let pairs = try SettingsCheck.flags(flags)
        given.merge(pairs) { $1 }
        for setting in table where setting.presence == .required && given[setting.key] == nil {
            throw ConfigurationError(
                source: path,
                key: setting.key,
                "is missing. \(setting.help)"
            )
        }
        let reader: ConfigReader
        do {
            let text = try unsafe JSONSnapshot(
                data: bytes.span.bytes,
                providerName: path,
                parsingOptions: .default
            )
            reader = ConfigReader(providers: [
                CommandLineArgumentsProvider(
                    arguments: ["cadastred"] + pairs.sorted { $0.key < $1.key }.map(argument)
                ),
                EnvironmentVariablesProvider(environmentVariables: environment)
                    .prefixKeys(with: "cadastre"),
                TextProvider(text: text),
            ])
        } catch {
            throw ConfigurationError(source: path, "cannot be read: \(error)")
        }
        let settings = Settings(reader, folder: folder(of: path))
        try settings.checkRelations(source: path)
        return settings
    }

    /// As the provider of flags writes the key of a setting.
    private static func argument(_ pair: (key: String, value: String)) -> String {
        "--\(pair.key.map { $0 == "." ? "-" : String($0) }.joined())=\(pair.value)"
    }

    /// Reads values that ``SettingsCheck`` has found to be there and right.
    private init(_ reader: ConfigReader, folder: String) {
        func path(_ path: String) -> String {
            path.hasPrefix("/") ? path : folder + path
        }
        func text(_ key: String) -> String {
            reader.string(forKey: ConfigKey(key)) ?? Self.fallback(key)
        }
        func number(_ key: String) -> Int {
            reader.int(forKey: ConfigKey(key)) ?? Self.number(Self.fallback(key), key)
        }
        func address(_ key: String, else fallback: SocketName? = nil) -> SocketName {
            if let fallback, reader.string(forKey: ConfigKey(key)) == nil { return fallback }
            guard let name = SocketName(text(key)) else {
                preconditionFailure("\(key) was checked to be an address")
            }
            return name
        }
        node = UInt64(number("node.id"))
        directory = path(text("node.directory"))
        genesis = path(text("node.genesis"))
        listeners = Listeners(
            peer: address("listen.peer"),
            client: address("listen.client"),
            administration: address("listen.administration")
        )
        advertised = Listeners(
            peer: address("advertise.peer", else: listeners.peer),
            client: address("advertise.client", else: listeners.client),
            administration: address("advertise.administration", else: listeners.administration)
        )
        dialSource = reader.string(forKey: ConfigKey("dial.source"))
        serverPair = CertificatePair(
            certificate: path(text("tls.server_certificate")),
            key: path(text("tls.server_key"))
        )
        clientPair = CertificatePair(
            certificate: path(text("tls.client_certificate")),
            key: path(text("tls.client_key"))
        )
        roots = (reader.stringArray(forKey: ConfigKey("tls.roots")) ?? []).map(path)
        revocations = reader.string(forKey: ConfigKey("tls.revocations")).map(path)
        let shortest = number("time.election_minimum_ms")
        times = Times(
            tick: number("time.tick_ms"),
            heartbeat: number("time.heartbeat_ms"),
            election: shortest...max(shortest, number("time.election_maximum_ms"))
        )
        bounds = Bounds(
            connections: number("limit.connections"),
            administrationConnections: number("limit.administration_connections"),
            connectionsPerIdentity: number("limit.identity_connections"),
            requestsPerConnection: number("limit.connection_requests"),
            requestsPerTenant: number("limit.tenant_requests"),
            queueSize: number("limit.queue_mib") << 20,
            peerQueueSize: number("limit.peer_queue_mib") << 20,
            replySize: number("limit.reply_mib") << 20
        )
        cacheSize = number("storage.cache_mib") << 20
        segmentSize = number("storage.segment_mib") << 20
        reserveSize = number("storage.reserve_mib") << 20
        snapshotInterval = number("snapshot.interval_mib") << 20
        snapshotRate = number("snapshot.rate_mib_per_second") << 20
        scrubHours = number("scrub.interval_hours")
        scrubRate = number("scrub.rate_mib_per_second") << 20
        clientThreads = number("threads.client")
        logLevel = text("log.level")
    }

    /// The folder of a file, with the slash; empty for the present one.
    private static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "" }
        return String(path[...slash])
    }

    private static func fallback(_ key: String) -> String {
        guard case .byDefault(let value) = setting(key)?.presence else {
            preconditionFailure("\(key) was checked to be given")
        }
        return value
    }

    private static func number(_ text: String, _ key: String) -> Int {
        guard let number = Int(text) else {
            preconditionFailure("the default of \(key) is not a number: \(text)")
        }
        return number
    }

    /// Checks what is right alone and may be wrong together.
    private func checkRelations(source: String) throws(ConfigurationError) {
        func refuse(_ key: String, _ message: String) -> ConfigurationError {
            ConfigurationError(source: source, key: key, message)
        }
        guard times.heartbeat >= times.tick, times.heartbeat % times.tick == 0 else {
            throw refuse(
                "time.heartbeat_ms",
                "\(times.heartbeat) ms is no multiple of time.tick_ms, which is \(times.tick) ms"
            )
        }
        guard times.election.lowerBound > 3 * times.heartbeat else {
            throw refuse(
                "time.election_minimum_ms",
                "\(times.election.lowerBound) ms is not above 3 heartbeats of \(times.heartbeat) ms"
            )
        }
        guard times.election.upperBound >= times.election.lowerBound + times.tick else {
            throw refuse(
                "time.election_maximum_ms",
                "must be above time.election_minimum_ms, which is \(times.election.lowerBound) ms"
            )
        }
        let places = [
            ("listen.client", listeners.client), ("listen.peer", listeners.peer),
            ("listen.administration", listeners.administration),
        ]
        for (place, (key, name)) in places.enumerated() where name.port != 0 {
            for (otherKey, other) in places[..<place] where other.port == name.port {
                throw refuse(key, "has port \(name.port), as \(otherKey) has; choose another")
            }
        }
        try checkAdvertised(refuse)
        guard serverPair.certificate != clientPair.certificate else {
            throw refuse(
                "tls.client_certificate",
                "is the server certificate too; a node needs two, each with one use"
            )
        }
    }

    /// Checks that others can dial what is advertised.
    private func checkAdvertised(
        _ refuse: (String, String) -> ConfigurationError
    ) throws(ConfigurationError) {
        let places = [
            ("advertise.client", advertised.client, listeners.client),
            ("advertise.peer", advertised.peer, listeners.peer),
            ("advertise.administration", advertised.administration, listeners.administration),
        ]
        for (place, (key, name, listener)) in places.enumerated() where name != listener {
            guard name.port != 0, !SocketName.wildcards.contains(name.host) else {
                throw refuse(key, "nobody can dial \(name); give a host and its port")
            }
            for (index, other) in places.enumerated() where index != place && other.1 == name {
                throw refuse(key, "is \(name), as \(other.0) is; choose another")
            }
        }
    }
}

/// A configuration text that was read before; it does not change.
private struct TextProvider: ConfigProvider {
    let text: JSONSnapshot

    var providerName: String { text.providerName }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        try text.value(forKey: key, type: type)
    }

    func fetchValue(forKey key: AbsoluteConfigKey, type: ConfigType) async throws -> LookupResult {
        try value(forKey: key, type: type)
    }

    func watchValue<Return: ~Copyable>(
        forKey key: AbsoluteConfigKey,
        type: ConfigType,
        updatesHandler: (
            _ updates: ConfigUpdatesAsyncSequence<Result<LookupResult, any Error>, Never>
        ) async throws -> Return
    ) async throws -> Return {
        try await watchValueFromValue(forKey: key, type: type, updatesHandler: updatesHandler)
    }

    func snapshot() -> any ConfigSnapshot { text }

    func watchSnapshot<Return: ~Copyable>(
        updatesHandler: (_ updates: ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>)
            async throws -> Return
    ) async throws -> Return {
        try await watchSnapshotFromSnapshot(updatesHandler: updatesHandler)
    }
}
