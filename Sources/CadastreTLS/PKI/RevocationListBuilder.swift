internal import COpenSSL

/// A revocation list under construction; signing ends it.
struct RevocationListBuilder {
    private let list: RevocationList

    /// Begins a list of an authority, trusted until `validity` ends.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    init(issuer: Certificate, validity: Validity) throws(TLSError) {
        guard let pointer = unsafe X509_CRL_new() else {
            throw LibraryError.failure("X509_CRL_new")
        }
        list = unsafe RevocationList(owning: pointer)
        let first = try unsafe Self.time(validity.notBefore)
        defer { unsafe ASN1_TIME_free(first) }
        let last = try unsafe Self.time(validity.notAfter)
        defer { unsafe ASN1_TIME_free(last) }
        guard unsafe X509_CRL_set_version(pointer, Int(X509_CRL_VERSION_2)) == 1,
            unsafe X509_CRL_set_issuer_name(pointer, X509_get_subject_name(issuer.pointer)) == 1,
            unsafe X509_CRL_set1_lastUpdate(pointer, first) == 1,
            unsafe X509_CRL_set1_nextUpdate(pointer, last) == 1
        else { throw LibraryError.failure("the fields of a revocation list") }
    }

    /// Adds a certificate by its serial number.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    func add(serial: [UInt8], at seconds: Int64) throws(TLSError) {
        let date = try unsafe Self.time(seconds)
        defer { unsafe ASN1_TIME_free(date) }
        let number = try unsafe Self.integer(serial)
        defer { unsafe ASN1_INTEGER_free(number) }
        guard let entry = unsafe X509_REVOKED_new() else {
            throw LibraryError.failure("X509_REVOKED_new")
        }
        // The list takes the entry over only if it could be added.
        guard unsafe X509_REVOKED_set_serialNumber(entry, number) == 1,
            unsafe X509_REVOKED_set_revocationDate(entry, date) == 1,
            unsafe X509_CRL_add0_revoked(list.pointer, entry) == 1
        else {
            unsafe X509_REVOKED_free(entry)
            throw LibraryError.failure("X509_CRL_add0_revoked")
        }
    }

    /// Numbers the list, so that a later one replaces an earlier one, and signs it.
    ///
    /// - Throws: `TLSError.library` if the key cannot sign.
    func sign(
        by issuer: (certificate: Certificate, key: PrivateKey),
        number: UInt64
    ) throws(TLSError) -> RevocationList {
        let bytes = (0..<8).map { UInt8(truncatingIfNeeded: number >> (56 - 8 * $0)) }
        let value = try unsafe Self.integer(bytes)
        defer { unsafe ASN1_INTEGER_free(value) }
        var context = unsafe X509V3_CTX()
        unsafe X509V3_set_ctx(&context, issuer.certificate.pointer, nil, nil, list.pointer, 0)
        let kind = NID_authority_key_identifier
        guard let part = unsafe X509V3_EXT_nconf_nid(nil, &context, kind, "keyid:always") else {
            throw LibraryError.failure("the authority key identifier")
        }
        defer { unsafe X509_EXTENSION_free(part) }
        let digest =
            unsafe EVP_PKEY_get_bits(issuer.key.pointer) == 384 ? EVP_sha384() : EVP_sha256()
        guard unsafe X509_CRL_add_ext(list.pointer, part, -1) == 1,
            unsafe X509_CRL_add1_ext_i2d(list.pointer, NID_crl_number, value, 0, 0) == 1,
            unsafe X509_CRL_sort(list.pointer) == 1,
            unsafe X509_CRL_sign(list.pointer, issuer.key.pointer, digest) > 0
        else { throw LibraryError.failure("X509_CRL_sign") }
        return list
    }

    private static func time(_ seconds: Int64) throws(TLSError) -> UnsafeMutablePointer<ASN1_TIME> {
        guard let time = unsafe ASN1_TIME_set(nil, Int(seconds)) else {
            throw LibraryError.failure("ASN1_TIME_set")
        }
        return unsafe time
    }

    private static func integer(
        _ bytes: [UInt8]
    ) throws(TLSError) -> UnsafeMutablePointer<ASN1_INTEGER> {
        guard let number = unsafe BN_bin2bn(bytes, Int32(clamping: bytes.count), nil) else {
            throw LibraryError.failure("BN_bin2bn")
        }
        defer { unsafe BN_free(number) }
        guard let integer = unsafe BN_to_ASN1_INTEGER(number, nil) else {
            throw LibraryError.failure("BN_to_ASN1_INTEGER")
        }
        return unsafe integer
    }
}
