internal import CadastreNode
internal import CadastreProtocol
internal import CadastreTLS
internal import Foundation

/// A cluster of one node with throw-away certificates, for trying things out: everything under one
/// folder, made where it is missing.
///
/// ```
/// pki/              root, node (two certificates), operator, service, tenant
/// genesis.json      the cluster
/// cadastred.json    the node's configuration
/// operator.json     profiles for `cadastre … --profile`
/// service.json
/// tenant.json
/// data/             the node's data folder
/// ```
package struct DevelopmentCluster: Sendable {
    /// The node's data folder has to be founded.
    let isNew: Bool
    private let directory: String

    private static let cluster = "dev"
    private static let tenant = "demo"
    private static let site = "fr/paris/desk/dev"

    /// The node's configuration.
    var configurationPath: String { directory + "/cadastred.json" }

    /// Finds the cluster of a folder, or makes it.
    ///
    /// - Throws: What the disk or OpenSSL said.
    init(directory: String, port: Int) throws {
        let files = FileManager.default
        self.directory = URL(fileURLWithPath: directory).path
        let path = self.directory + "/"
        // Written last, so that what was made by half is made again.
        let isConfigured = files.fileExists(atPath: path + "cadastred.json")
        isNew = !isConfigured || !files.fileExists(atPath: path + "data/identity")
        if isNew, files.fileExists(atPath: path + "data") {
            try files.removeItem(atPath: path + "data")
        }
        guard !isConfigured else { return }
        if files.fileExists(atPath: path + "pki") { try files.removeItem(atPath: path + "pki") }
        try files.createDirectory(
            atPath: self.directory + "/pki",
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        try makeCertificates()
        try write("genesis.json", Self.genesis(port: port))
        for (name, folder) in [
            ("operator", "operator"), ("service", "service"), ("tenant", "tenant"),
        ] {
            try write("\(name).json", Self.profile(folder, port: port))
        }
        try write("cadastred.json", Self.configuration(port: port))
    }

    /// Says how to use the node, and makes a tenant to use it with.
    func started(_ runtime: NodeRuntime) async {
        for _ in 0..<500 where !runtime.isLeader {
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                // The node is stopped before it was ready.
                return
            }
        }
        let caller = Principal.operator(name: Array("dev".utf8))
        let tenant = Array(Self.tenant.utf8)
        runtime.propose(
            .createTenant(CreateTenant(name: tenant, quota: Quota())),
            by: caller
        )
        runtime.propose(
            .grantService(GrantService(tenant: tenant, service: Array("dev".utf8))),
            by: caller
        )
        print(
            """
            One node for development; all of it is in \(directory). Stop it with Ctrl-C. Try:

              cadastre status --profile \(directory)/operator.json
              cadastre bucket create first --profile \(directory)/tenant.json
              cadastre import directory . --bucket first --profile \(directory)/tenant.json

            """
        )
        fflush(nil)
    }

    // MARK: What is made

    private func makeCertificates() throws {
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

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: directory + "/" + name))
    }

    private static func genesis(port: Int) -> String {
        func bits() -> String {
            (0..<2).map { _ in
                let digits = String(UInt64.random(in: 1 ... .max), radix: 16)
                return String(repeating: "0", count: 16 - digits.count) + digits
            }.joined()
        }
        return """
            {
              "cluster": "\(cluster)",
              "cluster_id": "\(bits())",
              "members": [
                {
                  "id": 1,
                  "incarnation": "\(bits())",
                  "role": "voter",
                  "site": "\(site)",
                  "peer_address": "127.0.0.1:\(port)",
                  "client_address": "127.0.0.1:\(port + 1)",
                  "administration_address": "127.0.0.1:\(port + 2)"
                }
              ]
            }

            """
    }

    private static func configuration(port: Int) -> String {
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
          "log": { "level": "notice" }
        }

        """
    }

    private static func profile(_ name: String, port: Int) -> String {
        let tenantLine = name == "operator" ? "" : ",\n  \"tenant\": \"\(tenant)\""
        return """
            {
              "cluster": "\(cluster)",
              "endpoints": ["127.0.0.1:\(port + 1)"],
              "administration_endpoints": ["127.0.0.1:\(port + 2)"],
              "certificate": "pki/\(name).pem",
              "key": "pki/\(name).key",
              "roots": ["pki/root.pem"]\(tenantLine)
            }

            """
    }
}
