/// An entry of a list as nodes write it: an object whose fields come once and in the order of their
/// numbers.
///
/// A client checks a thousand of them in each page. What is not plain, of another version perhaps, or
/// wrong, is left to ``ListItems/check(_:in:)``, which says why.
struct PlainListedObject {
    private var position: Int
    private let end: Int

    /// Whether one fills the range: then ``ListItems/check(_:in:)`` takes it, too.
    static func fills(_ range: Range<Int>, of bytes: Span<UInt8>) -> Bool {
        var reader = Self(position: range.lowerBound, end: range.upperBound)
        guard reader.skipKey(1, type: 2, in: bytes),
            let size = reader.varint(in: bytes), size == reader.end - reader.position
        else { return false }
        return reader.skipBytes(1, maximum: ProtocolLimits.keySize.upperBound, in: bytes)
            && reader.skipInteger(2, in: bytes)
            && reader.skipInteger(3, in: bytes)
            && reader.skipBytes(4, maximum: ProtocolLimits.maximumEntityTagSize, in: bytes)
            && reader.skipInteger(5, in: bytes)
            && reader.position == reader.end
    }

    /// Steps over bytes, if they are there; false where they are wrong.
    @inline(__always)
    private mutating func skipBytes(_ number: UInt8, maximum: Int, in bytes: Span<UInt8>) -> Bool {
        guard skipKey(number, type: 2, in: bytes) else { return true }
        guard let size = varint(in: bytes), size <= maximum, size <= end - position
        else { return false }
        position += size
        return true
    }

    /// Steps over an integer, if it is there; false where it is wrong.
    @inline(__always)
    private mutating func skipInteger(_ number: UInt8, in bytes: Span<UInt8>) -> Bool {
        !skipKey(number, type: 0, in: bytes) || varint(in: bytes) != nil
    }

    @inline(__always)
    private mutating func skipKey(_ number: UInt8, type: UInt8, in bytes: Span<UInt8>) -> Bool {
        guard position < end, bytes[position] == number << 3 | type else { return false }
        position += 1
        return true
    }

    /// An integer of at most 63 bits, nine bytes.
    @inline(__always)
    private mutating func varint(in bytes: Span<UInt8>) -> Int? {
        var (value, shift) = (0, 0)
        while position < end, shift < 63 {
            let byte = bytes[position]
            position += 1
            value |= Int(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }
}
