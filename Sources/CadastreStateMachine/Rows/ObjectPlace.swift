package import CadastreProtocol

/// Where an object stands, in the order of the table.
struct ObjectPlace: Hashable, Comparable {
    var bucket: UInt64
    var key: [UInt8]

    static func < (left: Self, right: Self) -> Bool {
        if left.bucket != right.bucket { return left.bucket < right.bucket }
        return unsafe left.key.withUnsafeBytes { left in
            unsafe right.key.withUnsafeBytes { right in
                unsafe ByteOrder.order(left, right) == .before
            }
        }
    }
}

extension ObjectPlace {
    /// Where this object stands.
    init(_ row: ObjectRow) { self.init(bucket: row.bucket.value, key: row.key) }
}

/// Where an object stands, with the hash by which tables in memory find it.
package struct HashedPlace {
    package let bucket: UInt64
    package let key: [UInt8]
    /// Not the same in another process: nobody who chooses keys can make them collide.
    let hash: UInt32

    /// The place of this key.
    package init(_ bucket: BucketID, _ key: [UInt8]) {
        self.init(bucket: bucket.value, key: key)
    }

    init(bucket: UInt64, key: [UInt8]) {
        self.bucket = bucket
        self.key = key
        var hasher = Hasher()
        hasher.combine(bucket)
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        hash = UInt32(truncatingIfNeeded: hasher.finalize())
    }
}

/// Where something stands as seen from something else.
enum PlaceOrder { case before, same, behind }

/// The order of keys, which are bytes and sort as such; eight at a time, since keys have long
/// beginnings in common.
enum ByteOrder {
    /// Where the left ones stand as seen from the right ones.
    static func order(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> PlaceOrder {
        let shared = unsafe sharedCount(left, right)
        if shared < left.count, shared < right.count {
            return unsafe left[shared] < right[shared] ? .before : .behind
        }
        if left.count == right.count { return .same }
        return left.count < right.count ? .before : .behind
    }

    /// Whether they are the same.
    @inline(__always)
    static func areEqual(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Bool {
        unsafe left.count == right.count && sharedCount(left, right) == left.count
    }

    /// Whether they are the same.
    @inline(__always)
    static func areEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
        guard left.count == right.count else { return false }
        return unsafe left.withUnsafeBytes { left in
            unsafe right.withUnsafeBytes { right in unsafe areEqual(left, right) }
        }
    }

    /// How many bytes they begin with in common.
    static func sharedCount(
        _ left: UnsafeRawBufferPointer,
        _ right: UnsafeRawBufferPointer
    ) -> Int {
        let count = min(left.count, right.count)
        var place = 0
        while place + 8 <= count {
            let mine = unsafe left.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            let theirs = unsafe right.loadUnaligned(fromByteOffset: place, as: UInt64.self)
            guard mine == theirs else {
                return place + (mine ^ theirs).littleEndian.trailingZeroBitCount / 8
            }
            place += 8
        }
        while place < count, unsafe left[place] == right[place] { place += 1 }
        return place
    }

    /// The eight bytes from this place on as a number that sorts as they do, zeros behind the end.
    static func word(of bytes: UnsafeRawBufferPointer, at place: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in place..<place + 8 {
            unsafe word = word << 8 | (offset < bytes.count ? UInt64(bytes[offset]) : 0)
        }
        return word
    }
}
