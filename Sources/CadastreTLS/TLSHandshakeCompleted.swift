/// What the handler fires, as a user inbound event, once the peer is known and let in.
///
/// Nothing from the peer reaches the pipeline before it. A client learns only from the first bytes
/// it reads that the server has accepted it too (TLS 1.3 ends the client's handshake first).
package struct TLSHandshakeCompleted: Sendable {
    /// Who the peer is.
    package let identity: Identity
    /// Where the peer stands, for nodes.
    package let site: Site?
    /// SHA-256 over the peer's certificate.
    package let fingerprint: [UInt8]
    /// The last second of the certificate's validity, counted from 1970.
    package let notAfter: Int64
    /// What the peer has shown, to be judged again while the connection stands.
    package let chain: PeerChain
}
