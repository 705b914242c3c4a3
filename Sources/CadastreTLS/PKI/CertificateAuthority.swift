internal import COpenSSL

/// A certificate and its key as PEM, fresh from the authority.
package struct IssuedCertificate: Sendable {
    /// The certificate.
    package let certificate: [UInt8]
    /// The private key, not encrypted.
    package let key: [UInt8]

    /// Creates both files, which must not exist: the key for its owner alone (0600), the certificate 0644.
    ///
    /// - Throws: `TLSError.unwritable`; a first file is removed if the second fails.
    package func write(certificate path: String, key keyPath: String) throws(TLSError) {
        try SmallFile.create(keyPath, key, mode: 0o600)
        do throws(TLSError) {
            try SmallFile.create(path, certificate, mode: 0o644)
        } catch {
            SmallFile.remove(keyPath)
            throw error
        }
    }
}

/// A private root that signs the certificates of one cluster's nodes and users.
package struct CertificateAuthority: Sendable {
    /// The curve of a key.
    package enum Curve: String, Sendable, Hashable, CaseIterable {
        /// 128-bit security, the fastest signatures.
        case p256 = "P-256"
        /// 192-bit security.
        case p384 = "P-384"
    }

    /// The root certificate as PEM.
    package let certificate: [UInt8]
    /// The root's private key as PEM: keep it off the cluster.
    package let key: [UInt8]

    /// Generates a key and a self-signed root certificate.
    ///
    /// - Throws: `TLSError.invalidRequest` if the name is not 1 to 64 printable characters.
    package init(
        creating commonName: String,
        curve: Curve = .p256,
        validity: Validity
    ) throws(TLSError) {
        guard 1...64 ~= commonName.utf8.count,
            commonName.utf8.allSatisfy({ 0x20...0x7E ~= $0 })
        else { throw .invalidRequest("the authority's name is not 1 to 64 printable characters") }
        guard validity.notAfter > validity.notBefore else {
            throw .invalidRequest("the validity ends before it begins")
        }
        let key = try PrivateKey(curve: curve.rawValue)
        let builder = try CertificateBuilder(commonName: commonName, key: key, validity: validity)
        // The subject key identifier first: a later extension may refer to it.
        try builder.add(NID_subject_key_identifier, "hash", issuer: nil)
        try builder.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0", issuer: nil)
        try builder.add(NID_key_usage, "critical,keyCertSign,cRLSign", issuer: nil)
        certificate = try PEM.text(builder.sign(by: nil, over: .fitting))
        self.key = try PEM.text(key)
    }

    /// Takes up an authority that was created before, from its two texts.
    ///
    /// - Throws: `TLSError` if they do not belong together or are no authority's.
    package init(loading certificate: [UInt8], key: [UInt8]) throws(TLSError) {
        self.certificate = certificate
        self.key = key
        _ = try parts(paths: ("the root certificate", "the root key"))
    }

    /// Takes up an authority from its two files.
    ///
    /// - Throws: `TLSError` if a file cannot be read, the key is exposed, or they do not fit.
    package init(loadingCertificate path: String, key keyPath: String) throws(TLSError) {
        certificate = try SmallFile.read(path)
        key = try SmallFile.readKey(keyPath)
        _ = try parts(paths: (path, keyPath))
    }

    /// Generates a key and signs a certificate that peers accept.
    ///
    /// - Throws: `TLSError.invalidRequest` if the request breaks the profile.
    package func issue(
        _ request: CertificateRequest,
        curve: Curve = .p256
    ) throws(TLSError) -> IssuedCertificate {
        var profile = try request.profile()
        profile.key = .curve(curve)
        return try issue(profile)
    }

    /// Generates a key and signs whatever the profile says.
    ///
    /// - Throws: `TLSError.library` if OpenSSL refuses it.
    package func issue(_ profile: CertificateProfile) throws(TLSError) -> IssuedCertificate {
        let root = try parts(paths: ("the root certificate", "the root key"))
        let key =
            switch profile.key {
            case .curve(let curve): try PrivateKey(curve: curve.rawValue)
            case .rsa(let bits): try PrivateKey(rsaBits: bits)
            }
        let builder = try CertificateBuilder(
            commonName: profile.commonName,
            key: key,
            validity: profile.validity
        )
        let issuer = profile.isSelfSigned ? nil : root
        try builder.add(NID_subject_key_identifier, "hash", issuer: issuer?.certificate)
        if !profile.isSelfSigned {
            try builder.add(
                NID_authority_key_identifier,
                "keyid:always",
                issuer: issuer?.certificate
            )
        }
        try builder.add(NID_basic_constraints, "critical,CA:FALSE", issuer: issuer?.certificate)
        try builder.add(NID_key_usage, "critical,digitalSignature", issuer: issuer?.certificate)
        switch (profile.uses.contains(.serverAuth), profile.uses.contains(.clientAuth)) {
        case (true, true):
            try builder.add(NID_ext_key_usage, "serverAuth,clientAuth", issuer: nil)
        case (true, false): try builder.add(NID_ext_key_usage, "serverAuth", issuer: nil)
        case (false, true): try builder.add(NID_ext_key_usage, "clientAuth", issuer: nil)
        case (false, false): break
        }
        if !profile.names.isEmpty {
            try builder.add(NID_subject_alt_name, der: profile.encodedNames)
        }
        return IssuedCertificate(
            certificate: try PEM.text(builder.sign(by: issuer, over: profile.signature)),
            key: try PEM.text(key)
        )
    }

    /// Signs the list of the serial numbers that are revoked; it is trusted until `validity` ends.
    ///
    /// - Throws: `TLSError.library` if OpenSSL refuses it.
    package func revoke(
        serials: [[UInt8]],
        number: UInt64,
        validity: Validity
    ) throws(TLSError) -> [UInt8] {
        let root = try parts(paths: ("the root certificate", "the root key"))
        let list = try RevocationListBuilder(issuer: root.certificate, validity: validity)
        for serial in serials { try list.add(serial: serial, at: validity.notBefore) }
        return try PEM.text(list.sign(by: root, number: number))
    }

    /// Creates both files, which must not exist; the key is for its owner alone.
    ///
    /// - Throws: `TLSError.unwritable`; a first file is removed if the second fails.
    package func write(certificate path: String, key keyPath: String) throws(TLSError) {
        let files = IssuedCertificate(certificate: certificate, key: key)
        try files.write(certificate: path, key: keyPath)
    }

    private func parts(
        paths: (certificate: String, key: String)
    ) throws(TLSError) -> (certificate: Certificate, key: PrivateKey) {
        let certificates = try PEM.certificates(certificate, path: paths.certificate)
        guard let root = certificates.first, root.isAuthority else {
            throw .invalidFile(path: paths.certificate, reason: "not an authority's certificate")
        }
        let key = try PEM.key(key, path: paths.key)
        guard key.belongs(to: root) else {
            throw .keyMismatch(certificate: paths.certificate, key: paths.key)
        }
        return (root, key)
    }
}
