import Foundation
import Testing

@testable import CadastreRuntime

/// A folder of one test, removed when the test ends.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "cadastre-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            // The test may have removed it.
        }
    }

    func write(_ name: String, _ text: String) throws -> String {
        try write(name, Data(text.utf8))
    }

    func write(_ name: String, _ data: Data) throws -> String {
        let file = path + "/" + name
        try data.write(to: URL(fileURLWithPath: file))
        return file
    }
}

@Suite
struct SettingsTests {
    static let good = """
        {
          "node": { "id": 2, "directory": "data", "genesis": "/etc/genesis.json" },
          "listen": {
            "peer": "127.0.0.1:7001",
            "client": "[::1]:7002",
            "administration": "localhost:7003"
          },
          "tls": {
            "server_certificate": "s.pem", "server_key": "s.key",
            "client_certificate": "c.pem", "client_key": "c.key",
            "roots": ["a.pem", "/b.pem"]
          }
        }
        """

    private func read(
        _ text: String,
        environment: [String: String] = [:],
        flags: [String] = []
    ) throws -> Settings {
        let folder = try TemporaryFolder()
        let path = try folder.write("cadastred.json", text)
        return try Settings.read(file: path, environment: environment, flags: flags)
    }

    /// What the reading of a wrong configuration says.
    private func refusal(
        _ text: String,
        environment: [String: String] = [:],
        flags: [String] = []
    ) throws -> ConfigurationError {
        do {
            _ = try read(text, environment: environment, flags: flags)
        } catch let error as ConfigurationError {
            return error
        }
        throw Unexpected()
    }

    private struct Unexpected: Error {}

    @Test
    func `a complete file is read, with defaults for the rest`() throws {
        let folder = try TemporaryFolder()
        let path = try folder.write("cadastred.json", Self.good)
        let settings = try Settings.read(file: path, environment: [:], flags: [])
        #expect(settings.node == 2)
        #expect(settings.directory == folder.path + "/data")
        #expect(settings.genesis == "/etc/genesis.json")
        #expect(settings.listeners.client == SocketName(host: "::1", port: 7002))
        #expect(settings.advertised == settings.listeners)
        #expect(settings.dialSource == nil)
        #expect(settings.roots == [folder.path + "/a.pem", "/b.pem"])
        #expect(settings.revocations == nil)
        #expect(settings.times.election == 300...600)
        #expect(settings.cacheSize == 20 << 20)
        #expect(settings.logLevel == "info")
    }

    @Test
    func `a node may be reached elsewhere than it listens, and dial from an address of its own`()
        throws
    {
        let environment = [
            "CADASTRE_ADVERTISE_PEER": "par1.example:7001", "CADASTRE_DIAL_SOURCE": "127.0.1.1",
        ]
        let settings = try read(Self.good, environment: environment)
        #expect(settings.listeners.peer == SocketName(host: "127.0.0.1", port: 7001))
        #expect(settings.advertised.peer == SocketName(host: "par1.example", port: 7001))
        #expect(settings.advertised.client == settings.listeners.client)
        #expect(settings.dialSource == "127.0.1.1")
    }

    @Test
    func `flags come before the environment and that before the file`() throws {
        let environment = [
            "CADASTRE_TIME_TICK_MS": "5", "CADASTRE_NODE_ID": "3",
            "CADASTRE_TLS_ROOTS": "/x.pem,/y.pem", "PATH": "/bin", "CADASTRE_PROFILE": "p.json",
        ]
        let settings = try read(
            Self.good,
            environment: environment,
            flags: ["node.id=4", "log.level=debug", "limit.connections=7"]
        )
        #expect(settings.node == 4)
        #expect(settings.times.tick == 5)
        #expect(settings.roots == ["/x.pem", "/y.pem"])
        #expect(settings.logLevel == "debug")
        #expect(settings.bounds.connections == 7)
    }

