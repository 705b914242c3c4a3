internal import COpenSSL

/// A parsed certificate, freed with its last reference.
@safe
final class Certificate {
    /// The X509 object; valid as long as this reference.
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    /// Makes an empty certificate.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    init() throws(TLSError) {
        guard let pointer = unsafe X509_new() else { throw LibraryError.failure("X509_new") }
        unsafe self.pointer = unsafe pointer
    }

    deinit { unsafe X509_free(pointer) }
}

/// A parsed private key, freed (and its memory cleared) with its last reference.
@safe
final class PrivateKey {
    /// The EVP_PKEY object; valid as long as this reference.
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    /// Generates a key on a named curve: `P-256` or `P-384`.
    ///
    /// - Throws: `TLSError.library` if the random generator or the curve is not available.
    init(curve: String) throws(TLSError) {
        guard let pointer = unsafe cadastre_EVP_EC_gen(curve) else {
            throw LibraryError.failure("EVP_EC_gen")
        }
        unsafe self.pointer = unsafe pointer
    }

    /// Generates an RSA key of so many bits.
    ///
    /// - Throws: `TLSError.library` if the random generator is not available.
    init(rsaBits: UInt32) throws(TLSError) {
        guard let pointer = unsafe cadastre_EVP_RSA_gen(rsaBits) else {
            throw LibraryError.failure("EVP_RSA_gen")
        }
        unsafe self.pointer = unsafe pointer
    }

    /// Whether this is the key of that certificate.
    func belongs(to certificate: Certificate) -> Bool {
        let answer = unsafe X509_check_private_key(certificate.pointer, pointer)
        ERR_clear_error()
        return answer == 1
    }

    deinit { unsafe EVP_PKEY_free(pointer) }
}

/// A parsed revocation list, freed with its last reference.
@safe
final class RevocationList {
    /// The X509_CRL object; valid as long as this reference.
    let pointer: OpaquePointer

    /// Takes over the caller's reference.
    init(owning pointer: OpaquePointer) {
        unsafe self.pointer = unsafe pointer
    }

    deinit { unsafe X509_CRL_free(pointer) }
}
