internal import COpenSSL
internal import NIOCore

/// The peer after its certificate was verified.
struct VerifiedPeer {
    /// Who and where.
    let name: NamedIdentity
    /// SHA-256 over the leaf.
    let fingerprint: [UInt8]
    /// The last second of the leaf's validity, counted from 1970.
    let notAfter: Int64
    /// The whole chain.
    let chain: PeerChain
}

/// What the leaf said, before the handshake has ended.
private struct AcceptedLeaf {
    let name: NamedIdentity
    let fingerprint: [UInt8]
    let notAfter: Int64
}

/// One connection's OpenSSL state: ciphertext on one side, plaintext on the other, no socket.
///
/// Used on one event loop only.
@safe
final class TLSSession {
    /// What a step of the handshake came to.
    enum Progress {
        case done(VerifiedPeer)
        case needsInput
        case failed(TLSError)
    }

    /// What an attempt to read plaintext came to.
    enum Reading {
        case bytes(Int)
        case needsInput
        case closed
        case failed(TLSError)
    }

    private let context: TLSContext
    private let accept: @Sendable (NamedIdentity) -> TLSRefusal?
    private let ssl: OpaquePointer
    private let wire: Wire
    private var leaf: AcceptedLeaf?
    private var refusal: TLSRefusal?
    /// Changes of keys by the peer since it last sent data.
    private var keyUpdates = 0

