/// How many bytes a field takes, with key and length; fields without presence, as in
/// `FieldWriter.swift`: what is zero or empty takes none.
///
/// Of fields numbered up to 15, whose keys are one byte.
struct FieldSize {
    /// All of them.
    let bytes: Int

    private init(bytes: Int) { self.bytes = bytes }

    /// Of an integer.
    @inline(__always)
    init(_ number: UInt8, _ value: UInt64) {
        bytes = value == 0 ? 0 : 1 + Self.varint(value)
    }

    /// Of bytes.
    @inline(__always)
    init(_ number: UInt8, _ value: UnsafeRawBufferPointer) {
        bytes = value.count == 0 ? 0 : 1 + Self.varint(UInt64(value.count)) + value.count
    }

    /// Of fields that are written already.
    init(written bytes: [UInt8]) { self.bytes = bytes.count }

    /// Of a message whose fields take this, written whatever they are.
    @inline(__always)
    init(message fields: FieldSize) {
        bytes = 1 + Self.varint(UInt64(fields.bytes)) + fields.bytes
    }

    static func + (left: Self, right: Self) -> Self { Self(bytes: left.bytes + right.bytes) }

    /// How many bytes an integer takes: seven bits each.
    static func varint(_ value: UInt64) -> Int {
        (value.bitWidth - (value | 1).leadingZeroBitCount + 6) / 7
    }
}

/// Writes fields where ``FieldSize`` has said how much room they need.
@safe
struct RawFieldWriter: ~Copyable {
    private let target: UnsafeMutableBufferPointer<UInt8>
    /// How much is written.
    private(set) var count = 0

    /// Writes into this memory, which must be large enough.
    init(_ target: UnsafeMutableBufferPointer<UInt8>) {
        unsafe self.target = target
    }

    private var room: Int { unsafe target.count }

    /// Begins a message of this many bytes.
    @inline(__always)
    mutating func begin(_ number: UInt8, message size: FieldSize) {
        write(key: number, wireType: 2)
        write(varint: UInt64(size.bytes))
    }

    /// Writes an integer.
    @inline(__always)
    mutating func write(_ number: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        write(key: number, wireType: 0)
        write(varint: value)
    }

    /// Writes bytes.
    @inline(__always)
    mutating func write(_ number: UInt8, _ value: UnsafeRawBufferPointer) {
        guard value.count > 0 else { return }
        write(key: number, wireType: 2)
        write(varint: UInt64(value.count))
        precondition(value.count <= room - count, "a field behind the room for it")
        let rest = unsafe UnsafeMutableBufferPointer(rebasing: target[count...])
        unsafe UnsafeMutableRawBufferPointer(rest).copyMemory(from: value)
        count += value.count
    }

    @inline(__always)
    private mutating func write(key number: UInt8, wireType: UInt8) {
        precondition(number < 16, "a field's key of more than one byte")
        write(byte: number << 3 | wireType)
    }

    @inline(__always)
    private mutating func write(varint value: UInt64) {
        var value = value
        while value >= 0x80 {
            write(byte: UInt8(truncatingIfNeeded: value) | 0x80)
            value >>= 7
        }
        write(byte: UInt8(truncatingIfNeeded: value))
    }

    @inline(__always)
    private mutating func write(byte: UInt8) {
        precondition(count < room, "a field behind the room for it")
        unsafe target[count] = byte
        count += 1
    }
}
