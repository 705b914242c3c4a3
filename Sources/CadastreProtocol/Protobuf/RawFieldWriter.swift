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
    @inline(__always)
    static func varint(_ value: UInt64) -> Int {
        // Nine bits in sixty-four are about one in seven: the same for all integers, and no division.
        (9 &* (value.bitWidth &- (value | 1).leadingZeroBitCount) &+ 64) >> 6
    }
}

/// Writes fields where there is room for them: asked once a field, not for each of its bytes.
@safe
struct RawFieldWriter: ~Copyable {
    private let target: UnsafeMutablePointer<UInt8>
    private let room: Int
    /// How much is written.
    private(set) var count = 0

    /// A key of one byte and an integer of ten.
    private static let maximumIntegerField = 11

    /// Bytes that suffice for so many fields, those of them that have bytes having so many together.
    @inline(__always)
    static func room(forFields fields: Int, bytes: Int) -> Int {
        fields * maximumIntegerField + bytes
    }

    /// Writes into this memory.
    @inline(__always)
    init(_ target: UnsafeMutableBufferPointer<UInt8>) {
        guard let start = target.baseAddress else {
            preconditionFailure("no memory to write fields into")
        }
        unsafe self.target = start
        room = target.count
    }

    /// Begins a message of this many bytes.
    @inline(__always)
    mutating func begin(_ number: UInt8, message size: FieldSize) {
        expectRoom(bytes: 0)
        write(key: number, wireType: 2)
        write(varint: UInt64(size.bytes))
    }

    /// Writes an integer.
    @inline(__always)
    mutating func write(_ number: UInt8, _ value: UInt64) {
        guard value != 0 else { return }
        expectRoom(bytes: 0)
        write(key: number, wireType: 0)
        write(varint: value)
    }

    /// Writes bytes.
    @inline(__always)
    mutating func write(_ number: UInt8, _ value: UnsafeRawBufferPointer) {
        guard value.count > 0, let bytes = value.baseAddress else { return }
        expectRoom(bytes: value.count)
        write(key: number, wireType: 2)
        write(varint: UInt64(value.count))
        unsafe UnsafeMutableRawPointer(target + count).copyMemory(
            from: bytes,
            byteCount: value.count
        )
        count &+= value.count
    }

    @inline(__always)
    private func expectRoom(bytes: Int) {
        precondition(
            bytes <= room - count - Self.maximumIntegerField,
            "a field behind the room for it"
        )
    }

    @inline(__always)
    private mutating func write(key number: UInt8, wireType: UInt8) {
        precondition(number < 16, "a field's key of more than one byte")
        unsafe target[count] = number << 3 | wireType
        count &+= 1
    }

    @inline(__always)
    private mutating func write(varint value: UInt64) {
        var (rest, place) = (value, count)
        while rest >= 0x80 {
            unsafe target[place] = UInt8(truncatingIfNeeded: rest) | 0x80
            place &+= 1
            rest >>= 7
        }
        unsafe target[place] = UInt8(truncatingIfNeeded: rest)
        count = place &+ 1
    }
}
