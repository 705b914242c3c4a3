internal import COpenSSL
internal import Glibc

/// The one thing that a leaf certificate is for; a node has one certificate of each.
package enum CertificateUse: String, Sendable, Hashable, CaseIterable {
    /// Accepts connections.
    case serverAuth
    /// Opens connections.
    case clientAuth
}

extension Certificate {
    /// A further reference to a certificate that belongs to someone else.
    convenience init(retaining pointer: OpaquePointer) {
        unsafe X509_up_ref(pointer)
        unsafe self.init(owning: pointer)
    }

    /// The bytes of every URI among the alternative names, in their order, whatever they hold.
    ///
    /// Empty too if the extension is damaged or stands there twice.
    var uris: [[UInt8]] {
        alternativeNames(GEN_URI)
    }

    /// Every DNS name among the alternative names, made printable.
    var dnsNames: [String] {
        alternativeNames(GEN_DNS).map { printable($0) }
    }

    /// The uses that the certificate names; an unknown one is nil.
    var uses: [CertificateUse?] {
        guard let list = unsafe X509_get_ext_d2i(pointer, NID_ext_key_usage, nil, nil) else {
            return []
        }
        let stack = OpaquePointer(list)
        defer { unsafe EXTENDED_KEY_USAGE_free(stack) }
        var uses: [CertificateUse?] = []
        for index in 0..<max(0, unsafe OPENSSL_sk_num(stack)) {
            guard let object = unsafe OPENSSL_sk_value(stack, index) else { continue }
            switch unsafe OBJ_obj2nid(OpaquePointer(object)) {
            case NID_server_auth: uses.append(.serverAuth)
            case NID_client_auth: uses.append(.clientAuth)
            default: uses.append(nil)
            }
        }
        return uses
    }

    /// Whether the certificate may sign others.
    var isAuthority: Bool {
        unsafe X509_check_ca(pointer) != 0
    }

    /// Whether the key may sign handshakes, said so by an extension that is there.
    var signsHandshakes: Bool {
        unsafe X509_get_extension_flags(pointer) & UInt32(EXFLAG_KUSAGE) != 0
            && X509_get_key_usage(pointer) & UInt32(KU_DIGITAL_SIGNATURE) != 0
    }

    /// The kind of the key (`EVP_PKEY_RSA`, `EVP_PKEY_EC`, …) and its size; zeros if unreadable.
    var keyStrength: (kind: Int32, bits: Int32) {
        guard let key = unsafe X509_get0_pubkey(pointer) else { return (0, 0) }
        return unsafe (EVP_PKEY_get_base_id(key), EVP_PKEY_get_bits(key))
    }

    /// Whether the certificate is signed over a digest of the SHA-2 family.
    var isSignedOverSHA2: Bool {
        var digest: Int32 = 0
        guard unsafe X509_get_signature_info(pointer, &digest, nil, nil, nil) == 1 else {
            return false
        }
        return [NID_sha256, NID_sha384, NID_sha512].contains(digest)
    }

    /// The first second of the validity, counted from 1970; the least number if unreadable.
    var notBefore: Int64 {
        unsafe seconds(X509_get0_notBefore(pointer)) ?? .min
    }

    /// The last second of the validity, counted from 1970; the least number if unreadable.
    var notAfter: Int64 {
        unsafe seconds(X509_get0_notAfter(pointer)) ?? .min
    }

    /// SHA-256 over the certificate.
    var fingerprint: [UInt8] {
        unsafe [UInt8](unsafeUninitializedCapacity: 32) { buffer, count in
            var size: UInt32 = 0
            let done = unsafe X509_digest(pointer, EVP_sha256(), buffer.baseAddress, &size)
            count = done == 1 ? Int(size) : 0
        }
    }

    /// The serial number, without leading zeros.
    var serial: [UInt8] {
        guard let number = unsafe X509_get0_serialNumber(pointer) else { return [] }
        return unsafe bytes(of: number)
    }

    /// The common name of the subject, made printable; empty if there is none.
    var commonName: String {
        guard let subject = unsafe X509_get_subject_name(pointer) else { return "" }
        let index = unsafe X509_NAME_get_index_by_NID(subject, NID_commonName, -1)
        guard index >= 0, let entry = unsafe X509_NAME_get_entry(subject, index),
            let text = unsafe X509_NAME_ENTRY_get_data(entry)
        else { return "" }
        return unsafe printable(bytes(of: text))
    }

    private func alternativeNames(_ wanted: Int32) -> [[UInt8]] {
        guard let list = unsafe X509_get_ext_d2i(pointer, NID_subject_alt_name, nil, nil) else {
            return []
        }
        let stack = OpaquePointer(list)
        defer { unsafe GENERAL_NAMES_free(stack) }
        var names: [[UInt8]] = []
        for index in 0..<max(0, unsafe OPENSSL_sk_num(stack)) {
            guard let item = unsafe OPENSSL_sk_value(stack, index) else { continue }
            let name = unsafe item.assumingMemoryBound(to: GENERAL_NAME.self)
            var kind: Int32 = -1
            guard let value = unsafe GENERAL_NAME_get0_value(name, &kind), kind == wanted else {
                continue
            }
            unsafe names.append(bytes(of: value.assumingMemoryBound(to: ASN1_STRING.self)))
        }
        return names
    }

    private func bytes(of text: UnsafePointer<ASN1_STRING>) -> [UInt8] {
        let size = Int(unsafe ASN1_STRING_length(text))
        guard size > 0, let start = unsafe ASN1_STRING_get0_data(text) else { return [] }
        return unsafe Array(UnsafeBufferPointer(start: start, count: size))
    }

    private func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
        var fields = unsafe tm()
        guard unsafe ASN1_TIME_to_tm(time, &fields) == 1 else { return nil }
        return Int64(unsafe timegm(&fields))
    }
}