    /// Begins a connection.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    init(
        _ context: TLSContext,
        accept: @escaping @Sendable (NamedIdentity) -> TLSRefusal?
    ) throws(TLSError) {
        guard let ssl = unsafe SSL_new(context.pointer) else {
            throw LibraryError.failure("SSL_new")
        }
        do throws(TLSError) {
            wire = try Wire()
        } catch {
            unsafe SSL_free(ssl)
            throw error
        }
        unsafe SSL_set_bio(ssl, wire.bio, wire.bio)
        self.context = context
        self.accept = accept
        unsafe self.ssl = unsafe ssl
        // Not retained: the callbacks run only inside calls on `self`, which outlives `ssl`.
        unsafe SSL_set_ex_data(ssl, 0, Unmanaged.passUnretained(self).toOpaque())
        unsafe SSL_set_msg_callback(ssl, Self.noteMessage)
        switch context.purpose {
        case .server: unsafe SSL_set_accept_state(ssl)
        case .client: unsafe SSL_set_connect_state(ssl)
        }
    }

    deinit { unsafe SSL_free(ssl) }

    /// Takes the handshake as far as the ciphertext allows, and of it no more than a slice.
    func handshake(_ ciphertext: inout ByteBuffer) -> Progress {
        ERR_clear_error()
        let result = wire.offering(&ciphertext, limit: TLSLimits.handshakeSliceBytes) {
            unsafe SSL_do_handshake(ssl)
        }
        guard result != 1 else {
            guard let leaf, let chain = unsafe PeerChain(retaining: SSL_get0_verified_chain(ssl))
            else {
                return .failed(.library(operation: "SSL_do_handshake", reason: "no peer verified"))
            }
            return .done(
                VerifiedPeer(
                    name: leaf.name,
                    fingerprint: leaf.fingerprint,
                    notAfter: leaf.notAfter,
                    chain: chain
                )
            )
        }
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        // A close_notify is nobody's refusal: trying again may help.
        case SSL_ERROR_ZERO_RETURN: return .failed(.closedDuringHandshake)
        default: return .failed(handshakeFailure())
        }
    }

    /// Decrypts at most one record of the ciphertext into the buffer's writable bytes.
    ///
    /// `needsInput` if none is whole: then all of the ciphertext has been taken.
    func read(_ ciphertext: inout ByteBuffer, into plaintext: inout ByteBuffer) -> Reading {
        ERR_clear_error()
        var result: Int32 = 0
        let count = unsafe plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: 1) { bytes in
            result = wire.offering(&ciphertext) {
                unsafe SSL_read(ssl, bytes.baseAddress, Int32(clamping: bytes.count))
            }
            return max(0, Int(result))
        }
        guard keyUpdates <= TLSLimits.maximumKeyUpdates else {
            return .failed(.broken(reason: "the peer changes its keys and sends nothing"))
        }
        guard count == 0 else {
            keyUpdates = 0
            return .bytes(count)
        }
        switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_ZERO_RETURN: return .closed
        default: return .failed(connectionFailure())
        }
    }

    /// Encrypts all readable bytes of `plaintext`; the records wait to be sent.
    ///
    /// Records are as full as the protocol allows: 16 KiB each but for the last.
    /// - Throws: `TLSError.broken` if the connection is no longer usable.
    func encrypt(_ plaintext: inout ByteBuffer) throws(TLSError) {
        // Each record of 16 KiB adds 22 bytes.
        wire.reserveOutput(plaintext.readableBytes + plaintext.readableBytes / 512 + 64)
        while plaintext.readableBytes > 0 {
            ERR_clear_error()
            let taken = unsafe plaintext.readWithUnsafeReadableBytes { bytes in
                max(0, Int(unsafe SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count))))
            }
            guard taken > 0 else { throw connectionFailure() }
        }
    }

    /// How many bytes wait to be sent.
    var outputBytes: Int { wire.outputBytes }

    /// Hands out everything that waits to be sent.
    func takeOutput() -> ByteBuffer { wire.takeOutput() }

    /// Whether a part of a record has been taken in, and no more.
    var holdsPartialRecord: Bool {
        unsafe SSL_has_pending(ssl) != 0
    }

    /// Queues our close_notify: nothing can be encrypted afterwards.
    func closeOutput() {
        ERR_clear_error()
        unsafe _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    // MARK: - The peer's certificate

    /// Called by OpenSSL for each certificate of the chain, and for each error, within a handshake.
    ///
    /// A refusal here becomes an alert before either side has sent a byte of application data that
    /// the other would accept.
    static let verifyPeer: @convention(c) (Int32, OpaquePointer?) -> Int32 = { verified, store in
        guard let store = unsafe store,
            let ssl = unsafe X509_STORE_CTX_get_ex_data(
                store,
                SSL_get_ex_data_X509_STORE_CTX_idx()
            ),
            let reference = unsafe SSL_get_ex_data(OpaquePointer(ssl), 0)
        else { return 0 }
        let session = unsafe Unmanaged<TLSSession>.fromOpaque(reference).takeUnretainedValue()
        guard verified == 1 else {
            let error = unsafe X509_STORE_CTX_get_error(store)
            session.refuse(PeerVerification.refusal(verifyError: Int(error)))
            return 0
        }
        guard unsafe X509_STORE_CTX_get_error_depth(store) == 0 else { return 1 }
        guard let leaf = unsafe X509_STORE_CTX_get_current_cert(store) else { return 0 }
        guard session.isAcceptable(unsafe Certificate(retaining: leaf)) else {
            unsafe X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION)
            return 0
        }
        return 1
    }

    private func isAcceptable(_ certificate: Certificate) -> Bool {
        if let refusal = PeerVerification.refusal(of: certificate, for: context.purpose.peerUse) {
            refuse(refusal)
            return false
        }
        do throws(TLSRefusal) {
            let name = try NamedIdentity(uris: certificate.uris)
            if let refusal = accept(name) { throw refusal }
            leaf = AcceptedLeaf(
                name: name,
                fingerprint: certificate.fingerprint,
                notAfter: certificate.notAfter
            )
            return true
        } catch {
            refuse(error)
            return false
        }
    }

    /// Keeps the first refusal: what follows it follows from it.
    private func refuse(_ refusal: TLSRefusal) {
        if self.refusal == nil { self.refusal = refusal }
    }

    // MARK: - Changes of keys

    /// Called by OpenSSL for each message and record header, both ways: counts the peer's KeyUpdate
    /// messages (RFC 8446 §4.6.3), and takes no more of a flood, which one read would go through.
    private static let noteMessage:
        @convention(c) (
            Int32, Int32, Int32, UnsafeRawPointer?, Int, OpaquePointer?, UnsafeMutableRawPointer?
        ) -> Void = { isSent, _, content, message, size, ssl, _ in
            guard isSent == 0, content == SSL3_RT_HANDSHAKE, size > 0,
                let message = unsafe message, let ssl = unsafe ssl,
                unsafe message.load(as: UInt8.self) == UInt8(SSL3_MT_KEY_UPDATE),
                let reference = unsafe SSL_get_ex_data(ssl, 0)
            else { return }
            let session = unsafe Unmanaged<TLSSession>.fromOpaque(reference).takeUnretainedValue()
            session.keyUpdates += 1
            if session.keyUpdates > TLSLimits.maximumKeyUpdates { session.wire.dropInput() }
        }

    /// Changes our keys and asks the peer to change its own; for tests of what a flood comes to.
    func updateKeys() {
        unsafe _ = SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED)
        unsafe _ = SSL_do_handshake(ssl)
        ERR_clear_error()
    }

    // MARK: - Failures

    private func handshakeFailure() -> TLSError {
        let error = LibraryError.take()
        if let refusal { return .refused(refusal) }
        if let alert = error.alert { return .refusedByPeer(alert: alert, reason: error.text) }
        switch error.reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return .refused(TLSRefusal(.noCertificate, "the peer presented no certificate"))
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_PROTOCOLS_AVAILABLE, SSL_R_VERSION_TOO_LOW,
            SSL_R_WRONG_SSL_VERSION, SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return .refused(TLSRefusal(.protocolVersion, "TLS 1.3 is needed: \(error.text)"))
        case SSL_R_EXCESSIVE_MESSAGE_SIZE:
            return .refused(TLSRefusal(.tooManyBytes, error.text))
        default:
            return .refused(TLSRefusal(.malformed, error.text))
        }
    }

    private func connectionFailure() -> TLSError {
        let error = LibraryError.take()
        if let alert = error.alert { return .refusedByPeer(alert: alert, reason: error.text) }
        return .broken(reason: error.text)
    }
}
