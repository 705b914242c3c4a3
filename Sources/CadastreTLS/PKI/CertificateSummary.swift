/// What a certificate says, for `pki show`, for warnings of expiry and for logs.
package struct CertificateSummary: Sendable, Hashable {
    /// The common name of the subject, printable; may be empty.
    package let subject: String
    /// Identity and site, or why a peer would refuse the names.
    package let name: Result<NamedIdentity, TLSRefusal>
    /// The DNS names, printable.
    package let dnsNames: [String]
    /// The uses; one that Cadastre does not know is nil.
    package let uses: [CertificateUse?]
    /// Whether it may sign other certificates.
    package let isAuthority: Bool
    /// The serial number, most significant byte first.
    package let serial: [UInt8]
    /// The first second of the validity, counted from 1970.
    package let notBefore: Int64
    /// The last second of the validity, counted from 1970.
    package let notAfter: Int64
    /// SHA-256 over the certificate.
    package let fingerprint: [UInt8]

    /// Who it speaks for, if the names are as they must be.
    package var identity: Identity? {
        switch name {
        case .success(let name): name.identity
        case .failure: nil
        }
    }

    /// Where a node stands, if the names are as they must be.
    package var site: Site? {
        switch name {
        case .success(let name): name.site
        case .failure: nil
        }
    }

    /// The one use of a leaf; nil if there are none or several.
    package var use: CertificateUse? {
        uses.count == 1 ? uses[0] : nil
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// - Throws: `TLSError.invalidFile` if there is none.
    package init(pem: [UInt8]) throws(TLSError) {
        try self.init(pem: pem, path: "the certificate")
    }

    /// Reads the first certificate of a file.
    ///
    /// - Throws: `TLSError` if the file cannot be read or holds none.
    package init(contentsOf path: String) throws(TLSError) {
        try self.init(pem: SmallFile.read(path), path: path)
    }

    private init(pem: [UInt8], path: String) throws(TLSError) {
        guard let first = try PEM.certificates(pem, path: path).first else {
            throw .invalidFile(path: path, reason: "no certificate in it")
        }
        self.init(first)
    }

    init(_ certificate: Certificate) {
        subject = certificate.commonName
        do throws(TLSRefusal) {
            name = .success(try NamedIdentity(uris: certificate.uris))
        } catch {
            name = .failure(error)
        }
        dnsNames = certificate.dnsNames
        uses = certificate.uses
        isAuthority = certificate.isAuthority
        serial = certificate.serial
        notBefore = certificate.notBefore
        notAfter = certificate.notAfter
        fingerprint = certificate.fingerprint
    }
}
