internal import COpenSSL

/// The certificates that a peer has shown, as they were verified: its leaf first.
///
/// Kept as long as the connection, to be judged again by what is trusted then: a certificate that
/// was good at the handshake may have been revoked since.
///
/// `@unchecked Sendable`: the certificates are not changed; OpenSSL guards what it notes in them.
@safe
package final class PeerChain: @unchecked Sendable {
    /// Never empty.
    private let certificates: [Certificate]

    /// Takes references to the certificates of a stack, which stays the caller's; nil if it is empty.
    init?(retaining stack: OpaquePointer?) {
        guard let stack = unsafe stack else { return nil }
        var certificates: [Certificate] = []
        for index in 0..<max(0, unsafe OPENSSL_sk_num(stack)) {
            guard let pointer = unsafe OPENSSL_sk_value(stack, index) else { continue }
            unsafe certificates.append(Certificate(retaining: OpaquePointer(pointer)))
        }
        guard !certificates.isEmpty else { return nil }
        self.certificates = certificates
    }

    /// Reads the certificates of a PEM file, in their order.
    ///
    /// - Throws: `TLSError` if the file cannot be read or holds none.
    package init(contentsOf path: String) throws(TLSError) {
        certificates = try PEM.certificates(SmallFile.read(path), path: path)
    }

    /// Why a context would not let this peer in now; nil if it would.
    ///
    /// Asks what every handshake asks: roots, revocation lists, validity, profile. Whether the
    /// identity is welcome is not asked again: a certificate never changes it.
    ///
    /// Cost: a signature for each certificate below the root, some 0.1 ms.
    package func refusal(by context: TLSContext) -> TLSRefusal? {
        let failure = TLSRefusal(.badCertificate, "OpenSSL has no memory to judge it")
        guard let store = unsafe SSL_CTX_get_cert_store(context.pointer),
            let rules = unsafe SSL_CTX_get0_param(context.pointer),
            let work = unsafe X509_STORE_CTX_new()
        else { return failure }
        defer { unsafe X509_STORE_CTX_free(work) }
        guard let stack = unsafe OPENSSL_sk_new_null() else { return failure }
        defer { unsafe OPENSSL_sk_free(stack) }
        for certificate in certificates {
            unsafe _ = OPENSSL_sk_push(stack, UnsafeRawPointer(certificate.pointer))
        }
        let leaf = certificates[0]
        let purpose = context.purpose == .server ? "ssl_client" : "ssl_server"
        guard unsafe X509_STORE_CTX_init(work, store, leaf.pointer, stack) == 1,
            unsafe X509_STORE_CTX_set_default(work, purpose) == 1,
            let parameters = unsafe X509_STORE_CTX_get0_param(work),
            unsafe X509_VERIFY_PARAM_set1(parameters, rules) == 1
        else { return failure }
        unsafe X509_VERIFY_PARAM_set_auth_level(parameters, TLSContext.securityLevel)
        let isVerified = unsafe X509_verify_cert(work) == 1
        ERR_clear_error()
        guard isVerified else {
            return unsafe PeerVerification.refusal(
                verifyError: Int(X509_STORE_CTX_get_error(work))
            )
        }
        return PeerVerification.refusal(of: leaf, for: context.purpose.peerUse)
    }
}
