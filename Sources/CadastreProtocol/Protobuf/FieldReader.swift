/// Reads the fields of one protobuf message, strictly and where it lies.
///
/// Written by hand because it stands on the path of every command: the generated code, which the
/// tests hold it against, makes a `Data` of every field. It is also stricter: a singular field may
/// come once, and what a request says in unknown fields is refused, because dropping it silently
/// would change its meaning.
///
/// The bytes are handed to every call instead of being stored: a stored span would need lifetime
/// annotations, which are experimental in Swift 6.3.
struct FieldReader {
    /// What to do with a field that this version does not know.
    enum UnknownFields {
        /// In what is asked: the asker means something that we would not do.
        case refused
        /// In what is answered: a newer node says more than we can use.
        case skipped
    }

    /// How a field's value is written.
    enum WireType: UInt8 {
        case varint = 0
        case fixed64 = 1
        case sized = 2
        case fixed32 = 5
    }

    /// One field's key.
    struct Field {
        /// Its number in the schema.
        var number: Int
        /// How its value is written.
        var type: WireType
    }

    /// The name of the message, for errors.
    let name: StaticString
    private let unknownFields: UnknownFields
    /// Where the next field begins; behind its key while it is read.
    private(set) var position: Int
    private let end: Int
    /// Which singular fields have come, by number; numbers of our schema are below 64.
    private var seen: UInt64 = 0

    /// Reads the message that fills `range`.
    init(_ name: StaticString, _ range: Range<Int>, unknownFields: UnknownFields) {
        self.name = name
        self.unknownFields = unknownFields
        position = range.lowerBound
        end = range.upperBound
    }

    /// Bytes of the message that were not read yet.
    var left: Int { end - position }

    /// Where they are.
    var range: Range<Int> { position..<end }

    /// The next field, or nil at the end.
    mutating func next(in bytes: Span<UInt8>) throws(ProtocolError) -> Field? {
        guard position < end else { return nil }
        let key = try varint(in: bytes)
        guard let type = WireType(rawValue: UInt8(key & 7)) else {
            throw .malformed("\(name): a field's wire type is not known")
        }
        let number = key >> 3
        guard number >= 1, number < 1 << 29 else {
            throw .malformed("\(name): a field's number is out of bounds")
        }
        return Field(number: Int(number), type: type)
    }

    // MARK: Values

    /// An unsigned integer, singular.
    mutating func integer(_ field: Field, in bytes: Span<UInt8>) throws(ProtocolError) -> UInt64 {
        try once(field)
        try expect(.varint, field)
        return try varint(in: bytes)
    }

    /// An unsigned integer of 32 bits, singular.
    mutating func integer32(_ field: Field, in bytes: Span<UInt8>) throws(ProtocolError) -> UInt32 {
        guard let value = UInt32(exactly: try integer(field, in: bytes)) else {
            throw ProtocolError(.invalidValue, "\(name): field \(field.number) exceeds 32 bits")
        }
        return value
    }

    /// A truth, singular.
    mutating func boolean(_ field: Field, in bytes: Span<UInt8>) throws(ProtocolError) -> Bool {
        try integer(field, in: bytes) != 0
    }

    /// Bytes, singular, at most `maximum`: refused before memory is reserved.
    mutating func bytes(
        _ field: Field,
        in bytes: Span<UInt8>,
        maximum: Int,
        _ refusal: Refusal = .invalidValue
    ) throws(ProtocolError) -> [UInt8] {
        bytes.copy(try range(field, in: bytes, maximum: maximum, refusal))
    }

    /// Where the bytes of a singular field are, at most `maximum`.
    mutating func range(
        _ field: Field,
        in bytes: Span<UInt8>,
        maximum: Int,
        _ refusal: Refusal = .invalidValue
    ) throws(ProtocolError) -> Range<Int> {
        try once(field)
        return try elementRange(field, in: bytes, maximum: maximum, refusal)
    }

