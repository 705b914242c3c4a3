/// Arithmetic on keys, which are bytes and sort as such.
package enum Keys {
    /// Above every key: longer than any, and of the highest byte.
    package static let behindAll = [UInt8](repeating: 0xff, count: 1_025)

    /// The first key behind all that begin with the prefix: its last byte that can grow grows, what
    /// follows falls away.
    ///
    /// Nil when there is none: an empty prefix, or one of 0xFF alone.
    package static func end(ofPrefix prefix: [UInt8]) -> [UInt8]? {
        var end = prefix
        while let last = end.popLast() {
            if last < 0xff { return end + [last + 1] }
        }
        return nil
    }

    /// Where a page begins that holds keys of this prefix above `after`.
    package static func start(prefix: [UInt8], after: [UInt8]) -> [UInt8] {
        // The key that follows another at once is the same with a zero byte appended.
        after.isEmpty || after.lexicographicallyPrecedes(prefix) ? prefix : after + [0]
    }
}
