/// What is written into a leaf certificate, to the letter.
///
/// Nothing is checked here: `CertificateRequest` makes profiles that peers accept, and the tests of
/// refusals make the others.
package struct CertificateProfile: Sendable, Hashable {
    /// An alternative name.
    package enum Name: Sendable, Hashable {
        /// The bytes of a URI.
        case uri([UInt8])
        /// The bytes of a DNS name.
        case dns([UInt8])
        /// Four or sixteen bytes.
        case address([UInt8])
    }

    /// The kind of a key.
    package enum Key: Sendable, Hashable {
        /// A key on a curve.
        case curve(CertificateAuthority.Curve)
        /// An RSA key of so many bits.
        case rsa(bits: UInt32)
    }

    /// Over which digest the authority signs.
    package enum Signature: Sendable, Hashable {
        /// SHA-384 for the larger curve, SHA-256 for all else.
        case fitting
        /// What the profile of leaves forbids.
        case sha1
    }

    /// The subject's common name.
    package var commonName: String
    /// The alternative names; without any there is no such extension.
    package var names: [Name]
    /// The extended key uses; without any there is no such extension.
    package var uses: [CertificateUse]
    /// When it holds.
    package var validity: Validity
    /// The kind of its key.
    package var key = Key.curve(.p256)
    /// Over which digest it is signed.
    package var signature = Signature.fitting
    /// Signed by its own key instead of the authority's.
    package var isSelfSigned = false

    /// Describes a certificate.
    package init(
        commonName: String,
        names: [Name],
        uses: [CertificateUse],
        validity: Validity
    ) {
        self.commonName = commonName
        self.names = names
        self.uses = uses
        self.validity = validity
    }

    /// The alternative names as DER (RFC 5280 §4.2.1.6), each with its context-specific tag.
    var encodedNames: [UInt8] {
        var content: [UInt8] = []
        for name in names {
            switch name {
            case .dns(let bytes): content += Self.element(tag: 0x82, bytes)
            case .uri(let bytes): content += Self.element(tag: 0x86, bytes)
            case .address(let bytes): content += Self.element(tag: 0x87, bytes)
            }
        }
        return Self.element(tag: 0x30, content)
    }

    private static func element(tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        precondition(content.count < 0x10000, "an element of \(content.count) bytes")
        let size = content.count
        let length: [UInt8] =
            switch size {
            case ..<0x80: [UInt8(size)]
            case ..<0x100: [0x81, UInt8(size)]
            default: [0x82, UInt8(size >> 8), UInt8(size & 0xFF)]
            }
        return [tag] + length + content
    }
}