    /// Bytes, repeated.
    mutating func element(
        _ field: Field,
        in bytes: Span<UInt8>,
        maximum: Int,
        _ refusal: Refusal = .invalidValue
    ) throws(ProtocolError) -> [UInt8] {
        bytes.copy(try elementRange(field, in: bytes, maximum: maximum, refusal))
    }

    /// Where the bytes of a repeated field are, at most `maximum`.
    mutating func elementRange(
        _ field: Field,
        in bytes: Span<UInt8>,
        maximum: Int = .max,
        _ refusal: Refusal = .invalidValue
    ) throws(ProtocolError) -> Range<Int> {
        let range = try sized(field, in: bytes)
        guard range.count <= maximum else {
            throw ProtocolError(
                refusal,
                "\(name): field \(field.number) has \(range.count) bytes; "
                    + "at most \(maximum) are allowed"
            )
        }
        return range
    }

    /// A message, singular.
    mutating func message(
        _ name: StaticString,
        _ field: Field,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) -> FieldReader {
        try once(field)
        return try elementMessage(name, field, in: bytes)
    }

    /// A message, repeated.
    mutating func elementMessage(
        _ name: StaticString,
        _ field: Field,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) -> FieldReader {
        message(name, in: try sized(field, in: bytes))
    }

    /// A message that fills these bytes.
    func message(_ name: StaticString, in range: Range<Int>) -> FieldReader {
        FieldReader(name, range, unknownFields: unknownFields)
    }

    /// A field that this version does not know.
    mutating func unknown(_ field: Field, in bytes: Span<UInt8>) throws(ProtocolError) {
        switch unknownFields {
        case .refused:
            throw ProtocolError(
                .notSupported,
                "\(name): field \(field.number) is not known to this version"
            )
        case .skipped:
            switch field.type {
            case .varint: _ = try varint(in: bytes)
            case .fixed64: try skip(8)
            case .fixed32: try skip(4)
            case .sized: _ = try sized(field, in: bytes)
            }
        }
    }

    /// Refuses one element more than `maximum` of a repeated field.
    func checkCount(
        _ count: Int,
        _ field: Field,
        maximum: Int
    ) throws(ProtocolError) {
        guard count < maximum else {
            throw ProtocolError(
                .invalidValue,
                "\(name): field \(field.number) comes more than \(maximum) times"
            )
        }
    }

    // MARK: Private

    private mutating func once(_ field: Field) throws(ProtocolError) {
        let bit: UInt64 = 1 << UInt64(field.number)
        guard seen & bit == 0 else {
            throw .malformed("\(name): field \(field.number) comes twice")
        }
        seen |= bit
    }

    private func expect(_ type: WireType, _ field: Field) throws(ProtocolError) {
        guard field.type == type else {
            throw .malformed("\(name): field \(field.number) is of another type")
        }
    }

    private mutating func skip(_ count: Int) throws(ProtocolError) {
        guard count <= end - position else { throw .truncated(name) }
        position += count
    }

    private mutating func sized(
        _ field: Field,
        in bytes: Span<UInt8>
    ) throws(ProtocolError) -> Range<Int> {
        try expect(.sized, field)
        let size = try varint(in: bytes)
        guard size <= UInt64(end - position) else { throw .truncated(name) }
        let start = position
        position += Int(size)
        return start..<position
    }

    private mutating func varint(in bytes: Span<UInt8>) throws(ProtocolError) -> UInt64 {
        guard position < end else { throw .truncated(name) }
        let first = bytes[position]
        position += 1
        if first < 0x80 { return UInt64(first) }
        var value = UInt64(first & 0x7F)
        var shift: UInt64 = 7
        while true {
            guard position < end else { throw .truncated(name) }
            let byte = bytes[position]
            position += 1
            // The tenth byte holds one bit.
            guard shift < 63 || byte <= 1 else {
                throw .malformed("\(name): an integer exceeds 64 bits")
            }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
    }
}
