// How a cluster is founded: the same genesis.json goes to every node before its first start.
//
// {
//   "cluster": "lutece",                              name, [a-z0-9._-], at most 64
//   "cluster_id": "6a0f…",                            128 random bits, 32 hexadecimal digits
//   "members": [
//     {
//       "id": 1,                                      1…2^63-1, unique
//       "incarnation": "91c2…",                       128 random bits, 32 hexadecimal digits
//       "role": "voter",                              voter, learner or witness
//       "site": "fr/paris/par1/operator",             country/city/site/operator
//       "peer_address": "127.0.0.1:7301",             host:port of each listener
//       "client_address": "127.0.0.1:7001",
//       "administration_address": "127.0.0.1:7101"
//     }
//   ],
//   "policy": {                                      may be left out
//     "allowed_countries": ["fr"],                   two letters each, ascending; none: any
//     "preferred_leaders": ["fr/paris"],             sites or fronts of their names
//     "survives_one_site": true                      the loss of any one leaves a quorum
//   }
// }

internal import CadastreClient
internal import CadastreTLS

/// The founding of a cluster, as genesis.json says it.
struct Genesis: Codable, Hashable, Sendable {
    /// One node of the first configuration.
    struct Member: Codable, Hashable, Sendable {
        var id: UInt64
        var incarnation: String
        var role: String
        var site: String
        var peerAddress: String
        var clientAddress: String
        var administrationAddress: String

        private enum CodingKeys: String, CodingKey {
            case id, incarnation, role, site
            case peerAddress = "peer_address"
            case clientAddress = "client_address"
            case administrationAddress = "administration_address"
        }
    }

    var cluster: String
    var clusterID: String
    var members: [Member]
    /// Nil where it asks for nothing.
    var policy: PolicyOutput?

    private enum CodingKeys: String, CodingKey {
        case cluster, members, policy
        case clusterID = "cluster_id"
    }

    /// The most voters of a cluster.
    static let maximumMembers = 16

    /// Founds a cluster of these members, each `id=1,site=…,peer=…,client=…,administration=…`
    /// and perhaps `role=learner` or `role=witness`.
    ///
    /// - Throws: `Failure` naming what is wrong.
    init(
        cluster: String,
        members texts: [String],
        policy: Policy = .init(),
        random: () -> UInt64
    ) throws(Failure) {
        func identifier() -> String {
            Hexadecimal.encode(
                (0..<2).flatMap { _ in
                    let value = random()
                    return (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }
                }
            )
        }
        guard Identity.isValidName(cluster) else {
            throw Failure(
                .usage,
                "'\(Escaped.text(cluster))' cannot name a cluster",
                advice: "use 1 to 64 characters of a-z 0-9 . _ -"
            )
        }
        guard 1...Self.maximumMembers ~= texts.count else {
            throw Failure(
                .usage,
                "\(texts.count) members are given",
                advice: "give --member 1 to \(Self.maximumMembers) times"
            )
        }
        self.cluster = cluster
        clusterID = identifier()
        members = []
        for text in texts {
            members.append(try Member(text, incarnation: identifier()))
        }
        members.sort { $0.id < $1.id }
        for (first, second) in zip(members, members.dropFirst()) where first.id == second.id {
            throw Failure(
                .usage,
                "two members have the id \(first.id)",
                advice: "number them apart"
            )
        }
        guard members.contains(where: { $0.role == "voter" }) else {
            throw Failure(.usage, "no member is a voter", advice: "leave role= out of some")
        }
        guard members.count(where: { $0.role == "witness" }) <= 1 else {
            throw Failure(.usage, "two members are witnesses", advice: "give one at most")
        }
        let addresses = members.flatMap {
            [$0.peerAddress, $0.clientAddress, $0.administrationAddress]
        }
        guard Set(addresses).count == addresses.count else {
            throw Failure(
                .usage,
                "an address is given twice",
                advice: "each listener needs its own"
            )
        }
        self.policy = policy == Policy() ? nil : PolicyOutput(policy)
        try checkFounding(
            allowedCountries: policy.allowedCountries,
            survivesOneSite: policy.survivesOneSite
        )
    }
}

extension Genesis.Member {
    /// Reads `id=1,site=fr/paris/par1/operator,peer=h:p,client=h:p,administration=h:p`.
    ///
    /// - Throws: `Failure` naming what is wrong.
    init(_ text: String, incarnation: String) throws(Failure) {
        func wrong(_ what: String) -> Failure {
            Failure(
                .usage,
                "the member '\(Escaped.text(text))' \(what)",
                advice: "write id=1,site=fr/paris/par1/operator,peer=host:port,"
                    + "client=host:port,administration=host:port"
            )
        }
        var values: [String: String] = [:]
        for part in text.split(separator: ",") {
            let pair = part.split(separator: "=", maxSplits: 1)
            guard pair.count == 2 else { throw wrong("has a part without =") }
            guard values.updateValue(String(pair[1]), forKey: String(pair[0])) == nil else {
                throw wrong("says '\(Escaped.text(String(pair[0])))' twice")
            }
        }
        func take(_ key: String) throws(Failure) -> String {
            guard let value = values.removeValue(forKey: key) else { throw wrong("has no \(key)") }
            return value
        }
        func address(_ key: String) throws(Failure) -> String {
            guard let endpoint = Endpoint(try take(key)) else {
                throw wrong("has no host:port under \(key)")
            }
            return endpoint.description
        }
        guard let id = UInt64(try take("id")), id > 0, id <= UInt64(Int64.max) else {
            throw wrong("has no number from 1 as id")
        }
        self.id = id
        self.incarnation = incarnation
        role = values.removeValue(forKey: "role") ?? "voter"
        guard ["voter", "learner", "witness"].contains(role) else {
            throw wrong("has a role that is neither voter, learner nor witness")
        }
        site = try take("site")
        guard Site(uri: "cadastre-site://" + site) != nil else {
            throw wrong("has a site that is not country/city/site/operator")
        }
        peerAddress = try address("peer")
        clientAddress = try address("client")
        administrationAddress = try address("administration")
        if let unknown = values.keys.min() {
            throw wrong("has an unknown part '\(Escaped.text(unknown))'")
        }
    }
}
