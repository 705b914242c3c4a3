import CadastreTLS
import Foundation

/// Throw-away certificates of one cluster, made once for all tests of this target.
enum FakePKI {
    static let cluster = "lutece"
    /// A node's, a service's, and a service's of another cluster under another root.
    static let node = make(cluster, .node(cluster: cluster, id: 1), .serverAuth)
    static let service = make(cluster, .service(cluster: cluster, name: "s3"), .clientAuth)
    static let otherNode = make("other", .node(cluster: "other", id: 1), .serverAuth)

    private static let folder: String = {
        let path = NSTemporaryDirectory() + "cadastre-client-\(UInt64.random(in: 0...UInt64.max))"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }()
    private static let validity = Validity(now: Int64(Date().timeIntervalSince1970), days: 2)
    private static let authority: CertificateAuthority = orFail {
        let authority = try CertificateAuthority(creating: "test root", validity: validity)
        try authority.write(certificate: folder + "/root.pem", key: folder + "/root.key")
        return authority
    }

    private static func make(
        _ cluster: String,
        _ identity: Identity,
        _ use: CertificateUse
    ) -> Credentials {
        let name = "\(cluster)-\(use.rawValue)-\(UInt64.random(in: 0...UInt64.max))"
        let site: Site? =
            switch identity {
            case .node: Site(uri: "cadastre-site://fr/paris/par1/test")
            case .operator, .service, .tenant: nil
            }
        let request = CertificateRequest(
            identity: identity,
            site: site,
            use: use,
            validity: validity
        )
        let (path, key) = (folder + "/\(name).pem", folder + "/\(name).key")
        return orFail {
            try authority.issue(request).write(certificate: path, key: key)
            return Credentials(certificate: path, key: key, roots: [folder + "/root.pem"])
        }
    }

    private static func orFail<Result>(_ body: () throws -> Result) -> Result {
        do {
            return try body()
        } catch {
            preconditionFailure("no test certificates: \(error)")
        }
    }
}
