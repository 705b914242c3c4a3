// Fixed little-endian numbers, in and out of byte arrays.

extension Array where Element == UInt8 {
    /// Adds a number, lowest byte first.
    @inline(__always)
    mutating func append<Number: FixedWidthInteger>(littleEndian number: Number) {
        unsafe Swift.withUnsafeBytes(of: number.littleEndian) { unsafe append(contentsOf: $0) }
    }

    /// Writes a number over bytes that are there.
    @inline(__always)
    mutating func store<Number: FixedWidthInteger>(_ number: Number, at offset: Int) {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        unsafe withUnsafeMutableBytes { bytes in
            unsafe bytes.storeBytes(
                of: number.littleEndian,
                toByteOffset: offset,
                as: Number.self
            )
        }
    }

    /// The number at an offset that the caller has checked.
    @inline(__always)
    func load<Number: FixedWidthInteger>(_ type: Number.Type, at offset: Int) -> Number {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        return unsafe withUnsafeBytes { bytes in
            unsafe Number(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type))
        }
    }

    /// Adds four words.
    mutating func append(words: (UInt64, UInt64, UInt64, UInt64)) {
        append(littleEndian: words.0)
        append(littleEndian: words.1)
        append(littleEndian: words.2)
        append(littleEndian: words.3)
    }

    /// The four words at an offset that the caller has checked.
    func loadWords(at offset: Int) -> (UInt64, UInt64, UInt64, UInt64) {
        (
            load(UInt64.self, at: offset), load(UInt64.self, at: offset + 8),
            load(UInt64.self, at: offset + 16), load(UInt64.self, at: offset + 24)
        )
    }
}

extension UnsafeRawBufferPointer {
    /// The number at an offset; the caller has checked that it lies inside.
    @inline(__always)
    func load<Number: FixedWidthInteger>(
        littleEndian type: Number.Type,
        at offset: Int
    ) -> Number {
        precondition(offset >= 0 && offset <= count - MemoryLayout<Number>.size)
        return unsafe Number(littleEndian: loadUnaligned(fromByteOffset: offset, as: type))
    }
}
