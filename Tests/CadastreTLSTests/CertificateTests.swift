import CadastreTLS
import Glibc
import Testing

struct `Certificates` {
    let pki: TestAuthority

    init() throws { pki = try TestAuthority() }

    @Test(arguments: CertificateAuthority.Curve.allCases)
    func `of an authority are what was asked for`(curve: CertificateAuthority.Curve) throws {
        let authority = try CertificateAuthority(
            creating: "Root of Atlas",
            curve: curve,
            validity: Validity(notBefore: 1_700_000_000, notAfter: 2_000_000_000)
        )
        let root = try CertificateSummary(pem: authority.certificate)
        #expect(root.subject == "Root of Atlas" && root.isAuthority && root.uses.isEmpty)
        let request = CertificateRequest(
            identity: .first,
            site: Site(uri: "cadastre-site://fr/paris/pa3/x"),
            use: .serverAuth,
            dnsNames: ["node1.atlas.example"],
            validity: Validity(now: 1_800_000_000, days: 825)
        )
        let leaf = try CertificateSummary(pem: authority.issue(request, curve: curve).certificate)
        #expect(leaf.identity == .first && leaf.site == request.site)
        #expect(leaf.use == .serverAuth && !leaf.isAuthority)
        #expect(leaf.dnsNames == ["node1.atlas.example"])
        #expect(leaf.notBefore == 1_800_000_000 - 300)
        #expect(leaf.notAfter == 1_800_000_000 + 825 * 86_400)
        #expect(leaf.serial.count == 16 && leaf.fingerprint.count == 32)
    }