    @Test(arguments: [
        // (what is put in the place of the log's settings, the key that is named, a word)
        ("\"nodde\": {}", "nodde", "is no setting"),
        ("\"time\": { \"tick_mss\": 10 }", "time.tick_mss", "did you mean time.tick_ms?"),
        ("\"time\": { \"tick_ms\": \"10\" }", "time.tick_ms", "a text stands where"),
        ("\"time\": { \"tick_ms\": 1.5 }", "time.tick_ms", "a number stands where"),
        ("\"time\": { \"tick_ms\": null }", "time.tick_ms", "null stands where"),
        ("\"time\": { \"tick_ms\": 0 }", "time.tick_ms", "out of range"),
        ("\"time\": { \"tick_ms\": -1 }", "time.tick_ms", "out of range"),
        ("\"time\": 5", "time", "is no setting"),
        ("\"time\": { \"tick_ms\": {} }", "time.tick_ms", "an object stands where"),
        ("\"log\": { \"level\": \"loud\" }", "log.level", "is none of"),
        ("\"log\": { \"level\": [] }", "log.level", "an array stands where"),
        ("\"node\": {}", "node", "stands here twice"),
        ("\"log\": {}, \"log\": {}", "log", "stands here twice"),
        (
            "\"limit\": { \"connections\": 10, \"connections\": 20 }", "connections",
            "stands here twice"
        ),
        ("\"limit.connections\": 10", "limit.connections", "holds a dot"),
        (
            "\"limit.connections\": 10, \"limit\": { \"connections\": 20 }", "limit.connections",
            "holds a dot"
        ),
        (
            "\"limit\": { \"connections\": 20 }, \"limit.connections\": 10", "limit.connections",
            "holds a dot"
        ),
        ("\"limit\": { \"a.b\": 20 }", "limit.a.b", "holds a dot"),
        ("\"time\": { \"heartbeat_ms\": 100 }", "time.election_minimum_ms", "3 heartbeats"),
        ("\"time\": { \"tick_ms\": 7 }", "time.heartbeat_ms", "no multiple"),
        (
            "\"time\": { \"election_maximum_ms\": 200 }", "time.election_maximum_ms",
            "above time.election_minimum_ms"
        ),
    ])
    func `a wrong key or value is named`(
        _ member: String,
        _ key: String,
        _ word: String
    ) throws {
        let text = Self.good.dropLast(1) + ", \(member) }"
        let error = try refusal(String(text))
        #expect(error.key == key)
        #expect(error.description.contains(word), "\(error)")
        #expect(error.description.contains("cadastred.json"))
    }

    @Test(arguments: [
        ("", "is empty"), ("  \n", "is empty"), ("[]", "not a JSON object"),
        ("{\"node\": 1", "a comma or }"), ("{} x", "behind the end"), ("{,}", "a name in quotes"),
        ("{\"a\" 1}", "a colon"), ("{\"a\": 01}", "does not begin with 0"),
        ("{\"a\": tru}", "a value is expected"), ("{\"a\": \"\\x\"}", "unknown escape"),
        ("{\"a\": \"\\ud800\"}", "surrogate"), ("{\"a\": \"\\u+123\"}", "hexadecimal"),
        ("{\"a\": \"b", "no closing quote"), ("{\"a\": 1,}", "a name in quotes"),
        ("{\"a\": -}", "a digit"), ("{\"a\": 1e}", "a digit"), ("// x\n{}", "a value is expected"),
        ("\u{FEFF}{}", "byte order mark"), ("{\"a\": \"\t\"}", "control character"),
        (String(repeating: "{\"a\":", count: 100), "nested too deeply"),
    ])
    func `a text that is no JSON is refused`(_ text: String, _ word: String) throws {
        let error = try refusal(text)
        #expect(error.description.contains(word), "\(error)")
    }

