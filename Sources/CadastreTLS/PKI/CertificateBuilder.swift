internal import COpenSSL

/// A certificate under construction; signing ends it.
struct CertificateBuilder {
    private let certificate: Certificate
    private let key: PrivateKey

    /// Begins a version 3 certificate for a key, with a random serial number of 128 bits.
    ///
    /// - Throws: `TLSError.library` if OpenSSL has no memory or no randomness.
    init(commonName: String, key: PrivateKey, validity: Validity) throws(TLSError) {
        certificate = try Certificate()
        self.key = key
        let serial = try Self.serial()
        let name = Array(commonName.utf8)
        guard unsafe X509_set_version(certificate.pointer, Int(X509_VERSION_3)) == 1,
            let field = unsafe X509_get_serialNumber(certificate.pointer),
            unsafe Self.set(field, serial),
            unsafe X509_set_pubkey(certificate.pointer, key.pointer) == 1,
            unsafe ASN1_TIME_set(
                X509_getm_notBefore(certificate.pointer),
                Int(validity.notBefore)
            ) != nil,
            unsafe ASN1_TIME_set(
                X509_getm_notAfter(certificate.pointer),
                Int(validity.notAfter)
            ) != nil,
            let subject = unsafe X509_get_subject_name(certificate.pointer),
            unsafe X509_NAME_add_entry_by_NID(
                subject,
                NID_commonName,
                MBSTRING_UTF8,
                name,
                Int32(clamping: name.count),
                -1,
                0
            ) == 1
        else { throw LibraryError.failure("the fields of a certificate") }
    }

    /// Adds an extension in OpenSSL's configuration language; `text` is a constant of ours.
    ///
    /// The issuer is the authority's certificate; nil if this one is its own issuer.
    /// - Throws: `TLSError.library` if OpenSSL refuses it.
    func add(_ kind: Int32, _ text: StaticString, issuer: Certificate?) throws(TLSError) {
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(
            &context,
            issuer?.pointer ?? certificate.pointer,
            certificate.pointer,
            nil,
            nil,
            0
        )
        guard let part = unsafe X509V3_EXT_nconf_nid(nil, &context, kind, text.description) else {
            throw LibraryError.failure("the extension \(text)")
        }
        defer { unsafe X509_EXTENSION_free(part) }
        guard unsafe X509_add_ext(certificate.pointer, part, -1) == 1 else {
            throw LibraryError.failure("the extension \(text)")
        }
    }

    /// Adds an extension from its DER bytes.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    func add(_ kind: Int32, der: [UInt8]) throws(TLSError) {
        guard let value = unsafe ASN1_OCTET_STRING_new() else {
            throw LibraryError.failure("ASN1_OCTET_STRING_new")
        }
        defer { unsafe ASN1_OCTET_STRING_free(value) }
        guard unsafe ASN1_OCTET_STRING_set(value, der, Int32(clamping: der.count)) == 1,
            let part = unsafe X509_EXTENSION_create_by_NID(nil, kind, 0, value)
        else { throw LibraryError.failure("X509_EXTENSION_create_by_NID") }
        defer { unsafe X509_EXTENSION_free(part) }
        guard unsafe X509_add_ext(certificate.pointer, part, -1) == 1 else {
            throw LibraryError.failure("X509_add_ext")
        }
    }

    /// Names the issuer and signs; nil signs the certificate with its own key.
    ///
    /// - Throws: `TLSError.library` if the key cannot sign.
    func sign(
        by issuer: (certificate: Certificate, key: PrivateKey)?,
        over signature: CertificateProfile.Signature
    ) throws(TLSError) -> Certificate {
        let signer = issuer?.key ?? key
        let authority = issuer?.certificate ?? certificate
        let digest =
            switch signature {
            case .sha1: unsafe EVP_sha1()
            case .fitting:
                unsafe EVP_PKEY_get_bits(signer.pointer) == 384 ? EVP_sha384() : EVP_sha256()
            }
        guard
            unsafe X509_set_issuer_name(
                certificate.pointer,
                X509_get_subject_name(authority.pointer)
            ) == 1,
            unsafe X509_sign(certificate.pointer, signer.pointer, digest) > 0
        else { throw LibraryError.failure("X509_sign") }
        return certificate
    }

    private static func serial() throws(TLSError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 16)
        guard unsafe RAND_bytes(&bytes, 16) == 1 else { throw LibraryError.failure("RAND_bytes") }
        // Positive, and never 0: RFC 5280 §4.1.2.2.
        bytes[0] = bytes[0] & 0x7F | 0x40
        return bytes
    }

    private static func set(_ field: UnsafeMutablePointer<ASN1_INTEGER>, _ bytes: [UInt8]) -> Bool {
        guard let number = unsafe BN_bin2bn(bytes, Int32(clamping: bytes.count), nil) else {
            return false
        }
        defer { unsafe BN_free(number) }
        return unsafe BN_to_ASN1_INTEGER(number, field) != nil
    }
}
