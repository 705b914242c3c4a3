/// Who a certificate speaks for: the one `cadastre://` URI among its alternative names.
package enum Identity: Sendable, Hashable {
    /// One node of a cluster, by the number the operator gave it; never 0.
    case node(cluster: String, id: UInt64)
    /// A person who administers; sees no object.
    case `operator`(cluster: String, name: String)
    /// A storage service; names the tenant it acts for in each request.
    case service(cluster: String, name: String)
    /// A tenant's own certificate; acts for that tenant alone.
    case tenant(cluster: String, tenant: String, name: String)

    /// The cluster that the certificate was issued for.
    package var cluster: String {
        switch self {
        case .node(let cluster, _), .operator(let cluster, _), .service(let cluster, _),
            .tenant(let cluster, _, _):
            cluster
        }
    }

    /// The URI that stands for this identity in a certificate.
    package var uri: String {
        switch self {
        case .node(let cluster, let id): "cadastre://\(cluster)/node/\(id)"
        case .operator(let cluster, let name): "cadastre://\(cluster)/operator/\(name)"
        case .service(let cluster, let name): "cadastre://\(cluster)/service/\(name)"
        case .tenant(let cluster, let tenant, let name):
            "cadastre://\(cluster)/tenant/\(tenant)/\(name)"
        }
    }

    /// Reads `cadastre://<cluster>/<role>/…`; nil unless every character is as `uri` writes it.
    package init?(uri: String) {
        self.init(uri: Array(uri.utf8))
    }

    /// Reads the bytes of a URI as they stand in a certificate.
    init?(uri: [UInt8]) {
        guard let parts = NameParts(uri, scheme: Self.scheme) else { return nil }
        let names = parts.names
        switch (names.count, names.count > 1 ? names[1] : "") {
        case (3, "node"):
            guard let id = Self.nodeID(names[2]) else { return nil }
            self = .node(cluster: names[0], id: id)
        case (3, "operator"): self = .operator(cluster: names[0], name: names[2])
        case (3, "service"): self = .service(cluster: names[0], name: names[2])
        case (4, "tenant"):
            self = .tenant(cluster: names[0], tenant: names[2], name: names[3])
        default: return nil
        }
    }

    /// Whether a text may stand as a cluster, a tenant or a name in an identity.
    package static func isValidName(_ name: String) -> Bool {
        NameParts.isName(name.utf8)
    }

    static let scheme = "cadastre://"

    /// One spelling for each number: no sign, no leading zero, not 0.
    private static func nodeID(_ text: String) -> UInt64? {
        guard text.utf8.first != UInt8(ascii: "0"),
            text.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 })
        else { return nil }
        return UInt64(text)
    }
}

extension Identity: CustomStringConvertible {
    /// The URI.
    package var description: String { uri }
}

/// Where a node stands, signed into its certificate: `cadastre-site://<country>/<city>/…`.
package struct Site: Sendable, Hashable, CustomStringConvertible {
    /// The country, as its two letters: `fr`.
    package let country: String
    /// The city.
    package let city: String
    /// The data centre.
    package let site: String
    /// Who runs the data centre.
    package let `operator`: String

    /// Names a site; nil if a part is empty, too long, or holds a character that is not allowed.
    package init?(country: String, city: String, site: String, operator: String) {
        guard [country, city, site, `operator`].allSatisfy(Identity.isValidName) else { return nil }
        self.country = country
        self.city = city
        self.site = site
        self.operator = `operator`
    }

    /// Reads `cadastre-site://<country>/<city>/<site>/<operator>`.
    package init?(uri: String) {
        self.init(uri: Array(uri.utf8))
    }

    /// Reads the bytes of a URI as they stand in a certificate.
    init?(uri: [UInt8]) {
        guard let parts = NameParts(uri, scheme: Self.scheme), parts.names.count == 4 else {
            return nil
        }
        self.init(
            country: parts.names[0],
            city: parts.names[1],
            site: parts.names[2],
            operator: parts.names[3]
        )
    }

    /// The URI that stands for this site in a certificate.
    package var uri: String { "\(Self.scheme)\(country)/\(city)/\(site)/\(`operator`)" }

    /// The URI.
    package var description: String { uri }

    static let scheme = "cadastre-site://"
}

