internal import CadastreProtocol
internal import CadastreTLS
package import RaftCore

/// A cluster as it was founded, the same text for every node.
///
/// ```json
/// {
///   "cluster": "atlas",
///   "cluster_id": "00112233445566778899aabbccddeeff",
///   "members": [
///     {
///       "id": 1, "incarnation": "…32 hexadecimal digits…", "role": "voter",
///       "site": "fr/paris/paris-1/operator-a",
///       "peer_address": "127.0.0.1:7101", "client_address": "127.0.0.1:7102",
///       "administration_address": "127.0.0.1:7103"
///     }
///   ],
///   "policy": {
///     "allowed_countries": ["fr"], "preferred_leaders": ["fr/paris"], "survives_one_site": true
///   }
/// }
/// ```
///
/// The policy may be left out; then it asks for nothing.
package struct GenesisFile: Hashable, Sendable {
    /// The cluster's name, as in its certificates.
    package var cluster: String
    /// The cluster's number.
    package var clusterID: ClusterID
    /// Its members, ascending by number.
    package var members: [Member]
    /// Which sites it may use, and how.
    package var policy = Policy()

    /// Reads the file at a path.
    ///
    /// - Throws: `ConfigurationError` with file, line and name of the first mistake.
    package init(path: String) throws(ConfigurationError) {
        try self.init(try SettingsCheck.read(path), source: path)
    }

    /// Reads the text of a file.
    init(_ bytes: [UInt8], source: String) throws(ConfigurationError) {
        let root = try JSONObject(StrictJSON.parse(bytes, source: source), source: source, line: 1)
        try root.allow(["cluster", "cluster_id", "members", "policy"])
        cluster = try root.text("cluster")
        guard Identity.isValidName(cluster) else {
            throw root.failure("cluster", "is no name of lower-case letters, digits, . _ or -")
        }
        let (high, low) = try root.bits("cluster_id")
        clusterID = ClusterID(high: high, low: low)
        var members: [Member] = []
        for element in try root.array("members") {
            let member = try JSONObject(element.value, source: source, line: element.line)
            members.append(try Self.member(member))
        }
        self.members = members.sorted { $0.id < $1.id }
        try check(root)
        policy = try GenesisPolicy.read(root, for: self.members)
    }

    private static func member(_ object: JSONObject) throws(ConfigurationError) -> Member {
        try object.allow([
            "id", "incarnation", "role", "site", "peer_address", "client_address",
            "administration_address",
        ])
        let id = try object.integer("id")
        guard 1...Int(Int32.max) ~= id else { throw object.failure("id", "give 1…\(Int32.max)") }
        let (high, low) = try object.bits("incarnation")
        let role: MemberRole
        switch try object.text("role") {
        case "voter": role = .voter
        case "learner": role = .learner
        case "witness": role = .witness
        case let other:
            throw object.failure("role", "\"\(other)\" is neither voter, learner nor witness")
        }
        let site = try object.text("site")
        guard Site(uri: "cadastre-site://" + site) != nil else {
            throw object.failure("site", "is not country/city/site/operator")
        }
        return Member(
            id: NodeID(UInt64(id)),
            incarnation: Incarnation(high: high, low: low),
            role: role,
            site: site,
            peerAddress: try object.address("peer_address"),
            clientAddress: try object.address("client_address"),
            administrationAddress: try object.address("administration_address")
        )
    }

    private func check(_ root: JSONObject) throws(ConfigurationError) {
        let maximum = RuntimeLimits.maximumMembers
        guard 1...maximum ~= members.count else {
            throw root.failure("members", "\(members.count) members; give 1…\(maximum)")
        }
        guard members.contains(where: { $0.role == .voter }) else {
            throw root.failure("members", "none of them is a voter")
        }
        guard members.count(where: { $0.role == .witness }) <= 1 else {
            throw root.failure("members", "two of them are witnesses; give one at most")
        }
        for (left, right) in zip(members, members.dropFirst()) where left.id == right.id {
            throw root.failure("members", "two members have the id \(left.id)")
        }
        guard Set(members.map(\.incarnation)).count == members.count else {
            throw root.failure("members", "two members have one incarnation; draw each at random")
        }
        let addresses = members.flatMap {
            [$0.peerAddress, $0.clientAddress, $0.administrationAddress]
        }
        guard Set(addresses).count == addresses.count else {
            throw root.failure("members", "one address stands twice; every listener needs its own")
        }
    }
}

