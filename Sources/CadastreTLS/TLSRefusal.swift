/// Why a peer was not let in.
package struct TLSRefusal: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of refusal, counted one by one; the raw value is the metric's label.
    package enum Reason: String, Sendable, Hashable, CaseIterable {
        /// The peer presented no certificate.
        case noCertificate = "no_certificate"
        /// No private root of ours signed the peer's certificate.
        case unknownAuthority = "unknown_authority"
        /// The certificate is its own issuer.
        case selfSigned = "self_signed"
        /// The certificate's validity is over.
        case expired
        /// The certificate's validity has not begun.
        case notYetValid = "not_yet_valid"
        /// The authority has revoked the certificate.
        case revoked
        /// The revocation list is missing, stale, or not signed by the authority.
        case revocationUnknown = "revocation_unknown"
        /// The chain is longer than allowed.
        case chainTooLong = "chain_too_long"
        /// The certificate's uses are not exactly the one that this side of a connection needs.
        case wrongUse = "wrong_use"
        /// The key is too small or of a kind that the profile does not have.
        case weakKey = "weak_key"
        /// The certificate is signed over a digest that is no longer safe.
        case weakSignature = "weak_signature"
        /// The certificate holds for longer than a leaf may.
        case validityTooLong = "validity_too_long"
        /// The certificate breaks another rule of X.509 or of our profile.
        case badCertificate = "bad_certificate"
        /// No `cadastre://` URI in the certificate.
        case identityMissing = "identity_missing"
        /// More than one `cadastre://` URI in the certificate.
        case identityAmbiguous = "identity_ambiguous"
        /// A URI that is nearly an identity.
        case identityMalformed = "identity_malformed"
        /// A site that cannot be read, is named twice, or stands in a certificate of no node.
        case siteMalformed = "site_malformed"
        /// A node's certificate that does not say where the node stands.
        case siteMissing = "site_missing"
        /// The node stands elsewhere than the cluster's configuration says.
        case otherSite = "other_site"
        /// The node stands in a country that the cluster's policy does not allow.
        case countryNotAllowed = "country_not_allowed"
        /// The identity belongs to another cluster.
        case otherCluster = "other_cluster"
        /// The identity may not use this listener, or is not the peer that was dialled.
        case notAccepted = "not_accepted"
        /// The peer offered no protocol version that is allowed.
        case protocolVersion = "protocol_version"
        /// The peer does not speak TLS, or speaks it wrongly.
        case malformed
        /// The peer sent too many bytes before it was authenticated.
        case tooManyBytes = "too_many_bytes"
    }

    /// The kind, for counting and for tests.
    package let reason: Reason
    /// What was seen, for a log; printable and short.
    package let detail: String

    /// Makes a refusal from its kind and what was seen.
    package init(_ reason: Reason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }

    /// The kind and the detail.
    package var description: String { "\(reason.rawValue): \(detail)" }

    /// Refuses everything but nodes of `cluster`; with `id`, everything but that node.
    package static func unlessNode(
        of cluster: String,
        id: UInt64? = nil
    ) -> @Sendable (NamedIdentity) -> TLSRefusal? {
        { name in
            if let refusal = unlessCluster(cluster, name.identity) { return refusal }
            guard case .node(_, let found) = name.identity, id == nil || id == found else {
                let wanted = id.map { "node \($0)" } ?? "a node"
                return TLSRefusal(.notAccepted, "expected \(wanted), the peer is \(name.identity)")
            }
            return nil
        }
    }

    /// Refuses identities of any cluster but `cluster`.
    package static func unlessMember(
        of cluster: String
    ) -> @Sendable (NamedIdentity) -> TLSRefusal? {
        { unlessMember($0.identity, of: cluster) }
    }

    /// Refuses an identity of any cluster but `cluster`.
    package static func unlessMember(_ identity: Identity, of cluster: String) -> TLSRefusal? {
        unlessCluster(cluster, identity)
    }

    private static func unlessCluster(_ cluster: String, _ identity: Identity) -> TLSRefusal? {
        guard identity.cluster != cluster else { return nil }
        return TLSRefusal(.otherCluster, "expected cluster \(cluster), the peer is \(identity)")
    }
}