/// The identity and the site that a certificate's URIs name, after every rule was checked.
package struct NamedIdentity: Sendable, Hashable {
    /// Who.
    package let identity: Identity
    /// Where; a node always says so, and nobody else.
    package let site: Site?

    /// Reads all URIs of a certificate: exactly one identity, and exactly one site for a node.
    ///
    /// URIs of foreign schemes say nothing and are passed over, but whatever begins like one of
    /// ours in any case of letters must be one of ours.
    /// - Throws: `TLSRefusal` for a missing, second or malformed URI.
    package init(uris: [[UInt8]]) throws(TLSRefusal) {
        var identities: [Identity] = []
        var sites: [Site] = []
        for uri in uris {
            if uri.contains(0) {
                throw TLSRefusal(.identityMalformed, "a URI of the certificate holds a NUL")
            } else if uri.starts(with: Identity.scheme.utf8) {
                guard let identity = Identity(uri: uri) else {
                    throw TLSRefusal(.identityMalformed, "not an identity: \(printable(uri))")
                }
                identities.append(identity)
            } else if uri.starts(with: Site.scheme.utf8) {
                guard let site = Site(uri: uri) else {
                    throw TLSRefusal(.siteMalformed, "not a site: \(printable(uri))")
                }
                sites.append(site)
            } else if Self.resemblesOurs(uri) {
                throw TLSRefusal(.identityMalformed, "not an identity: \(printable(uri))")
            }
        }
        guard let identity = identities.first else {
            throw TLSRefusal(.identityMissing, "the certificate names no cadastre:// identity")
        }
        guard identities.count == 1 else {
            throw TLSRefusal(.identityAmbiguous, "the certificate names several identities")
        }
        guard sites.count <= 1 else {
            throw TLSRefusal(.siteMalformed, "the certificate names several sites")
        }
        switch (identity, sites.first) {
        case (.node, nil):
            throw TLSRefusal(.siteMissing, "\(identity) names no cadastre-site:// where it stands")
        case (.operator, let site?), (.service, let site?), (.tenant, let site?):
            throw TLSRefusal(.siteMalformed, "\(identity) is not a node but names \(site)")
        case (.node, _?), (.operator, nil), (.service, nil), (.tenant, nil): break
        }
        self.identity = identity
        self.site = sites.first
    }

    private static func resemblesOurs(_ uri: [UInt8]) -> Bool {
        uri.prefix(8).map { $0 | 0x20 } == Array("cadastre".utf8)
    }
}

/// What stands between the slashes of one of our URIs, each part a valid name.
private struct NameParts {
    let names: [String]

    init?(_ uri: [UInt8], scheme: String) {
        guard uri.count <= 8 * TLSLimits.maximumNameCharacters, uri.starts(with: scheme.utf8) else {
            return nil
        }
        var names: [String] = []
        let rest = uri.dropFirst(scheme.utf8.count)
        for part in rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard Self.isName(part) else { return nil }
            names.append(String(decoding: part, as: UTF8.self))
        }
        self.names = names
    }

    static func isName(_ bytes: some Collection<UInt8>) -> Bool {
        // "." and ".." would change their meaning in whatever treats the URI as a path.
        1...TLSLimits.maximumNameCharacters ~= bytes.count && bytes.allSatisfy(isNameCharacter)
            && !bytes.elementsEqual(".".utf8) && !bytes.elementsEqual("..".utf8)
    }

    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

/// Bytes from outside as text that cannot harm a terminal or a log, cut to a line's length.
func printable(_ bytes: some Collection<UInt8>) -> String {
    var text = ""
    for byte in bytes.prefix(120) {
        if 0x20...0x7E ~= byte, byte != UInt8(ascii: "\\") {
            text.unicodeScalars.append(Unicode.Scalar(byte))
        } else {
            let digits = String(byte, radix: 16)
            text += digits.utf8.count == 1 ? "\\x0\(digits)" : "\\x\(digits)"
        }
    }
    return bytes.count > 120 ? text + "…" : text
}