/// A JSON object whose members are asked for by name.
struct JSONObject {
    private let members: [JSONMember]
    private let source: String
    private let line: Int

    /// Takes a value that must be an object.
    init(_ value: JSONValue, source: String, line: Int) throws(ConfigurationError) {
        guard case .object(let members) = value else {
            throw ConfigurationError(source: source, line: line, "\(value.kind) is not an object")
        }
        self.members = members
        self.source = source
        self.line = line
    }

    /// Refuses members of other names.
    func allow(_ names: [String]) throws(ConfigurationError) {
        for member in members where !names.contains(member.name) {
            let near = nearest(to: member.name, among: names).map { "; did you mean \($0)?" }
            throw failure(member.name, "is unknown here" + (near ?? ""))
        }
    }

    /// The text of a member.
    func text(_ name: String) throws(ConfigurationError) -> String {
        guard case .string(let text) = try value(name) else {
            throw failure(name, "a text is expected")
        }
        return text
    }

    /// The whole number of a member.
    func integer(_ name: String) throws(ConfigurationError) -> Int {
        guard case .integer(let number) = try value(name) else {
            throw failure(name, "a whole number is expected")
        }
        return number
    }

    /// The truth of a member.
    func flag(_ name: String) throws(ConfigurationError) -> Bool {
        guard case .bool(let isTrue) = try value(name) else {
            throw failure(name, "true or false is expected")
        }
        return isTrue
    }

    /// The texts of a member.
    func texts(_ name: String) throws(ConfigurationError) -> [String] {
        var texts: [String] = []
        for element in try array(name) {
            guard case .string(let text) = element.value else {
                throw failure(name, "texts are expected")
            }
            texts.append(text)
        }
        return texts
    }

    /// The object of a member; nil if there is none.
    func object(ifPresent name: String) throws(ConfigurationError) -> JSONObject? {
        guard let member = members.first(where: { $0.name == name }) else { return nil }
        return try JSONObject(member.value, source: source, line: member.line)
    }

    /// The elements of a member.
    func array(_ name: String) throws(ConfigurationError) -> [JSONMember] {
        guard case .array(let elements) = try value(name) else {
            throw failure(name, "an array is expected")
        }
        return elements
    }

    /// 128 bits, not all zero, as 32 hexadecimal digits.
    func bits(_ name: String) throws(ConfigurationError) -> (high: UInt64, low: UInt64) {
        let text = try text(name)
        guard text.utf8.count == 32, text.utf8.allSatisfy({ isHexadecimal($0) }),
            let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16), high != 0 || low != 0
        else { throw failure(name, "32 lower-case hexadecimal digits, not all 0, are expected") }
        return (high, low)
    }

    /// `host:port` with a port of its own.
    func address(_ name: String) throws(ConfigurationError) -> String {
        let text = try text(name)
        guard let socket = SocketName(text), socket.port > 0,
            text.utf8.count <= ProtocolLimits.maximumAddressSize
        else { throw failure(name, "\"\(text)\" is not host:port") }
        return text
    }

    /// Names a member that is wrong.
    func failure(_ name: String, _ message: String) -> ConfigurationError {
        let line = members.first { $0.name == name }?.line ?? line
        return ConfigurationError(source: source, line: line, key: name, message)
    }

    private func value(_ name: String) throws(ConfigurationError) -> JSONValue {
        guard let member = members.first(where: { $0.name == name }) else {
            throw failure(name, "is missing")
        }
        return member.value
    }

    private func isHexadecimal(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
            || UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte
    }
}
