import CadastreTLS
import Glibc
import NIOCore
import Testing

@Suite(.timeLimit(.minutes(1)))
struct `A refused peer` {
    /// A certificate that must not be let in.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let reason: TLSRefusal.Reason
        let change: @Sendable (inout CertificateProfile) -> Void
        var testDescription: String { name }
    }

    static let cases: [Case] = [
        Case(name: "expired", reason: .expired) {
            $0.validity = Validity(notBefore: 1_600_000_000, notAfter: Int64(time(nil)) - 60)
        },
        Case(name: "not yet valid", reason: .notYetValid) {
            let now = Int64(time(nil))
            $0.validity = Validity(notBefore: now + 3600, notAfter: now + 7200)
        },
        Case(name: "self-signed", reason: .selfSigned) { $0.isSelfSigned = true },
        Case(name: "the other use", reason: .wrongUse) {
            $0.uses = $0.uses == [.serverAuth] ? [.clientAuth] : [.serverAuth]
        },
        Case(name: "both uses", reason: .wrongUse) { $0.uses = [.serverAuth, .clientAuth] },
        Case(name: "no use", reason: .wrongUse) { $0.uses = [] },
        Case(name: "no name", reason: .identityMissing) { $0.names = [] },
        Case(name: "a common name only", reason: .identityMissing) {
            $0.commonName = "cadastre://atlas/node/2"
            $0.names = []
        },
        Case(name: "the identity as a DNS name", reason: .identityMissing) {
            $0.names = [.dns(Array("cadastre://atlas/node/2".utf8))]
        },
        Case(name: "two identities", reason: .identityAmbiguous) {
            $0.names.append(.uri(Array("cadastre://atlas/operator/a".utf8)))
        },
        Case(name: "a malformed identity", reason: .identityMalformed) {
            $0.names = [.uri(Array("cadastre://atlas/node/02".utf8))]
        },
        Case(name: "a NUL in the identity", reason: .identityMalformed) {
            $0.names = [.uri(Array("cadastre://atlas/node/2\u{0}.example".utf8))]
        },
        Case(name: "a wildcard", reason: .identityMalformed) {
            $0.names = [.uri(Array("cadastre://atlas/node/*".utf8))]
        },
        Case(name: "the site of a service", reason: .siteMalformed) {
            $0.names = [
                .uri(Array("cadastre://atlas/service/s3".utf8)),
                .uri(Array("cadastre-site://fr/paris/pa3/x".utf8)),
            ]
        },
        Case(name: "another cluster", reason: .otherCluster) {
            $0.names = [.uri(Array("cadastre://borea/node/2".utf8)), .site]
        },
        Case(name: "another role", reason: .notAccepted) {
            $0.names = [.uri(Array("cadastre://atlas/service/s3".utf8))]
        },
        Case(name: "another node", reason: .notAccepted) {
            $0.names = [.uri(Array("cadastre://atlas/node/3".utf8)), .site]
        },
        Case(name: "a node without a site", reason: .siteMissing) {
            $0.names = [.uri(Array("cadastre://atlas/node/2".utf8))]
        },
        Case(name: "RSA of 1,024 bits", reason: .weakKey) { $0.key = .rsa(bits: 1_024) },
        Case(name: "RSA of 2,048 bits", reason: .weakKey) { $0.key = .rsa(bits: 2_048) },
        Case(name: "a signature over SHA-1", reason: .weakSignature) { $0.signature = .sha1 },
        Case(name: "a validity of 826 days", reason: .validityTooLong) {
            $0.validity = .now(days: 826)
        },
    ]

    let pki: TestAuthority

    init() throws { pki = try TestAuthority() }

    @Test(arguments: cases)
    func `gets no byte into a server`(bad: Case) async throws {
        let client = try pki.context(.good(.second, .clientAuth).with(bad.change), .client)
        try await expectRefusal(of: client, bad.reason)
    }

    @Test(arguments: cases)
    func `gets no byte into a client`(bad: Case) async throws {
        let server = try pki.context(.good(.second, .serverAuth).with(bad.change), .server)
        let seen = try await Loopback.run(
            server: server,
            .send([1, 2, 3]),
            client: pki.client(),
            .send([4, 5, 6]),
            clientClosesAfter: 1,
            clientAccepts: TLSRefusal.unlessNode(of: "atlas", id: 2)
        )
        #expect(seen.client.refusal == bad.reason)
        #expect(seen.client.peer == nil && seen.client.received.isEmpty)
        #expect(seen.server.peer == nil && seen.server.received.isEmpty)
    }

    @Test
    func `that shows an RSA key of 3,072 bits is let in`() async throws {
        let profile = CertificateProfile.good(.second, .clientAuth).with {
            $0.key = .rsa(bits: 3_072)
        }
        let client = try TLSContext(pki.credentials(profile), for: .client)
        let seen = try await Loopback.run(
            server: pki.server(),
            client: client,
            .send([1]),
            clientClosesAfter: 1
        )
        #expect(seen.server.peer?.identity == .second)
    }

    @Test
    func `of another root gets no byte in`() async throws {
        let other = try TestAuthority("Other Root")
        var credentials = try other.credentials(.second, .clientAuth)
        credentials.roots = [pki.root]
        try await expectRefusal(of: TLSContext(credentials, for: .client), .unknownAuthority)
    }

    @Test
    func `of a root with the same name gets no byte in`() async throws {
        let other = try TestAuthority()
        var credentials = try other.credentials(.second, .clientAuth)
        credentials.roots = [pki.root]
        try await expectRefusal(of: TLSContext(credentials, for: .client), .unknownAuthority)
    }

    @Test
    func `without a certificate gets no byte in`() async throws {
        let credentials = Credentials(certificate: "", key: "", roots: [pki.root])
        let client = try TLSContext(credentials, for: .client, ownCertificate: .any)
        try await expectRefusal(of: client, .noCertificate)
    }

    @Test
    func `that shows the root itself gets no byte in`() async throws {
        let credentials = Credentials(
            certificate: pki.root,
            key: pki.folder + "/root.key",
            roots: [pki.root]
        )
        let client = try TLSContext(credentials, for: .client, ownCertificate: .any)
        let seen = try await refused(client)
        #expect(seen.server.refusal != nil)
    }

    @Test
    func `that shows a chain past the limit gets no byte in`() async throws {
        let large = CertificateProfile.good(.second, .clientAuth).with { profile in
            for number in 0..<30 {
                let name = String(repeating: "n", count: 60) + "\(number).example"
                profile.names.append(.dns(Array(name.utf8)))
            }
        }
        var credentials = try pki.credentials(large)
        let leaf = try text(of: credentials.certificate)
        let path = pki.folder + "/long.pem"
        try write(Array(String(repeating: leaf, count: 16).utf8), to: path)
        credentials.certificate = path
        let client = try TLSContext(credentials, for: .client, ownCertificate: .any)
        try await expectRefusal(of: client, .tooManyBytes)
    }

    @Test
    func `that was revoked, or whose list is stale, gets no byte in`() async throws {
        let client = try pki.client()
        let serial = try #require(client.own?.serial)
        let now = Int64(time(nil))
        let cases: [(TLSRefusal.Reason?, [[UInt8]], Validity)] = [
            (.revoked, [serial], .now()),
            (.revocationUnknown, [], Validity(notBefore: now - 7200, notAfter: now - 3600)),
            (nil, [[0x40, 1]], .now()),
        ]
        for (index, (reason, serials, validity)) in cases.enumerated() {
            let path = pki.folder + "/list\(index).pem"
            let list = try pki.authority.revoke(
                serials: serials,
                number: UInt64(index),
                validity: validity
            )
            try write(list, to: path)
            var credentials = try pki.credentials(.first, .serverAuth)
            credentials.revocations = path
            let seen = try await Loopback.run(
                server: TLSContext(credentials, for: .server),
                client: client,
                .send([1]),
                clientClosesAfter: 1
            )
            #expect(seen.server.refusal == reason)
            #expect(seen.server.received.isEmpty == (reason != nil))
        }
    }

    @Test
    func `that offers TLS 1.2 at most is answered with the alert protocol_version`() async throws {
        let seen = try await Loopback.run(server: pki.server(), raw: Self.helloOfVersion12)
        #expect(seen.server.refusal == .protocolVersion)
        #expect(seen.answer.first == 0x15)
        #expect(seen.answer.suffix(2) == [2, 70])
    }

    @Test(arguments: [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "hello, who is there?\n",
    ])
    func `that speaks plaintext is refused`(text: String) async throws {
        let seen = try await Loopback.run(server: pki.server(), raw: Array(text.utf8))
        #expect(seen.server.refusal == .malformed || seen.server.refusal == .protocolVersion)
        #expect(seen.server.peer == nil && seen.server.received.isEmpty)
    }

    private func expectRefusal(
        of client: TLSContext,
        _ reason: TLSRefusal.Reason
    ) async throws {
        let seen = try await refused(client)
        #expect(seen.server.refusal == reason)
        // The alert tells the client that it was refused, whatever the reason.
        let isTold = seen.client.errors.contains { error in
            if case .refusedByPeer = error { true } else { false }
        }
        #expect(isTold, "\(seen.client.errors)")
    }

    private func refused(_ client: TLSContext) async throws -> (server: Outcome, client: Outcome) {
        let seen = try await Loopback.run(
            server: pki.server(),
            .send([1, 2, 3]),
            serverAccepts: TLSRefusal.unlessNode(of: "atlas", id: 2),
            client: client,
            .send([4, 5, 6]),
            clientClosesAfter: 1
        )
        #expect(seen.server.peer == nil && seen.server.received.isEmpty)
        #expect(seen.client.received.isEmpty)
        return seen
    }

    private func text(of path: String) throws -> String {
        let file = try #require(fopen(path, "r"))
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = fread(&bytes, 1, bytes.count, file)
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    private func write(_ bytes: [UInt8], to path: String) throws {
        let file = try #require(fopen(path, "w"))
        defer { fclose(file) }
        #expect(fwrite(bytes, 1, bytes.count, file) == bytes.count)
    }

    /// A ClientHello of TLS 1.2 (RFC 5246 §7.4.1.2): no supported_versions extension.
    private static let helloOfVersion12: [UInt8] = {
        let suites: [UInt8] = [0xC0, 0x2B, 0xC0, 0x2C, 0xC0, 0x2F, 0xC0, 0x30]
        let extensions: [UInt8] = [
            0x00, 0x0A, 0x00, 0x04, 0x00, 0x02, 0x00, 0x17,  // groups: P-256
            0x00, 0x0D, 0x00, 0x06, 0x00, 0x04, 0x04, 0x03, 0x04, 0x01,  // signatures
        ]
        var body: [UInt8] = [3, 3] + [UInt8](repeating: 0x5A, count: 32) + [0]
        body += [0, UInt8(suites.count)] + suites + [1, 0]
        body += [0, UInt8(extensions.count)] + extensions
        let hello = [1, 0, 0, UInt8(body.count)] + body
        return [0x16, 3, 1, 0, UInt8(hello.count)] + hello
    }()
}
