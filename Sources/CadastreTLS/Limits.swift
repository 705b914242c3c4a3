/// The limits of this target, each with its reason.
package enum TLSLimits {
    /// The most bytes that a peer may send before it is authenticated.
    ///
    /// An honest flight of two elliptic-curve certificates is below 3 KiB, of RSA-4096 below 8 KiB.
    package static let maximumHandshakeBytes = 16 * 1024
    /// How many bytes of a handshake are handed to OpenSSL at a time: the bound above is looked at
    /// so often.
    ///
    /// What lies behind the handshake is not among them: it takes record by record.
    static let handshakeSliceBytes = 4 * 1024
    /// The most plaintext that is decrypted before it is handed on, and the least write that is
    /// encrypted from where it lies.
    static let sliceBytes = 64 * 1024
    /// The most bytes of one write towards the socket.
    static let maximumOutputBytes = 256 * 1024
    /// The most plaintext held back for a handshake that has not ended.
    package static let maximumPendingBytes = 1024 * 1024
    /// The most intermediate certificates between a leaf and its root.
    static let maximumIntermediates = 2
    /// The most certificates in one file.
    static let maximumCertificates = 32
    /// The most bytes of a certificate, key, root or revocation file.
    static let maximumFileBytes = 1024 * 1024
    /// The most characters of one part of an identity.
    package static let maximumNameCharacters = 64
    /// The longest validity of a leaf (ANSSI TLS guide, R24).
    package static let maximumLeafDays = 825
    /// The same in seconds, with the five minutes by which a validity begins early.
    static let maximumLeafSeconds = Int64(maximumLeafDays) * 86_400 + 300
    /// The smallest RSA key of a leaf, in bits (ANSSI TLS guide, R28: from 2031 the least allowed).
    static let minimumRSABits: Int32 = 3_072
    /// The smallest elliptic curve of a leaf, in bits.
    static let minimumCurveBits: Int32 = 256
    /// The most changes of keys that a peer may make without sending anything under them.
    ///
    /// Each costs us two key derivations and, if the peer asks for it, an answer.
    static let maximumKeyUpdates = 32
    /// How long a refused connection stays half open, so that the peer can read the alert.
    static let lingerSeconds: Int64 = 1
}