    @Test
    func `every cut of a configuration is refused, and nothing traps`() throws {
        let bytes = Array(Self.good.utf8)
        for size in 0..<bytes.count {
            #expect(throws: ConfigurationError.self) {
                try StrictJSON.parse(Array(bytes[..<size]), source: "x")
            }
        }
    }

    @Test
    func `a mistake in a file is named with its line`() throws {
        let text = Self.good.replacingOccurrences(of: "\"peer\"", with: "\"pear\"")
        let error = try refusal(text)
        #expect(error.line == 4)
        #expect(error.key == "listen.pear")
        #expect(error.message.contains("listen.peer"))
    }

    @Test(arguments: Settings.table.filter { $0.presence == .required }.map(\.key))
    func `a required setting that is missing is named`(_ key: String) throws {
        let name = key.split(separator: ".")[1]
        var lines: [String] = []
        let compact = Self.good.replacingOccurrences(of: ", \"", with: ",\n\"")
        for line in compact.split(separator: "\n") where !line.contains("\"\(name)\":") {
            lines.append(String(line))
        }
        var text = lines.joined(separator: "\n")
        for (wrong, right) in [(",\n  }", "\n  }"), ("{ \"id\": 2,\n", "{ \"id\": 2,\n")] {
            text = text.replacingOccurrences(of: wrong, with: right)
        }
        let error: ConfigurationError
        if name == "id" || name == "roots" || name == "genesis" {
            // These share a line with a bracket: taken out by another spelling.
            error = try refusal(Self.without(name))
        } else {
            error = try refusal(text)
        }
        #expect(error.key == key, "\(error)")
        #expect(error.message.contains("is missing"))
    }

    private static func without(_ name: Substring) -> String {
        let members = [
            "id": "\"id\": 2, ", "genesis": ", \"genesis\": \"/etc/genesis.json\"",
            "roots": ",\n    \"roots\": [\"a.pem\", \"/b.pem\"]",
        ]
        return good.replacingOccurrences(of: members[String(name)] ?? "", with: "")
    }

    @Test(arguments: [
        ("CADASTRE_NODE_IDD", "1", "did you mean CADASTRE_NODE_ID?"),
        ("CADASTRE_ZZZZZZZZZZ", "1", "is no setting"),
        ("CADASTRE_NODE_ID", "one", "not a whole number"),
        ("CADASTRE_NODE_ID", "+1", "not a whole number"),
        ("CADASTRE_NODE_ID", "01", "not a whole number"),
        ("CADASTRE_NODE_ID", "", "not a whole number"),
        ("CADASTRE_NODE_ID", "99999999999999999999", "not a whole number"),
        ("CADASTRE_LISTEN_PEER", "127.0.0.1", "host:port"),
        ("CADASTRE_LISTEN_PEER", "127.0.0.1:65536", "host:port"),
        ("CADASTRE_LISTEN_PEER", "a b:1", "host:port"),
        ("CADASTRE_LISTEN_PEER", ":1", "host:port"),
        ("CADASTRE_TLS_ROOTS", "a,,b", "empty path"),
        ("CADASTRE_TLS_SERVER_KEY", "", "is empty"),
        ("CADASTRE_TLS_CLIENT_CERTIFICATE", "s.pem", "needs two"),
        ("CADASTRE_LISTEN_CLIENT", "127.0.0.1:7001", "choose another"),
        ("CADASTRE_ADVERTISE_PEER", "127.0.0.1:0", "nobody can dial"),
        ("CADASTRE_ADVERTISE_CLIENT", "0.0.0.0:7001", "nobody can dial"),
        ("CADASTRE_ADVERTISE_ADMINISTRATION", "127.0.0.1:7001", "as advertise.peer is"),
        ("CADASTRE_DIAL_SOURCE", "127.0.0.1:7001", "no IP address"),
        ("CADASTRE_DIAL_SOURCE", "localhost", "no IP address"),
    ])
    func `a wrong variable is named`(
        _ name: String,
        _ value: String,
        _ word: String
    ) throws {
        let error = try refusal(Self.good, environment: [name: value])
        #expect(error.description.contains(word), "\(error)")
    }

    @Test(arguments: [
        (["node.idd=1"], "did you mean node.id?"), (["node.id"], "has no ="),
        (["node.id=1", "node.id=2"], "given twice"), (["node.id="], "not a whole number"),
        (["node.directory=a,b"], "comma"), (["=1"], "is no setting"),
    ])
    func `a wrong flag is named`(_ flags: [String], _ word: String) throws {
        let error = try refusal(Self.good, flags: flags)
        #expect(error.description.contains(word), "\(error)")
    }

    @Test
    func `files that cannot be a configuration are refused`() throws {
        let folder = try TemporaryFolder()
        let large = try folder.write("large", Data(repeating: 0x20, count: 1 << 20 + 1))
        let binary = try folder.write("binary", Data([0x7B, 0xFF, 0x7D]))
        for path in [folder.path, folder.path + "/absent", large, binary, "/dev/null"] {
            #expect(throws: ConfigurationError.self, "\(path)") {
                try Settings.read(file: path, environment: [:], flags: [])
            }
        }
    }

    @Test
    func `the table agrees with itself`() {
        let keys = Settings.table.map(\.key)
        #expect(Set(keys).count == keys.count)
        #expect(Set(Settings.table.map(\.environmentName)).count == keys.count)
        for setting in Settings.table {
            #expect(Settings.plainTable.contains(setting.help))
            #expect(Settings.markdownTable.contains("`\(setting.environmentName)`"))
            #expect(setting.key.split(separator: ".").count == 2)
            guard case .byDefault(let value) = setting.presence else { continue }
            #expect(setting.mistake(in: value) == nil, "\(setting.key)")
        }
    }
}
