import CadastreTLS
import Glibc
import Testing

/// A private root in a folder of its own, and files of certificates for the tests.
final class TestAuthority: Sendable {
    static let cluster = "atlas"

    let folder: String
    let authority: CertificateAuthority
    var root: String { folder + "/root.pem" }

    init(_ name: String = "Test Root") throws {
        var template = Array("/tmp/cadastre-tls-XXXXXX".utf8CString)
        folder = try template.withUnsafeMutableBufferPointer { buffer in
            guard let start = buffer.baseAddress, mkdtemp(start) != nil else {
                throw TestFailure(what: "mkdtemp")
            }
            return String(cString: start)
        }
        authority = try CertificateAuthority(creating: name, validity: .now(days: 30))
        try authority.write(certificate: folder + "/root.pem", key: folder + "/root.key")
    }

    deinit {
        for file in files(in: folder) { unlink(folder + "/" + file) }
        rmdir(folder)
    }

    private func files(in folder: String) -> [String] {
        guard let stream = opendir(folder) else { return [] }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            names.append(
                withUnsafePointer(to: &entry.pointee.d_name) { name in
                    name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
                }
            )
        }
        return names
    }

    /// Files of a certificate that peers accept.
    func credentials(_ identity: Identity, _ use: CertificateUse) throws -> Credentials {
        try credentials(.good(identity, use))
    }

    /// Files of a certificate that says whatever the profile says.
    func credentials(_ profile: CertificateProfile) throws -> Credentials {
        let name = folder + "/" + String(UInt64.random(in: 0 ... .max), radix: 16)
        let issued = try authority.issue(profile)
        try issued.write(certificate: name + ".pem", key: name + ".key")
        return Credentials(certificate: name + ".pem", key: name + ".key", roots: [root])
    }

    /// The file of a fresh revocation list.
    func revocations(of serials: [[UInt8]]) throws -> String {
        let path = folder + "/" + String(UInt64.random(in: 0 ... .max), radix: 16) + ".crl"
        let list = try authority.revoke(serials: serials, number: 1, validity: .now())
        guard let file = fopen(path, "w") else { throw TestFailure(what: "fopen") }
        defer { fclose(file) }
        #expect(fwrite(list, 1, list.count, file) == list.count)
        return path
    }

    /// A context under the lax rule, so that certificates can be shown that only a peer refuses.
    func context(
        _ profile: CertificateProfile,
        _ purpose: TLSContext.Purpose
    ) throws -> TLSContext {
        try TLSContext(credentials(profile), for: purpose, ownCertificate: .any)
    }

    func server(_ identity: Identity = .node(cluster: cluster, id: 1)) throws -> TLSContext {
        try TLSContext(credentials(identity, .serverAuth), for: .server)
    }

    func client(_ identity: Identity = .node(cluster: cluster, id: 2)) throws -> TLSContext {
        try TLSContext(credentials(identity, .clientAuth), for: .client)
    }
}

struct TestFailure: Error {
    let what: String
}

extension Validity {
    /// Around this moment: OpenSSL compares with the system's clock.
    static func now(days: Int = 1) -> Validity { Validity(now: Int64(time(nil)), days: days) }
}

extension CertificateProfile {
    static func good(_ identity: Identity, _ use: CertificateUse) -> CertificateProfile {
        let site =
            switch identity {
            case .node: [CertificateProfile.Name.site]
            case .operator, .service, .tenant: [CertificateProfile.Name]()
            }
        return CertificateProfile(
            commonName: "test",
            names: [.uri(Array(identity.uri.utf8))] + site,
            uses: [use],
            validity: .now()
        )
    }

    func with(_ change: (inout CertificateProfile) -> Void) -> CertificateProfile {
        var copy = self
        change(&copy)
        return copy
    }
}

extension CertificateProfile.Name {
    /// Where the nodes of these tests stand.
    static let site = CertificateProfile.Name.uri(Array("cadastre-site://fr/paris/pa3/x".utf8))
}

extension Identity {
    static let first = Identity.node(cluster: TestAuthority.cluster, id: 1)
    static let second = Identity.node(cluster: TestAuthority.cluster, id: 2)
}
