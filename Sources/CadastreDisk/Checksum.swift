internal import CChecksum

/// CRC32C, which finds what a disk, a cable or a stray write changed.
///
/// It proves nothing against intent; for that there is ``SHA256``.
package enum Checksum {
    /// Sums the bytes.
    ///
    /// Sums chain: pass the sum of the piece before as `seed`.
    @inline(__always)
    package static func crc32c(_ bytes: UnsafeRawBufferPointer, seed: UInt32 = 0) -> UInt32 {
        unsafe cadastre_crc32c(seed, bytes.baseAddress, bytes.count)
    }

    /// Sums the bytes of a span.
    package static func crc32c(_ bytes: RawSpan, seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe crc32c($0, seed: seed) }
    }

    /// Sums the bytes of an array.
    package static func crc32c(_ bytes: [UInt8], seed: UInt32 = 0) -> UInt32 {
        unsafe bytes.withUnsafeBytes { unsafe crc32c($0, seed: seed) }
    }

    /// The same sum without the processor's help; for tests of the other one.
    package static func portableCRC32C(
        _ bytes: UnsafeRawBufferPointer,
        seed: UInt32 = 0
    ) -> UInt32 {
        unsafe cadastre_crc32c_portable(seed, bytes.baseAddress, bytes.count)
    }

    /// Whether the processor sums by itself.
    package static var isAccelerated: Bool { cadastre_crc32c_is_accelerated() }
}