    @Test
    func `have serial numbers and keys of their own`() throws {
        let one = try pki.authority.issue(.good(.first, .serverAuth))
        let two = try pki.authority.issue(.good(.first, .serverAuth))
        #expect(one.key != two.key)
        #expect(
            try CertificateSummary(pem: one.certificate).serial
                != CertificateSummary(pem: two.certificate).serial
        )
    }

    static let broken: [CertificateRequest] = [
        CertificateRequest(
            identity: .node(cluster: "a", id: 0),
            site: .test,
            use: .serverAuth,
            validity: .now()
        ),
        CertificateRequest(
            identity: .service(cluster: "A", name: "s"),
            use: .clientAuth,
            validity: .now()
        ),
        CertificateRequest(
            identity: .operator(cluster: "a", name: "b/c"),
            use: .clientAuth,
            validity: .now()
        ),
        CertificateRequest(
            identity: .operator(cluster: "a", name: "b"),
            site: Site(uri: "cadastre-site://fr/paris/pa3/x"),
            use: .clientAuth,
            validity: .now()
        ),
        CertificateRequest(
            identity: .first,
            site: .test,
            use: .serverAuth,
            validity: .now(days: 826)
        ),
        // A node that does not say where it stands.
        CertificateRequest(identity: .first, use: .serverAuth, validity: .now()),
        CertificateRequest(
            identity: .first,
            site: .test,
            use: .serverAuth,
            validity: Validity(notBefore: 5, notAfter: 5)
        ),
        CertificateRequest(
            identity: .first,
            site: .test,
            use: .serverAuth,
            validity: Validity(notBefore: .min, notAfter: .max)
        ),
        CertificateRequest(
            identity: .first,
            site: .test,
            use: .serverAuth,
            dnsNames: ["a,URI:cadastre://a/node/9"],
            validity: .now()
        ),
        CertificateRequest(
            identity: .first,
            site: .test,
            use: .serverAuth,
            addresses: ["300.1.1.1"],
            validity: .now()
        ),
    ]

    @Test(arguments: broken)
    func `that break the profile are not issued`(request: CertificateRequest) {
        do throws(TLSError) {
            _ = try pki.authority.issue(request)
            Issue.record("issued \(request)")
        } catch {
            guard case .invalidRequest = error else {
                Issue.record("refused as \(error)")
                return
            }
        }
    }

    @Test
    func `are written for their owner alone, and never over another file`() throws {
        let files = try pki.credentials(.first, .serverAuth)
        var status = stat()
        #expect(stat(files.key, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let issued = try pki.authority.issue(.good(.first, .serverAuth))
        let other = pki.folder + "/other"
        #expect(throws: TLSError.unwritable(path: files.key, reason: "File exists")) {
            try issued.write(certificate: other, key: files.key)
        }
        #expect(throws: TLSError.unwritable(path: files.certificate, reason: "File exists")) {
            try issued.write(certificate: files.certificate, key: other)
        }
        #expect(access(other, F_OK) != 0)
        #expect(throws: Never.self) { try TLSContext(files, for: .server) }
    }

    @Test(arguments: [0o640, 0o604, 0o660, 0o610] as [UInt32])
    func `are refused if others may use their key`(mode: UInt32) throws {
        let files = try pki.credentials(.first, .serverAuth)
        #expect(chmod(files.key, mode) == 0)
        #expect(throws: TLSError.keyExposed(path: files.key, mode: mode)) {
            try TLSContext(files, for: .server)
        }
    }

    @Test
    func `are refused with the key of another`() throws {
        var files = try pki.credentials(.first, .serverAuth)
        files.key = try pki.credentials(.first, .serverAuth).key
        #expect(
            throws: TLSError.keyMismatch(certificate: files.certificate, key: files.key)
        ) {
            try TLSContext(files, for: .server)
        }
    }

    @Test
    func `that no peer would accept are refused at home`() throws {
        let cases: [(CertificateProfile, TLSRefusal.Reason)] = [
            (.good(.first, .clientAuth), .wrongUse),
            (.good(.first, .serverAuth).with { $0.names = [] }, .identityMissing),
            (.good(.first, .serverAuth).with { $0.names.removeLast() }, .siteMissing),
            (.good(.first, .serverAuth).with { $0.key = .rsa(bits: 2_048) }, .weakKey),
            (.good(.first, .serverAuth).with { $0.validity = .now(days: 826) }, .validityTooLong),
            (
                .good(.first, .serverAuth).with {
                    $0.validity = Validity(notBefore: 1_599_900_000, notAfter: 1_600_000_000)
                }, .expired
            ),
            (
                .good(.first, .serverAuth).with {
                    $0.validity = Validity(notBefore: 4_000_000_000, notAfter: 4_000_000_001)
                }, .notYetValid
            ),
        ]
        for (profile, reason) in cases {
            let files = try pki.credentials(profile)
            do throws(TLSError) {
                _ = try TLSContext(files, for: .server)
                Issue.record("accepted")
            } catch {
                guard case .unfitCertificate(_, let refusal) = error else {
                    Issue.record("refused as \(error)")
                    continue
                }
                #expect(refusal.reason == reason)
            }
        }
    }

    @Test
    func `are refused with files that are missing, empty, or hold something else`() throws {
        let good = try pki.credentials(.first, .serverAuth)
        var cases: [Credentials] = []
        for path in [pki.folder + "/none", "/dev/null", pki.folder, good.key, pki.root] {
            if path != pki.root {
                cases.append(
                    Credentials(certificate: path, key: good.key, roots: good.roots)
                )
                cases.append(
                    Credentials(certificate: good.certificate, key: good.key, roots: [path])
                )
            }
            cases.append(
                Credentials(
                    certificate: good.certificate,
                    key: good.key,
                    roots: good.roots,
                    revocations: path
                )
            )
            if path != good.key {
                cases.append(
                    Credentials(certificate: good.certificate, key: path, roots: good.roots)
                )
            }
        }
        cases.append(Credentials(certificate: good.certificate, key: good.key, roots: []))
        // A leaf is no root.
        cases.append(
            Credentials(
                certificate: good.certificate,
                key: good.key,
                roots: [good.certificate]
            )
        )
        for credentials in cases {
            #expect(throws: TLSError.self, "\(credentials)") {
                try TLSContext(credentials, for: .server)
            }
        }
    }

    @Test
    func `of an authority are taken up again from its files`() throws {
        let authority = try CertificateAuthority(
            loadingCertificate: pki.root,
            key: pki.folder + "/root.key"
        )
        let issued = try authority.issue(.good(.first, .serverAuth))
        #expect(try CertificateSummary(pem: issued.certificate).identity == .first)
        let leaf = try pki.credentials(.first, .serverAuth)
        #expect(throws: TLSError.self) {
            try CertificateAuthority(loadingCertificate: leaf.certificate, key: leaf.key)
        }
        #expect(throws: TLSError.self) {
            try CertificateAuthority(loadingCertificate: pki.root, key: leaf.key)
        }
    }
}

extension Site {
    /// Where the nodes of these tests stand.
    static let test = Site(uri: "cadastre-site://fr/paris/pa3/x")
}
