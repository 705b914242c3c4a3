internal import COpenSSL

/// SHA-256 through the system's libcrypto.
///
/// One value hashes any number of messages, one after the other; keep it, since making one
/// allocates.
///
/// Used by one thread at a time.
@safe
package final class SHA256 {
    /// The 32 bytes of a hash, eight at a time, each word read little-endian.
    package struct Digest: Hashable, Sendable {
        /// The four words, the first bytes first.
        package let words: (UInt64, UInt64, UInt64, UInt64)

        /// Takes the four words.
        package init(words: (UInt64, UInt64, UInt64, UInt64)) { self.words = words }

        /// The 32 bytes.
        package var bytes: [UInt8] {
            [words.0, words.1, words.2, words.3].flatMap { word in
                (0..<8).map { UInt8(truncatingIfNeeded: word >> (8 * UInt64($0))) }
            }
        }

        package static func == (left: Self, right: Self) -> Bool { left.words == right.words }
        package func hash(into hasher: inout Hasher) {
            hasher.combine(words.0)
            hasher.combine(words.1)
        }
    }

    /// The algorithm, fetched once: fetching takes a lock and a search inside libcrypto.
    ///
    /// Safe to share: libcrypto never changes it, and it is never freed.
    private nonisolated(unsafe) static let algorithm = unsafe EVP_MD_fetch(nil, "SHA256", nil)

    private let context: OpaquePointer

    /// Begins an empty message.
    package init() {
        guard let context = unsafe EVP_MD_CTX_new() else {
            preconditionFailure("libcrypto has no memory for a digest")
        }
        unsafe self.context = unsafe context
        restart()
    }

    deinit { unsafe EVP_MD_CTX_free(context) }

    /// Adds bytes to the message.
    package func update(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 0 else { return }
        let result = unsafe EVP_DigestUpdate(context, bytes.baseAddress, bytes.count)
        precondition(result == 1, "libcrypto refuses to hash \(bytes.count) bytes")
    }

    /// Adds the bytes of an array to the message.
    package func update(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe update($0) }
    }

    /// Adds four words, each little-endian, to the message.
    package func update(words: (UInt64, UInt64, UInt64, UInt64)) {
        var words = (
            words.0.littleEndian, words.1.littleEndian, words.2.littleEndian, words.3.littleEndian
        )
        unsafe withUnsafeBytes(of: &words) { unsafe update($0) }
    }

    /// The hash of everything added, after which an empty message begins.
    package func finalize() -> Digest {
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let result = unsafe withUnsafeMutableBytes(of: &words) { buffer in
            unsafe EVP_DigestFinal_ex(
                context,
                buffer.baseAddress?.assumingMemoryBound(to: UInt8.self),
                nil
            )
        }
        precondition(result == 1, "libcrypto refuses to finish a hash")
        restart()
        return Digest(
            words: (
                UInt64(littleEndian: words.0), UInt64(littleEndian: words.1),
                UInt64(littleEndian: words.2), UInt64(littleEndian: words.3)
            )
        )
    }

    /// The hash of one array.
    package static func hash(_ bytes: [UInt8]) -> Digest {
        let hash = SHA256()
        hash.update(bytes)
        return hash.finalize()
    }

    private func restart() {
        let result = unsafe EVP_DigestInit_ex2(context, SHA256.algorithm, nil)
        precondition(result == 1, "libcrypto does not offer SHA-256")
    }
}
