internal import Foundation

/// Checks every key and value of every source before anything reads them: swift-configuration
/// passes over a key that nobody asks for, and a misspelt key must not become a default.
struct SettingsCheck {
    /// Variables that other programs of the project read from the same environment.
    static let foreignVariables: Set<String> = [
        "CADASTRE_PROFILE", "CADASTRE_ENDPOINTS", "CADASTRE_ADMINISTRATION_ENDPOINTS",
        "CADASTRE_CLUSTER", "CADASTRE_CERTIFICATE", "CADASTRE_KEY", "CADASTRE_ROOTS",
        "CADASTRE_TENANT", "CADASTRE_DEADLINE", "CADASTRE_REWRITE", "CADASTRE_SLOW",
    ]

    /// The whole of a file of at most 1 MiB.
    ///
    /// - Throws: `ConfigurationError` if it cannot be read, is no regular file or is too large.
    static func read(_ path: String) throws(ConfigurationError) -> [UInt8] {
        // Not blocking: a named pipe must be refused, not waited for.
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw unreadable(path) }
        defer { close(descriptor) }
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw unreadable(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw ConfigurationError(source: path, "is not a regular file")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = unsafe piece.withUnsafeMutableBytes { buffer in
                unsafe Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw unreadable(path) }
            guard count > 0 else { return bytes }
            bytes += piece[..<count]
            guard bytes.count <= RuntimeLimits.maximumConfigurationSize else {
                throw ConfigurationError(source: path, "is larger than 1 MiB; it cannot be right")
            }
        }
    }

    /// Checks a configuration file and gives the keys in it.
    static func file(
        _ bytes: [UInt8],
        source: String
    ) throws(ConfigurationError) -> [String: String] {
        guard case .object(let members) = try StrictJSON.parse(bytes, source: source) else {
            throw ConfigurationError(source: source, line: 1, "is not a JSON object")
        }
        var values: [String: String] = [:]
        try collect(members, prefix: "", source: source, into: &values)
        return values
    }

    /// Checks the names that begin with `CADASTRE_` and gives the settings among them.
    static func environment(
        _ variables: [String: String]
    ) throws(ConfigurationError) -> [String: String] {
        let names = Settings.table.map(\.environmentName)
        var values: [String: String] = [:]
        // Sorted, so that of several mistakes the same one is reported each time.
        for (name, value) in variables.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(Setting.environmentPrefix) && !foreignVariables.contains(name) {
            guard let place = names.firstIndex(of: name) else {
                throw ConfigurationError(
                    source: "environment",
                    key: name,
                    "is no setting" + suggestion(for: name, among: names)
                )
            }
            let setting = Settings.table[place]
            if let mistake = setting.mistake(in: value) {
                throw ConfigurationError(source: "environment", key: name, mistake)
            }
            values[setting.key] = value
        }
        return values
    }

    /// Checks `key=value` pairs of the command line, in their order; each key once.
    static func flags(_ pairs: [String]) throws(ConfigurationError) -> [String: String] {
        var values: [String: String] = [:]
        for pair in pairs {
            guard let equals = pair.firstIndex(of: "=") else {
                throw ConfigurationError(source: "--set", key: pair, "has no =; write key=value")
            }
            let key = String(pair[..<equals])
            let value = String(pair[pair.index(after: equals)...])
            let setting = try known(key, source: "--set", line: nil)
            if let mistake = setting.mistake(in: value) {
                throw ConfigurationError(source: "--set", key: key, mistake)
            }
            if case .paths = setting.kind {
            } else if value.contains(",") {
                throw ConfigurationError(
                    source: "--set",
                    key: key,
                    "a flag's value cannot hold a comma; write it in the file"
                )
            }
            guard values.updateValue(value, forKey: key) == nil else {
                throw ConfigurationError(source: "--set", key: key, "is given twice; keep one")
            }
        }
        return values
    }

    private static func collect(
        _ members: [JSONMember],
        prefix: String,
        source: String,
        into values: inout [String: String]
    ) throws(ConfigurationError) {
        for member in members {
            let key = prefix + member.name
            // A dot would spell the key of another object's member, and so give it twice.
            guard !member.name.contains(".") else {
                throw ConfigurationError(
                    source: source,
                    line: member.line,
                    key: key,
                    "holds a dot; write an object inside an object, one for each part of the key"
                )
            }
            if case .object(let inner) = member.value,
                Settings.table.contains(where: { $0.key.hasPrefix(key + ".") })
            {
                try collect(inner, prefix: key + ".", source: source, into: &values)
                continue
            }
            let setting = try known(key, source: source, line: member.line)
            let text = try text(of: member, as: setting, source: source)
            if let mistake = setting.mistake(in: text) {
                throw ConfigurationError(source: source, line: member.line, key: key, mistake)
            }
            guard values.updateValue(text, forKey: key) == nil else {
                throw ConfigurationError(
                    source: source,
                    line: member.line,
                    key: key,
                    "is given twice; keep one"
                )
            }
        }
    }

    private static func text(
        of member: JSONMember,
        as setting: Setting,
        source: String
    ) throws(ConfigurationError) -> String {
        switch (setting.kind, member.value) {
        case (.integer, .integer(let value)): return String(value)
        case (.path, .string(let text)), (.address, .string(let text)),
            (.host, .string(let text)), (.choice, .string(let text)):
            return text
        case (.paths, .array(let elements)):
            var paths: [String] = []
            for element in elements {
                guard case .string(let path) = element.value, !path.contains(",") else {
                    throw ConfigurationError(
                        source: source,
                        line: element.line,
                        key: setting.key,
                        "an array of texts without commas is expected"
                    )
                }
                paths.append(path)
            }
            return paths.joined(separator: ",")
        default:
            let wanted =
                switch setting.kind {
                case .integer: "a whole number"
                case .path, .address, .host, .choice: "a text"
                case .paths: "an array of texts"
                }
            throw ConfigurationError(
                source: source,
                line: member.line,
                key: setting.key,
                "\(member.value.kind) stands where \(wanted) is expected"
            )
        }
    }

    private static func known(
        _ key: String,
        source: String,
        line: Int?
    ) throws(ConfigurationError) -> Setting {
        if let setting = Settings.setting(key) { return setting }
        throw ConfigurationError(
            source: source,
            line: line,
            key: key,
            "is no setting" + suggestion(for: key, among: Settings.table.map(\.key))
        )
    }

    private static func suggestion(for name: String, among names: [String]) -> String {
        guard let near = nearest(to: name, among: names) else {
            return "; `cadastred settings` lists them all"
        }
        return "; did you mean \(near)?"
    }

    private static func unreadable(_ path: String) -> ConfigurationError {
        let reason = unsafe strerror(errno).map { unsafe String(cString: $0) } ?? "errno \(errno)"
        return ConfigurationError(source: path, "cannot be read: \(reason)")
    }
}
