internal import COpenSSL

/// Reading and writing the text form of certificates, keys and revocation lists.
enum PEM {
    /// Every certificate of a file, in its order; empty if there is none.
    ///
    /// - Throws: `TLSError.invalidFile` for a damaged certificate or too many.
    static func certificates(_ bytes: [UInt8], path: String) throws(TLSError) -> [Certificate] {
        try unsafe all(bytes, path: path) { bio in
            unsafe PEM_read_bio_X509(bio, nil, refusePassword, nil).map {
                unsafe Certificate(owning: $0)
            }
        }
    }

    /// Every revocation list of a file.
    ///
    /// - Throws: `TLSError.invalidFile` for a damaged list, none or too many.
    static func revocations(_ bytes: [UInt8], path: String) throws(TLSError) -> [RevocationList] {
        try unsafe all(bytes, path: path) { bio in
            unsafe PEM_read_bio_X509_CRL(bio, nil, refusePassword, nil).map {
                unsafe RevocationList(owning: $0)
            }
        }
    }

    /// The private key of a file.
    ///
    /// - Throws: `TLSError.invalidFile` if there is none, or it is encrypted.
    static func key(_ bytes: [UInt8], path: String) throws(TLSError) -> PrivateKey {
        let key = try unsafe reading(bytes) { bio in
            unsafe PEM_read_bio_PrivateKey(bio, nil, refusePassword, nil).map {
                unsafe PrivateKey(owning: $0)
            }
        }
        guard let key else {
            let reason = LibraryError.take().text
            throw .invalidFile(
                path: path,
                reason: "no private key without a password in it (\(reason))"
            )
        }
        return key
    }

    /// The text of a certificate.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    static func text(_ certificate: Certificate) throws(TLSError) -> [UInt8] {
        try unsafe writing("PEM_write_bio_X509") {
            unsafe PEM_write_bio_X509($0, certificate.pointer)
        }
    }

    /// The text of a private key, not encrypted.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    static func text(_ key: PrivateKey) throws(TLSError) -> [UInt8] {
        try unsafe writing("PEM_write_bio_PKCS8PrivateKey") {
            unsafe PEM_write_bio_PKCS8PrivateKey($0, key.pointer, nil, nil, 0, nil, nil)
        }
    }

    /// The text of a revocation list.
    ///
    /// - Throws: `TLSError.library` if there is no memory.
    static func text(_ list: RevocationList) throws(TLSError) -> [UInt8] {
        try unsafe writing("PEM_write_bio_X509_CRL") {
            unsafe PEM_write_bio_X509_CRL($0, list.pointer)
        }
    }

    private static func all<Part>(
        _ bytes: [UInt8],
        path: String,
        next: (OpaquePointer) -> Part?
    ) throws(TLSError) -> [Part] {
        ERR_clear_error()
        let parts = try unsafe reading(bytes) { bio in
            var parts: [Part] = []
            while parts.count <= TLSLimits.maximumCertificates, let part = unsafe next(bio) {
                parts.append(part)
            }
            return parts
        }
        guard parts.count <= TLSLimits.maximumCertificates else {
            ERR_clear_error()
            throw .invalidFile(path: path, reason: "more than \(TLSLimits.maximumCertificates)")
        }
        // The end of the text reads as "no start line"; any other reason is damage.
        let end = LibraryError.take()
        guard ERR_GET_LIB(end.code) == ERR_LIB_PEM, end.reason == PEM_R_NO_START_LINE else {
            throw .invalidFile(path: path, reason: "part \(parts.count + 1): \(end.text)")
        }
        guard !parts.isEmpty else {
            throw .invalidFile(path: path, reason: "no PEM block of the expected kind in it")
        }
        return parts
    }

    private static func reading<Result>(
        _ bytes: [UInt8],
        _ body: (OpaquePointer) -> Result
    ) throws(TLSError) -> Result {
        let result: Result? = unsafe bytes.withUnsafeBytes { bytes in
            let bio = unsafe BIO_new_mem_buf(bytes.baseAddress, Int32(clamping: bytes.count))
            guard let bio = unsafe bio else { return nil }
            defer { unsafe BIO_free(bio) }
            return unsafe body(bio)
        }
        guard let result else { throw LibraryError.failure("BIO_new_mem_buf") }
        return result
    }

    private static func writing(
        _ operation: String,
        _ body: (OpaquePointer) -> Int32
    ) throws(TLSError) -> [UInt8] {
        guard let bio = unsafe BIO_new(BIO_s_mem()) else { throw LibraryError.failure("BIO_new") }
        defer { unsafe BIO_free(bio) }
        guard unsafe body(bio) == 1 else { throw LibraryError.failure(operation) }
        let size = unsafe BIO_ctrl_pending(bio)
        return unsafe [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let read = unsafe BIO_read(bio, buffer.baseAddress, Int32(clamping: size))
            count = max(0, Int(read))
        }
    }
}

/// Has no password; without it OpenSSL would ask for one on the terminal and wait.
private func refusePassword(
    _: UnsafeMutablePointer<CChar>?,
    _: Int32,
    _: Int32,
    _: UnsafeMutableRawPointer?
) -> Int32 { -1 }
