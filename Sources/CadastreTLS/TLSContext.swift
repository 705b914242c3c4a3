internal import COpenSSL

/// Our certificate, key and roots, and the rules of every handshake, ready for many connections.
///
/// TLS 1.3 only, mutual, private roots only, no resumption, no early data.
///
/// `@unchecked Sendable`: the SSL_CTX is changed in `init` alone; OpenSSL then only reads it and
/// counts references to it atomically, from whatever thread.
@safe
package final class TLSContext: @unchecked Sendable {
    /// The side of a connection that a context is for.
    package enum Purpose: Sendable, Hashable {
        /// Accepts connections: shows a serverAuth certificate, demands a clientAuth one.
        case server
        /// Opens connections: shows a clientAuth certificate, demands a serverAuth one.
        case client

        /// The use that our own certificate must have.
        package var ownUse: CertificateUse { self == .server ? .serverAuth : .clientAuth }
        /// The use that the peer's certificate must have.
        package var peerUse: CertificateUse { self == .server ? .clientAuth : .serverAuth }
    }

    /// What is asked of our own certificate before any peer sees it.
    package enum OwnCertificateRule: Sendable {
        /// It must be one that peers accept.
        case fit
        /// Anything that OpenSSL can load, or no certificate at all: for tests of the peer's refusals.
        case any
    }

    /// The side of a connection that this context is for.
    package let purpose: Purpose
    /// The files that it was read from.
    package let credentials: Credentials
    /// Our own certificate; nil only under `OwnCertificateRule.any`.
    package let own: CertificateSummary?
    /// The SSL_CTX; valid as long as this reference.
    let pointer: OpaquePointer

    /// Reads and checks all files.
    ///
    /// - Throws: `TLSError` naming the file that cannot be used, and what to do.
    package init(
        _ credentials: Credentials,
        for purpose: Purpose,
        ownCertificate rule: OwnCertificateRule = .fit
    ) throws(TLSError) {
        let showsNone = credentials.certificate.isEmpty && rule == .any
        let chain =
            showsNone
            ? []
            : try PEM.certificates(
                SmallFile.read(credentials.certificate),
                path: credentials.certificate
            )
        let key =
            showsNone
            ? nil : try PEM.key(SmallFile.readKey(credentials.key), path: credentials.key)
        let roots = try Self.readRoots(credentials.roots)
        let method =
            unsafe purpose == .server ? TLS_server_method() : TLS_client_method()
        guard let pointer = unsafe SSL_CTX_new(method) else {
            throw LibraryError.failure("SSL_CTX_new")
        }
        self.purpose = purpose
        self.credentials = credentials
        own = chain.first.map { CertificateSummary($0) }
        unsafe self.pointer = unsafe pointer
        // From here on a failure frees the SSL_CTX through `deinit`.
        try setProtocol(securityLevel: rule == .fit ? Self.securityLevel : 0)
        try setVerification(roots: roots)
        if let leaf = chain.first, let key {
            guard key.belongs(to: leaf) else {
                throw .keyMismatch(certificate: credentials.certificate, key: credentials.key)
            }
            try show(leaf, intermediates: chain.dropFirst(), key: key)
            if rule == .fit { try checkOwn(leaf) }
        }
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    private static func readRoots(_ paths: [String]) throws(TLSError) -> [Certificate] {
        var roots: [Certificate] = []
        for path in paths {
            for root in try PEM.certificates(SmallFile.read(path), path: path) {
                guard root.isAuthority else {
                    throw .invalidFile(
                        path: path,
                        reason: "\"\(root.commonName)\" is no authority; give root certificates"
                    )
                }
                roots.append(root)
            }
        }
        guard !roots.isEmpty else {
            throw .invalidRequest("no root certificate is configured; name at least one file")
        }
        return roots
    }

    /// 112 bits of security in every part of a chain; for leaves ``PeerVerification`` asks for more.
    static let securityLevel: Int32 = 2

    private func setProtocol(securityLevel: Int32) throws(TLSError) {
        unsafe cadastre_SSL_CTX_set_mode(
            pointer,
            // An idle connection gives back 34 KiB of record buffers. What is shown is what the
            // operator's file holds, not a chain that OpenSSL puts together from the roots.
            Int(
                SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_NO_AUTO_CHAIN
            )
        )
        unsafe cadastre_SSL_CTX_set_session_cache_mode(pointer, Int(SSL_SESS_CACHE_OFF))
        unsafe cadastre_SSL_CTX_set_max_cert_list(pointer, TLSLimits.maximumHandshakeBytes)
        unsafe SSL_CTX_set_security_level(pointer, securityLevel)
        unsafe _ = SSL_CTX_set_options(
            pointer,
            cadastre_SSL_OP_NO_TICKET() | cadastre_SSL_OP_NO_COMPRESSION()
                | cadastre_SSL_OP_NO_RENEGOTIATION() | cadastre_SSL_OP_CIPHER_SERVER_PREFERENCE()
        )
        let suites = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
        guard unsafe cadastre_SSL_CTX_set_min_proto_version(pointer, TLS1_3_VERSION) == 1,
            unsafe cadastre_SSL_CTX_set_max_proto_version(pointer, TLS1_3_VERSION) == 1,
            unsafe SSL_CTX_set_ciphersuites(pointer, suites) == 1,
            unsafe cadastre_SSL_CTX_set1_groups_list(pointer, "X25519:P-256:P-384") == 1,
            unsafe SSL_CTX_set_num_tickets(pointer, 0) == 1,
            unsafe SSL_CTX_set_max_early_data(pointer, 0) == 1
        else { throw LibraryError.failure("the protocol settings") }
    }

    private func setVerification(roots: [Certificate]) throws(TLSError) {
        unsafe SSL_CTX_set_verify(
            pointer,
            SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
            TLSSession.verifyPeer
        )
        unsafe SSL_CTX_set_verify_depth(pointer, Int32(TLSLimits.maximumIntermediates))
        guard let store = unsafe SSL_CTX_get_cert_store(pointer) else {
            throw LibraryError.failure("SSL_CTX_get_cert_store")
        }
        for root in roots {
            guard unsafe X509_STORE_add_cert(store, root.pointer) == 1 else {
                throw LibraryError.failure("X509_STORE_add_cert")
            }
        }
        var flags = UInt(X509_V_FLAG_X509_STRICT)
        if let path = credentials.revocations {
            for list in try PEM.revocations(SmallFile.read(path), path: path) {
                guard unsafe X509_STORE_add_crl(store, list.pointer) == 1 else {
                    throw .invalidFile(path: path, reason: LibraryError.take().text)
                }
            }
            flags |= UInt(X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL)
        }
        guard let parameters = unsafe SSL_CTX_get0_param(pointer),
            unsafe X509_VERIFY_PARAM_set_flags(parameters, flags) == 1
        else { throw LibraryError.failure("X509_VERIFY_PARAM_set_flags") }
    }

    private func show(
        _ leaf: Certificate,
        intermediates: ArraySlice<Certificate>,
        key: PrivateKey
    ) throws(TLSError) {
        guard let stack = unsafe OPENSSL_sk_new_null() else {
            throw LibraryError.failure("OPENSSL_sk_new_null")
        }
        defer { unsafe OPENSSL_sk_free(stack) }
        for certificate in intermediates {
            unsafe _ = OPENSSL_sk_push(stack, UnsafeRawPointer(certificate.pointer))
        }
        // The context takes references of its own.
        let done = unsafe SSL_CTX_use_cert_and_key(
            pointer,
            leaf.pointer,
            key.pointer,
            intermediates.isEmpty ? nil : stack,
            1
        )
        guard done == 1 else {
            throw .invalidFile(path: credentials.certificate, reason: LibraryError.take().text)
        }
    }

    /// Makes the checks that every peer will make, so that a mistake shows here and not there.
    private func checkOwn(_ leaf: Certificate) throws(TLSError) {
        let path = credentials.certificate
        if let refusal = PeerVerification.refusal(of: leaf, for: purpose.ownUse) {
            throw .unfitCertificate(path: path, refusal)
        }
        do throws(TLSRefusal) {
            _ = try NamedIdentity(uris: leaf.uris)
        } catch {
            throw .unfitCertificate(path: path, error)
        }
        if unsafe X509_cmp_current_time(X509_get0_notAfter(leaf.pointer)) < 0 {
            throw .unfitCertificate(path: path, TLSRefusal(.expired, "its validity is over"))
        }
        if unsafe X509_cmp_current_time(X509_get0_notBefore(leaf.pointer)) > 0 {
            throw .unfitCertificate(
                path: path,
                TLSRefusal(.notYetValid, "its validity has not begun; check the clock")
            )
        }
    }
}
