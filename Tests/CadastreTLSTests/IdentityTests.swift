import CadastreTLS
import Testing

struct `Identities` {
    static let valid: [(String, Identity)] = [
        ("cadastre://atlas/node/1", .node(cluster: "atlas", id: 1)),
        ("cadastre://a/node/18446744073709551615", .node(cluster: "a", id: .max)),
        ("cadastre://atlas/operator/alice", .operator(cluster: "atlas", name: "alice")),
        ("cadastre://fr-1.x_y/service/s3", .service(cluster: "fr-1.x_y", name: "s3")),
        (
            "cadastre://atlas/tenant/acme/app",
            .tenant(cluster: "atlas", tenant: "acme", name: "app")
        ),
        (
            "cadastre://\(String(repeating: "c", count: 64))/service/s",
            .service(cluster: String(repeating: "c", count: 64), name: "s")
        ),
    ]

    @Test(arguments: valid)
    func `are read from their URI and written as the same URI`(uri: String, identity: Identity) {
        #expect(Identity(uri: uri) == identity)
        #expect(identity.uri == uri)
    }

    static let invalid: [String] = [
        "", "cadastre://", "cadastre:///node/1", "cadastre://atlas", "cadastre://atlas/node",
        "cadastre://atlas/node/", "cadastre://atlas/node/0", "cadastre://atlas/node/01",
        "cadastre://atlas/node/-1", "cadastre://atlas/node/+1", "cadastre://atlas/node/1/",
        "cadastre://atlas/node/1/2", "cadastre://atlas/node/18446744073709551616",
        "cadastre://atlas/node/0x1", "cadastre://atlas/node/one", "cadastre://atlas/node/*",
        "cadastre://*/node/1", "cadastre://atlas/operator/", "cadastre://atlas/operator/*",
        "cadastre://atlas/operator/Alice", "cadastre://atlas/operator/al ice",
        "cadastre://atlas/operator/alice\u{0}", "cadastre://atlas/operator/%61lice",
        "cadastre://atlas/operator/élise", "cadastre://atlas/operator/..",
        "cadastre://./operator/a", "cadastre://atlas/tenant/acme", "cadastre://atlas/tenant//app",
        "cadastre://atlas/tenant/a/b/c", "cadastre://atlas/root/alice", "cadastre://atlas/Node/1",
        "cadastre://atlas:1/node/1", "cadastre://a@atlas/node/1", "cadastre://atlas/node/1?x",
        "cadastre://atlas/node/1#x", "Cadastre://atlas/node/1", "cadastre:/atlas/node/1",
        "https://atlas/node/1", " cadastre://atlas/node/1",
        "cadastre://atlas/service/\(String(repeating: "s", count: 65))",
    ]

    @Test(arguments: invalid)
    func `are not read from anything else`(uri: String) {
        #expect(Identity(uri: uri) == nil)
    }

    @Test
    func `a site is read from its URI and written as the same URI`() throws {
        let site = try #require(Site(uri: "cadastre-site://fr/paris/pa3/equinix"))
        #expect(site.country == "fr" && site.city == "paris")
        #expect(site.site == "pa3" && site.operator == "equinix")
        #expect(site.uri == "cadastre-site://fr/paris/pa3/equinix")
    }

    @Test(arguments: [
        "cadastre-site://fr/paris/pa3", "cadastre-site://fr/paris/pa3/", "cadastre-site://fr//a/b",
        "cadastre-site://FR/paris/pa3/x", "cadastre-site://fr/paris/pa3/x/y", "cadastre-site://",
        "cadastre://fr/paris/pa3/x",
    ])
    func `a site is not read from anything else`(uri: String) {
        #expect(Site(uri: uri) == nil)
    }

    static let node = "cadastre://atlas/node/1"
    static let site = "cadastre-site://fr/paris/pa3/x"

    static let refused: [([String], TLSRefusal.Reason)] = [
        ([], .identityMissing),
        (["https://example.org/"], .identityMissing),
        ([site], .identityMissing),
        ([node], .siteMissing),
        ([node, node], .identityAmbiguous),
        ([node, "cadastre://atlas/operator/a"], .identityAmbiguous),
        ([node, "cadastre://atlas/operator/*"], .identityMalformed),
        ([node, "CADASTRE://atlas/operator/a"], .identityMalformed),
        ([node, "cadastre:other"], .identityMalformed),
        ([node, "https://a\u{0}"], .identityMalformed),
        ([node, site, site], .siteMalformed),
        ([node, "cadastre-site://fr"], .siteMalformed),
        (["cadastre://atlas/service/s3", site], .siteMalformed),
    ]

    @Test(arguments: refused)
    func `a set of names is refused with its reason`(uris: [String], reason: TLSRefusal.Reason) {
        do throws(TLSRefusal) {
            let name = try NamedIdentity(uris: uris.map { Array($0.utf8) })
            Issue.record("accepted as \(name)")
        } catch {
            #expect(error.reason == reason)
        }
    }

    @Test
    func `a node with a site and a foreign URI is accepted`() throws {
        let uris = ["https://example.org/", Self.site, Self.node].map { Array($0.utf8) }
        let name = try NamedIdentity(uris: uris)
        #expect(name.identity == .first)
        #expect(name.site?.uri == Self.site)
    }

    @Test
    func `any bytes are read or refused`() {
        var generator = SplitMix(state: 7)
        for _ in 0..<20_000 {
            var uri = Array("cadastre://atlas/tenant/acme/app".utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<uri.count, using: &generator)
                uri[place] = UInt8.random(in: 0...255, using: &generator)
            }
            // A node's identity comes with a site; beside any other one it is refused.
            let site = Array(Self.site.utf8)
            let name = (try? NamedIdentity(uris: [uri])) ?? (try? NamedIdentity(uris: [uri, site]))
            if let name { #expect(Array(name.identity.uri.utf8) == uri) }
        }
    }
}

/// A small generator, so that a failing case comes again.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
