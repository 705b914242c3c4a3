package import RaftCore

/// The key of a cluster's row hashes, the same on all its nodes.
package struct RowHashKey: Hashable, Sendable {
    let first: UInt64
    let second: UInt64

    /// Derives the key of a cluster.
    package init(cluster: ClusterID) {
        first = RowHasher.finish(cluster.high ^ 0x9e37_79b9_7f4a_7c15)
        second = RowHasher.finish(cluster.low ^ 0xd1b5_4a32_d192_ed03)
    }

    /// The key by which the ids of sessions are made: the entry's random bytes vary, not this.
    static let sessions = RowHashKey(cluster: ClusterID(high: 0, low: 0))
}

/// Hashes one row, or one command, to 128 bits: two lanes of folded 64×64-bit products.
///
/// Integers are taken as 64 bits; bytes as their count, then little-endian words, the last filled
/// up with zeros. The layout of each row is the order of its `hash(into:)`. Stored digests depend on
/// every constant here: a change is a new schema number.
package struct RowHasher {
    private var first: UInt64
    private var second: UInt64

    /// Starts the hash of a row of the table with this tag.
    @inline(__always)
    package init(key: RowHashKey, tag: UInt64) {
        first = key.first ^ tag
        second = key.second &+ tag
    }

    /// Takes an integer.
    @inline(__always)
    package mutating func combine(_ word: UInt64) {
        first = Self.fold(first ^ word, 0xa076_1d64_78bd_642f) &+ word
        second = Self.fold(second ^ (word &<< 29 | word &>> 35), 0xe703_7ed1_a0b4_28db) ^ word
    }

    /// Takes bytes, and how many.
    package mutating func combine(_ bytes: [UInt8]) { combine(bytes.span) }

    /// Takes bytes that lie elsewhere, and how many.
    package mutating func combine(_ bytes: Span<UInt8>) {
        combine(UInt64(bytes.count))
        unsafe bytes.withUnsafeBytes { buffer in
            var offset = 0
            while offset + 8 <= buffer.count {
                let word = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                combine(UInt64(littleEndian: word))
                offset += 8
            }
            guard offset < buffer.count else { return }
            var word: UInt64 = 0
            for place in offset..<buffer.count {
                unsafe word |= UInt64(buffer[place]) << (8 * UInt64(place - offset))
            }
            combine(word)
        }
    }

    /// Takes an optional integer: whether it is there, then what it is.
    package mutating func combine(_ word: UInt64?) {
        combine(word == nil ? 0 : 1 as UInt64)
        combine(word ?? 0)
    }

    /// The 128 bits.
    package func finished() -> StateDigest {
        StateDigest(
            high: Self.finish(first ^ Self.rotate(second)),
            low: Self.finish(second &+ first)
        )
    }

    /// The lower 64 bits.
    package func finished64() -> UInt64 { finished().low }

    @inline(__always)
    private static func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }

    @inline(__always)
    private static func rotate(_ word: UInt64) -> UInt64 { word &<< 32 | word &>> 32 }

    fileprivate static func finish(_ word: UInt64) -> UInt64 {
        var mixed = (word ^ (word &>> 33)) &* 0xff51_afd7_ed55_8ccd
        mixed = (mixed ^ (mixed &>> 33)) &* 0xc4ce_b9fe_1a85_ec53
        return mixed ^ (mixed &>> 33)
    }
}
