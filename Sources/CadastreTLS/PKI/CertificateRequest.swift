internal import Glibc

/// From when to when a certificate holds, in seconds since 1970.
package struct Validity: Sendable, Hashable {
    /// The first second.
    package let notBefore: Int64
    /// The last second.
    package let notAfter: Int64

    /// Names both ends.
    package init(notBefore: Int64, notAfter: Int64) {
        self.notBefore = notBefore
        self.notAfter = notAfter
    }

    /// Begins five minutes before `now`, for peers whose clock is behind, and ends `days` after it.
    ///
    /// Days out of 1...36,500 are taken as the nearest of these.
    package init(now: Int64, days: Int) {
        notBefore = now - 300
        notAfter = now + Int64(min(max(days, 1), 36_500)) * 86_400
    }
}

/// What a leaf certificate is asked to say.
package struct CertificateRequest: Sendable, Hashable {
    /// Who it speaks for.
    package var identity: Identity
    /// Where a node stands; needed for nodes, and only for them.
    package var site: Site?
    /// The one thing it is for.
    package var use: CertificateUse
    /// DNS names, for tools that check them; Cadastre's own peers do not.
    package var dnsNames: [String]
    /// IP addresses as text, for tools that check them.
    package var addresses: [String]
    /// When it holds.
    package var validity: Validity

    /// Asks for a certificate.
    package init(
        identity: Identity,
        site: Site? = nil,
        use: CertificateUse,
        dnsNames: [String] = [],
        addresses: [String] = [],
        validity: Validity
    ) {
        self.identity = identity
        self.site = site
        self.use = use
        self.dnsNames = dnsNames
        self.addresses = addresses
        self.validity = validity
    }

    /// The profile that this asks for, after every rule was checked.
    ///
    /// - Throws: `TLSError.invalidRequest` naming the rule that is broken.
    package func profile() throws(TLSError) -> CertificateProfile {
        guard Identity(uri: identity.uri) == identity else {
            throw .invalidRequest(
                "\"\(printable(identity.uri.utf8))\" is no identity; names are 1 to 64 characters "
                    + "of a-z, 0-9, '.', '_' and '-', node numbers begin at 1"
            )
        }
        var uris = [identity.uri]
        switch (identity, site) {
        case (.node, let site?): uris.append(site.uri)
        case (.node, nil):
            throw .invalidRequest("a node's certificate says where the node stands; give its site")
        case (.operator, _?), (.service, _?), (.tenant, _?):
            throw .invalidRequest("only a node's certificate names a site")
        case (.operator, nil), (.service, nil), (.tenant, nil): break
        }
        let seconds = validity.notAfter.subtractingReportingOverflow(validity.notBefore)
        guard !seconds.overflow, 1...TLSLimits.maximumLeafSeconds ~= seconds.partialValue else {
            throw .invalidRequest(
                "the validity is not between 1 and \(TLSLimits.maximumLeafDays) days"
            )
        }
        var names = uris.map { CertificateProfile.Name.uri(Array($0.utf8)) }
        guard dnsNames.count + addresses.count <= 32 else {
            throw .invalidRequest("more than 32 DNS names and addresses")
        }
        for name in dnsNames {
            guard Self.isHostName(name) else {
                throw .invalidRequest("\"\(printable(name.utf8))\" is no DNS name")
            }
            names.append(.dns(Array(name.utf8)))
        }
        for address in addresses {
            guard let bytes = Self.addressBytes(address) else {
                throw .invalidRequest("\"\(printable(address.utf8))\" is no IP address")
            }
            names.append(.address(bytes))
        }
        return CertificateProfile(
            commonName: String(identity.uri.dropFirst(Identity.scheme.count).suffix(64)),
            names: names,
            uses: [use],
            validity: validity
        )
    }

    private static func isHostName(_ name: String) -> Bool {
        1...253 ~= name.utf8.count
            && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { label in
                1...63 ~= label.utf8.count && label.utf8.first != UInt8(ascii: "-")
                    && label.utf8.last != UInt8(ascii: "-")
                    && label.utf8.allSatisfy { byte in
                        switch byte {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"),
                            UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"):
                            true
                        default: false
                        }
                    }
            }
    }

    private static func addressBytes(_ text: String) -> [UInt8]? {
        var version4 = in_addr()
        if unsafe inet_pton(AF_INET, text, &version4) == 1 {
            return unsafe withUnsafeBytes(of: version4) { unsafe Array($0) }
        }
        var version6 = in6_addr()
        if unsafe inet_pton(AF_INET6, text, &version6) == 1 {
            return unsafe withUnsafeBytes(of: version6) { unsafe Array($0) }
        }
        return nil
    }
}
