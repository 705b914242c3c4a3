/// What went wrong with a certificate, a key or a connection, and what to do about it.
package enum TLSError: Error, Sendable, Hashable {
    /// A file could not be opened or read.
    case unreadable(path: String, reason: String)
    /// A file could not be written.
    case unwritable(path: String, reason: String)
    /// A key file that others than its owner may read; `mode` holds its permission bits.
    case keyExposed(path: String, mode: UInt32)
    /// A file does not hold what its place in the configuration asks for.
    case invalidFile(path: String, reason: String)
    /// The key does not belong to the certificate.
    case keyMismatch(certificate: String, key: String)
    /// Our own certificate would be refused by every peer.
    case unfitCertificate(path: String, TLSRefusal)
    /// A request for a certificate breaks the profile.
    case invalidRequest(String)
    /// OpenSSL failed where only a broken installation or lack of memory makes it fail.
    case library(operation: String, reason: String)
    /// We refused the peer.
    case refused(TLSRefusal)
    /// The peer refused us, with this TLS alert (its number and OpenSSL's text).
    case refusedByPeer(alert: UInt8, reason: String)
    /// The peer broke the protocol after the handshake, or its bytes were altered under way.
    case broken(reason: String)
    /// The handshake did not end in time.
    case handshakeTimeout
    /// The connection ended during the handshake.
    case closedDuringHandshake
    /// The connection ended without the peer's close: what came may not be all.
    case truncated
    /// More was written than is held back for a handshake under way; `limit` in bytes.
    case tooMuchPending(limit: Int)
}

extension TLSError: CustomStringConvertible {
    /// What happened and what to do, in one line.
    package var description: String {
        switch self {
        case .unreadable(let path, let reason):
            "cannot read \(path): \(reason); check the path and its permissions"
        case .unwritable(let path, let reason):
            "cannot write \(path): \(reason); choose another folder or remove what is there"
        case .keyExposed(let path, let mode):
            "others can read the private key \(path) (mode \(String(mode, radix: 8))); "
                + "run: chmod 600 \(path), and replace the key if others had access"
        case .invalidFile(let path, let reason):
            "\(path) cannot be used: \(reason)"
        case .keyMismatch(let certificate, let key):
            "the key \(key) does not belong to the certificate \(certificate); "
                + "give the two files that were issued together"
        case .unfitCertificate(let path, let refusal):
            "\(path) would be refused by every peer (\(refusal)); issue a new certificate"
        case .invalidRequest(let reason):
            "no such certificate can be issued: \(reason)"
        case .library(let operation, let reason):
            "OpenSSL failed in \(operation): \(reason); check the system's OpenSSL installation"
        case .refused(let refusal):
            "refused the peer: \(refusal)"
        case .refusedByPeer(let alert, let reason):
            "the peer refused this certificate or connection: \(reason) (alert \(alert)); "
                + "its log names the reason"
        case .broken(let reason):
            "the connection broke: \(reason); connect again"
        case .handshakeTimeout:
            "the TLS handshake did not end in time; check that the peer is alive and speaks TLS"
        case .closedDuringHandshake:
            "the peer closed the connection during the TLS handshake; its log names the reason"
        case .truncated:
            "the connection was cut before the peer closed it; connect again"
        case .tooMuchPending(let limit):
            "more than \(limit) bytes were written before the handshake ended; wait for its end"
        }
    }
}
