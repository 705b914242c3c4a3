/// Fixed little-endian layouts: the few operations that all of them are made of.
extension [UInt8] {
    /// Appends an integer, little-endian.
    mutating func append<Integer: FixedWidthInteger & BitwiseCopyable>(
        littleEndian value: Integer
    ) {
        var value = value.littleEndian
        unsafe Swift.withUnsafeBytes(of: &value) { unsafe append(contentsOf: $0) }
    }

    /// Appends reserved bytes.
    mutating func append(zeros count: Int) {
        append(contentsOf: repeatElement(0, count: count))
    }

    /// Appends all bytes of a span.
    mutating func append(copying bytes: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { unsafe append(contentsOf: $0) }
    }

    /// Moves bytes to another offset, where as many must exist; the ranges may overlap.
    mutating func move(_ range: Range<Int>, to offset: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count, "moving other bytes")
        precondition(offset >= 0 && offset <= count - range.count, "moving bytes out of the array")
        unsafe withUnsafeMutableBytes { all in
            let source = unsafe UnsafeRawBufferPointer(rebasing: all[range])
            unsafe UnsafeMutableRawBufferPointer(rebasing: all[offset...]).copyMemory(from: source)
        }
    }

    /// Overwrites four bytes, which must exist.
    mutating func replace(at offset: Int, littleEndian value: UInt32) {
        precondition(offset >= 0 && offset <= count - 4, "replacing bytes that do not exist")
        self[offset] = UInt8(truncatingIfNeeded: value)
        self[offset + 1] = UInt8(truncatingIfNeeded: value >> 8)
        self[offset + 2] = UInt8(truncatingIfNeeded: value >> 16)
        self[offset + 3] = UInt8(truncatingIfNeeded: value >> 24)
    }
}

extension Span<UInt8> {
    /// The integer at `offset`, little-endian.
    ///
    /// The caller has checked that it lies within.
    func littleEndian<Integer: FixedWidthInteger & BitwiseCopyable>(
        at offset: Int,
        as type: Integer.Type = Integer.self
    ) -> Integer {
        unsafe Integer(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: type))
    }

    /// A copy of some bytes.
    ///
    /// The caller has checked that they lie within.
    package func copy(_ range: Range<Int>) -> [UInt8] {
        unsafe extracting(range).withUnsafeBufferPointer { unsafe Array($0) }
    }

    /// Refuses reserved bytes that are not zero: they may get a meaning later.
    ///
    /// - Throws: `malformed`.
    func checkReserved(_ range: Range<Int>, of what: StaticString) throws(ProtocolError) {
        for offset in range where self[offset] != 0 {
            throw .malformed("reserved bytes of \(what) are not zero")
        }
    }
}
