/// An order-independent hash over all rows: equal rows, equal digest.
///
/// The sum, modulo 2^128, of a keyed hash of each row in our own layout (``RowHasher``): O(1) for a
/// changed row. It finds divergence and damage; it is not meant to withstand who knows the key.
package struct StateDigest: Hashable, Sendable, CustomStringConvertible {
    /// The upper half.
    package var high: UInt64
    /// The lower half.
    package var low: UInt64

    /// Takes the two halves.
    package init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// The digest of no rows.
    package static let zero = StateDigest(high: 0, low: 0)

    /// Adds a row's hash.
    package static func += (left: inout Self, right: Self) {
        let (low, carries) = left.low.addingReportingOverflow(right.low)
        left.low = low
        left.high = left.high &+ right.high &+ (carries ? 1 : 0)
    }

    /// Takes a row's hash away.
    package static func -= (left: inout Self, right: Self) {
        let (low, borrows) = left.low.subtractingReportingOverflow(right.low)
        left.low = low
        left.high = left.high &- right.high &- (borrows ? 1 : 0)
    }

    /// 32 hexadecimal digits.
    package var description: String {
        let halves = [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return halves.joined()
    }
}
