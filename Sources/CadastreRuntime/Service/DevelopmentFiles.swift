internal import CadastreTLS
internal import Foundation

/// The files of a ``DevelopmentCluster``.
struct DevelopmentFiles {
    /// Where they are made.
    let directory: String
    /// The first of three ports.
    let port: Int

    /// The tenant that can be used at once.
    static let tenant = "demo"
    private static let cluster = "dev"
    private static let site = "fr/paris/desk/dev"

    /// Says whose the folder is.
    func writeMarker(_ name: String) throws {
        try write(name, "Made by `cadastred dev`; the whole folder may be removed.\n")
    }

    /// Writes the root, the node's two certificates, and one for each kind of user.
    func writeCertificates() throws {
        let validity = Validity(now: Int64(Date().timeIntervalSince1970), days: 365)
        let authority = try CertificateAuthority(creating: "Cadastre dev root", validity: validity)
        let pki = directory + "/pki/"
        try authority.write(certificate: pki + "root.pem", key: pki + "root.key")
        func issue(
            _ name: String,
            _ identity: Identity,
            _ use: CertificateUse,
            site: Site? = nil
        ) throws {
            let isServer = use == .serverAuth
            try authority.issue(
                CertificateRequest(
                    identity: identity,
                    site: site,
                    use: use,
                    dnsNames: isServer ? ["localhost"] : [],
                    addresses: isServer ? ["127.0.0.1"] : [],
                    validity: validity
                )
            ).write(certificate: pki + name + ".pem", key: pki + name + ".key")
        }
        let node = Identity.node(cluster: Self.cluster, id: 1)
        let site = Site(uri: "cadastre-site://" + Self.site)
        try issue("node-server", node, .serverAuth, site: site)
        try issue("node-client", node, .clientAuth, site: site)
        try issue("operator", .operator(cluster: Self.cluster, name: "dev"), .clientAuth)
        try issue("service", .service(cluster: Self.cluster, name: "dev"), .clientAuth)
        try issue(
            "tenant",
            .tenant(cluster: Self.cluster, tenant: Self.tenant, name: "dev"),
            .clientAuth
        )
    }

    /// Writes the genesis, the profiles, and last the configuration.
    func writeTexts() throws {
        try write("genesis.json", genesis)
        for name in ["operator", "service", "tenant"] {
            try write("\(name).json", profile(name))
        }
        try write("cadastred.json", configuration)
    }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(
            to: URL(fileURLWithPath: directory + "/" + name),
            options: .withoutOverwriting
        )
    }

    private var genesis: String {
        func bits() -> String {
            (0..<2).map { _ in
                let digits = String(UInt64.random(in: 1 ... .max), radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }.joined()
        }
        return """
            {
              "cluster": "\(Self.cluster)",
              "cluster_id": "\(bits())",
              "members": [
                {
                  "id": 1,
                  "incarnation": "\(bits())",
                  "role": "voter",
                  "site": "\(Self.site)",
                  "peer_address": "127.0.0.1:\(port)",
                  "client_address": "127.0.0.1:\(port + 1)",
                  "administration_address": "127.0.0.1:\(port + 2)"
                }
              ]
            }

            """
    }

    private var configuration: String {
        """
        {
          "node": { "id": 1, "directory": "data", "genesis": "genesis.json" },
          "listen": {
            "peer": "127.0.0.1:\(port)",
            "client": "127.0.0.1:\(port + 1)",
            "administration": "127.0.0.1:\(port + 2)"
          },
          "tls": {
            "server_certificate": "pki/node-server.pem",
            "server_key": "pki/node-server.key",
            "client_certificate": "pki/node-client.pem",
            "client_key": "pki/node-client.key",
            "roots": ["pki/root.pem"]
          },
          "limit": { "connections": 200, "administration_connections": 20 },
          "log": { "level": "notice" }
        }

        """
    }

    private func profile(_ name: String) -> String {
        let tenantLine = name == "operator" ? "" : ",\n  \"tenant\": \"\(Self.tenant)\""
        return """
            {
              "cluster": "\(Self.cluster)",
              "endpoints": ["127.0.0.1:\(port + 1)"],
              "administration_endpoints": ["127.0.0.1:\(port + 2)"],
              "certificate": "pki/\(name).pem",
              "key": "pki/\(name).key",
              "roots": ["pki/root.pem"]\(tenantLine)
            }

            """
    }
}
