/// Writes protobuf fields canonically: ascending by number, shortest integers, and nothing for a
/// value that is the default of a field without presence. One value has one encoding.
extension [UInt8] {
    /// A field without presence: zero is left out.
    mutating func append(field number: UInt8, _ value: UInt64) {
        if value != 0 { append(presentField: number, value) }
    }

    /// A field with presence, written whatever the value.
    mutating func append(presentField number: UInt8, _ value: UInt64) {
        append(key: number, wireType: 0)
        append(varint: value)
    }

    /// A field without presence: false is left out.
    mutating func append(field number: UInt8, _ value: Bool) {
        if value { append(presentField: number, 1) }
    }

    /// A field without presence: no bytes are left out.
    mutating func append(field number: UInt8, _ value: [UInt8]) {
        append(field: number, value.span)
    }

    /// The same of bytes that lie elsewhere.
    mutating func append(field number: UInt8, _ value: Span<UInt8>) {
        if !value.isEmpty { append(presentField: number, value) }
    }

    /// A field with presence or an element, written whatever the value.
    mutating func append(presentField number: UInt8, _ value: [UInt8]) {
        append(presentField: number, value.span)
    }

    /// The same of bytes that lie elsewhere.
    mutating func append(presentField number: UInt8, _ value: Span<UInt8>) {
        append(key: number, wireType: 2)
        append(varint: UInt64(value.count))
        append(copying: value)
    }

    /// A message, which `write` appends.
    ///
    /// Its size is not known beforehand: one byte is kept free for it, and what was written moves
    /// up where that is not enough.
    mutating func append(messageField number: UInt8, _ write: (inout [UInt8]) -> Void) {
        append(key: number, wireType: 2)
        append(0)
        let start = count
        write(&self)
        let size = count - start
        if size < 0x80 {
            self[start - 1] = UInt8(size)
            return
        }
        let sizeOfSize = FieldSize.varint(UInt64(size))
        append(zeros: sizeOfSize - 1)
        move(start..<start + size, to: start + sizeOfSize - 1)
        var rest = size
        for offset in 0..<sizeOfSize {
            let isLast = offset == sizeOfSize - 1
            self[start - 1 + offset] = UInt8(rest & 0x7F) | (isLast ? 0 : 0x80)
            rest >>= 7
        }
    }

    /// A message whose fields take this: nothing that was written moves.
    mutating func append(
        messageField number: UInt8,
        of size: FieldSize,
        _ write: (inout [UInt8]) -> Void
    ) {
        append(key: number, wireType: 2)
        append(varint: UInt64(size.bytes))
        let start = count
        write(&self)
        precondition(count - start == size.bytes, "a message of another size than reckoned")
    }

    private mutating func append(key number: UInt8, wireType: UInt8) {
        append(varint: UInt64(number) << 3 | UInt64(wireType))
    }

    private mutating func append(varint value: UInt64) {
        var value = value
        while value >= 0x80 {
            append(UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        append(UInt8(truncatingIfNeeded: value))
    }
}
