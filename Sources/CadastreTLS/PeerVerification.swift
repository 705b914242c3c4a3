internal import COpenSSL

/// Checks of a peer's leaf that OpenSSL does not make, and the names of those that it makes.
enum PeerVerification {
    /// Checks a leaf against the profile: no authority, signs handshakes, exactly the one use, a
    /// strong key, a safe signature, no longer validity than allowed.
    static func refusal(of leaf: Certificate, for use: CertificateUse) -> TLSRefusal? {
        useRefusal(of: leaf, for: use) ?? strengthRefusal(of: leaf)
    }

    private static func useRefusal(of leaf: Certificate, for use: CertificateUse) -> TLSRefusal? {
        if leaf.isAuthority {
            return TLSRefusal(.badCertificate, "an authority's certificate cannot be a leaf")
        }
        guard leaf.signsHandshakes else {
            return TLSRefusal(.wrongUse, "the key usage digitalSignature is missing")
        }
        guard leaf.uses == [use] else {
            let found = leaf.uses.map { $0?.rawValue ?? "another" }.joined(separator: ", ")
            return TLSRefusal(
                .wrongUse,
                "exactly \(use.rawValue) is needed, the certificate has: "
                    + (found.isEmpty ? "none" : found)
            )
        }
        return nil
    }

    private static func strengthRefusal(of leaf: Certificate) -> TLSRefusal? {
        let (kind, bits) = leaf.keyStrength
        let isStrong =
            switch kind {
            case EVP_PKEY_RSA, EVP_PKEY_RSA_PSS: bits >= TLSLimits.minimumRSABits
            case EVP_PKEY_EC: bits >= TLSLimits.minimumCurveBits
            default: false
            }
        guard isStrong else {
            return TLSRefusal(
                .weakKey,
                "RSA of \(TLSLimits.minimumRSABits) bits or an elliptic curve of "
                    + "\(TLSLimits.minimumCurveBits) is needed, the key has \(bits) bits"
            )
        }
        guard leaf.isSignedOverSHA2 else {
            return TLSRefusal(.weakSignature, "the certificate is not signed over SHA-2")
        }
        let seconds = leaf.notAfter.subtractingReportingOverflow(leaf.notBefore)
        guard !seconds.overflow, seconds.partialValue <= TLSLimits.maximumLeafSeconds else {
            return TLSRefusal(
                .validityTooLong,
                "a leaf holds for at most \(TLSLimits.maximumLeafDays) days"
            )
        }
        return nil
    }

    /// Names a verification error of OpenSSL (`X509_V_ERR_…`).
    static func refusal(verifyError: Int) -> TLSRefusal {
        let detail =
            unsafe X509_verify_cert_error_string(verifyError).map { unsafe String(cString: $0) }
            ?? "error \(verifyError)"
        return TLSRefusal(reason(verifyError: verifyError), detail)
    }

    private static func reason(verifyError: Int) -> TLSRefusal.Reason {
        switch Int32(truncatingIfNeeded: verifyError) {
        case X509_V_ERR_CERT_HAS_EXPIRED: .expired
        case X509_V_ERR_CERT_NOT_YET_VALID: .notYetValid
        case X509_V_ERR_CERT_REVOKED: .revoked
        case X509_V_ERR_UNABLE_TO_GET_CRL, X509_V_ERR_CRL_HAS_EXPIRED,
            X509_V_ERR_CRL_NOT_YET_VALID, X509_V_ERR_CRL_SIGNATURE_FAILURE,
            X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER, X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE,
            X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
            .revocationUnknown
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT: .selfSigned
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_CERT_SIGNATURE_FAILURE,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_UNTRUSTED,
            X509_V_ERR_CERT_REJECTED:
            .unknownAuthority
        case X509_V_ERR_CERT_CHAIN_TOO_LONG, X509_V_ERR_PATH_LENGTH_EXCEEDED: .chainTooLong
        case X509_V_ERR_INVALID_PURPOSE: .wrongUse
        case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL: .weakKey
        case X509_V_ERR_CA_MD_TOO_WEAK: .weakSignature
        default: .badCertificate
        }
    }
}
