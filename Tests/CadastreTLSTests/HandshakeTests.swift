import CadastreTLS
import Testing

@Suite(.timeLimit(.minutes(1)))
struct `A handshake` {
    let pki: TestAuthority

    init() throws { pki = try TestAuthority() }

    @Test
    func `tells each side who the other is, and lets bytes through`() async throws {
        let server = try pki.server()
        let client = try pki.client(.tenant(cluster: "atlas", tenant: "acme", name: "app"))
        let seen = try await Loopback.run(
            server: server,
            client: client,
            .send(Array("hello".utf8)),
            clientClosesAfter: 5
        )
        #expect(
            seen.server.peer?.identity == .tenant(cluster: "atlas", tenant: "acme", name: "app")
        )
        #expect(seen.client.peer?.identity == .first)
        #expect(seen.server.peer?.fingerprint == client.own?.fingerprint)
        #expect(seen.server.peer?.notAfter == client.own?.notAfter)
        #expect(seen.client.received == Array("hello".utf8))
        #expect(seen.server.errors.isEmpty && seen.client.errors.isEmpty)
    }

    @Test
    func `carries the site of a node`() async throws {
        let site = try #require(Site(uri: "cadastre-site://fr/lyon/ly2/x"))
        let request = CertificateRequest(
            identity: .second,
            site: site,
            use: .clientAuth,
            dnsNames: ["node2.example"],
            addresses: ["127.0.0.1", "::1"],
            validity: .now()
        )
        let client = try TLSContext(pki.credentials(request.profile()), for: .client)
        let seen = try await Loopback.run(
            server: pki.server(),
            client: client,
            .send([1]),
            clientClosesAfter: 1
        )
        #expect(seen.server.peer?.site == site)
        #expect(seen.client.peer?.site?.uri == "cadastre-site://fr/paris/pa3/x")
    }

    @Test
    func `carries 8 MiB each way under any pattern of flushes`() async throws {
        var generator = SplitMix(state: 11)
        let bytes = (0..<(8 << 17)).flatMap { _ in
            withUnsafeBytes(of: generator.next()) { Array($0) }
        }
        let sizes = [1, 16_384, 300, 70_001, 16_385, 2, 1_000_000, 299, 65_536]
        let seen = try await Loopback.run(
            server: pki.server(),
            client: pki.client(),
            .sendPieces(bytes, sizes: sizes),
            clientClosesAfter: bytes.count
        )
        // Not `==` inside: printing 8 MiB helps nobody.
        let isWhole = (seen.server.received == bytes, seen.client.received == bytes)
        #expect(isWhole == (true, true))
    }

    @Test
    func `needs no more reads than the reader asks for`() async throws {
        // A record comes in many pieces of ciphertext: one read asked for must bring it whole.
        let bytes = [UInt8](repeating: 3, count: 1 << 20)
        let seen = try await Loopback.run(
            server: pki.server(),
            .send(bytes),
            client: pki.client(),
            .readByHand,
            clientClosesAfter: bytes.count
        )
        #expect(seen.client.received.count == bytes.count)
        #expect(seen.client.errors.isEmpty)
    }

    @Test
    func `lets one side close its output and read on`() async throws {
        let bytes = [UInt8](repeating: 5, count: 4 << 20)
        let seen = try await Loopback.run(
            server: pki.server(),
            .echo,
            client: pki.client(),
            .sendAndCloseOutput(bytes)
        )
        #expect(seen.server.received.count == bytes.count)
        #expect(seen.server.sawInputClosed)
        #expect(seen.client.received.count == bytes.count)
        #expect(seen.server.errors.isEmpty && seen.client.errors.isEmpty)
    }

    @Test
    func `uses the certificates of a reload for the next connection`() async throws {
        let source = TLSContextSource(try pki.server())
        let before = source.current
        source.replace(with: try pki.server(.node(cluster: "atlas", id: 9)))
        let seen = try await Loopback.run(
            server: source.current,
            client: pki.client(),
            .send([1]),
            clientClosesAfter: 1
        )
        #expect(seen.client.peer?.identity == .node(cluster: "atlas", id: 9))
        #expect(before.own?.identity == .first)
    }

    @Test
    func `leaves a chain that is judged again by what is trusted then`() async throws {
        let client = try pki.client()
        let seen = try await Loopback.run(
            server: pki.server(),
            client: client,
            .send([1]),
            clientClosesAfter: 1
        )
        let chain = try #require(seen.server.peer?.chain)
        #expect(try chain.refusal(by: pki.server()) == nil)
        // A client's chain, looked at as if it were a server's.
        #expect(try chain.refusal(by: pki.client())?.reason == .wrongUse)
        #expect(try chain.refusal(by: TestAuthority().server())?.reason == .unknownAuthority)
        let serial = try #require(client.own?.serial)
        for (serials, reason) in [([serial], TLSRefusal.Reason.revoked), ([], nil)] {
            var files = try pki.credentials(.first, .serverAuth)
            files.revocations = try pki.revocations(of: serials)
            let context = try TLSContext(files, for: .server)
            #expect(chain.refusal(by: context)?.reason == reason)
        }
    }
}
