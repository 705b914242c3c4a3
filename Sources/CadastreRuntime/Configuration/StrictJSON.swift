/// A JSON text as it was written: every member keeps its line, so that a mistake can be named.
struct JSONMember: Hashable, Sendable {
    /// The member's name; empty for an element of an array.
    let name: String
    /// The line of its value, counted from 1.
    let line: Int
    /// Its value.
    let value: JSONValue
}

/// A value of a JSON text.
enum JSONValue: Hashable, Sendable {
    /// Members in the order of the text; names are distinct.
    case object([JSONMember])
    /// Elements in the order of the text.
    case array([JSONMember])
    /// A text without control characters or with escaped ones.
    case string(String)
    /// A whole number without fraction or exponent.
    case integer(Int)
    /// Any other number, as it was written.
    case number(String)
    /// True or false.
    case bool(Bool)
    /// Null.
    case null

    /// What kind of value this is, for messages.
    var kind: String {
        switch self {
        case .object: "an object"
        case .array: "an array"
        case .string: "a text"
        case .integer: "a whole number"
        case .number: "a number"
        case .bool: "true or false"
        case .null: "null"
        }
    }
}

/// Reads RFC 8259 JSON and nothing more: no comments, no trailing commas, no repeated names, no
/// byte order mark, nothing behind the value.
///
/// Depth and size are bounded; never traps.
struct StrictJSON {
    private let bytes: [UInt8]
    private let source: String
    private var place = 0
    private var line = 1

    private init(_ bytes: [UInt8], source: String) {
        self.bytes = bytes
        self.source = source
    }

    /// Reads a whole text.
    ///
    /// - Throws: `ConfigurationError` with the line of the first mistake.
    static func parse(_ bytes: [UInt8], source: String) throws(ConfigurationError) -> JSONValue {
        var reader = StrictJSON(bytes, source: source)
        guard bytes.count <= RuntimeLimits.maximumConfigurationSize else {
            throw ConfigurationError(source: source, "is larger than 1 MiB; it cannot be right")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw reader.failure("begins with a byte order mark; save it as UTF-8 without one")
        }
        guard String(validating: bytes, as: UTF8.self) != nil else {
            throw reader.failure("is not UTF-8")
        }
        reader.skipSpace()
        guard reader.next != nil else { throw reader.failure("is empty; write a JSON object") }
        let value = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.next == nil else {
            throw reader.failure("something stands behind the end of the JSON value; remove it")
        }
        return value
    }

    // MARK: Values

    private mutating func value(depth: Int) throws(ConfigurationError) -> JSONValue {
        guard depth < RuntimeLimits.maximumConfigurationDepth else {
            throw failure("is nested too deeply")
        }
        switch next {
        case UInt8(ascii: "{"): return .object(try object(depth: depth))
        case UInt8(ascii: "["): return .array(try array(depth: depth))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case .none: throw failure("ends in the middle of a value")
        case .some(let byte):
            guard byte == UInt8(ascii: "-") || Self.isDigit(byte) else {
                throw failure("a value is expected here")
            }
            return try number()
        }
    }

    private mutating func object(depth: Int) throws(ConfigurationError) -> [JSONMember] {
        var members: [JSONMember] = []
        var names: Set<String> = []
        place += 1
        skipSpace()
        if take(UInt8(ascii: "}")) { return members }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw failure("a name in quotes is expected") }
            let name = try string()
            guard names.insert(name).inserted else {
                throw failure("the name \"\(name)\" stands here twice; keep one", key: name)
            }
            skipSpace()
            guard take(UInt8(ascii: ":")) else { throw failure("a colon is expected", key: name) }
            skipSpace()
            let start = line
            members.append(JSONMember(name: name, line: start, value: try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "}")) { return members }
            guard take(UInt8(ascii: ",")) else {
                throw failure("a comma or } is expected", key: name)
            }
        }
    }

    private mutating func array(depth: Int) throws(ConfigurationError) -> [JSONMember] {
        var elements: [JSONMember] = []
        place += 1
        skipSpace()
        if take(UInt8(ascii: "]")) { return elements }
        while true {
            skipSpace()
            let start = line
            elements.append(JSONMember(name: "", line: start, value: try value(depth: depth + 1)))
            skipSpace()
            if take(UInt8(ascii: "]")) { return elements }
            guard take(UInt8(ascii: ",")) else { throw failure("a comma or ] is expected") }
        }
    }

    private mutating func word(
        _ word: String,
        _ value: JSONValue
    ) throws(ConfigurationError) -> JSONValue {
        guard bytes[place...].starts(with: word.utf8) else {
            throw failure("a value is expected here")
        }
        place += word.utf8.count
        return value
    }

    private mutating func number() throws(ConfigurationError) -> JSONValue {
        let start = place
        var isWhole = true
        _ = take(UInt8(ascii: "-"))
        let first = place
        try digits()
        if bytes[first] == UInt8(ascii: "0"), place > first + 1 {
            throw failure("a number does not begin with 0")
        }
        if take(UInt8(ascii: ".")) {
            isWhole = false
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            isWhole = false
            place += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { place += 1 }
            try digits()
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        if isWhole, let integer = Int(text) { return .integer(integer) }
        return .number(text)
    }

    private mutating func digits() throws(ConfigurationError) {
        let start = place
        while let byte = next, Self.isDigit(byte) { place += 1 }
        guard place > start else { throw failure("a digit is expected here") }
    }

    // MARK: Texts

    private mutating func string() throws(ConfigurationError) -> String {
        var text: [UInt8] = []
        place += 1
        while let byte = next {
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                return String(decoding: text, as: UTF8.self)
            case UInt8(ascii: "\\"):
                try escape(into: &text)
            case 0..<0x20:
                throw failure("a control character stands in a text; escape it")
            default:
                text.append(byte)
            }
        }
        throw failure("a text has no closing quote")
    }

    private mutating func escape(into text: inout [UInt8]) throws(ConfigurationError) {
        guard let byte = next else { throw failure("a text has no closing quote") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(8)
        case UInt8(ascii: "f"): text.append(12)
        case UInt8(ascii: "n"): text.append(10)
        case UInt8(ascii: "r"): text.append(13)
        case UInt8(ascii: "t"): text.append(9)
        case UInt8(ascii: "u"): text.append(contentsOf: try unicode())
        default: throw failure("an unknown escape stands in a text")
        }
    }

    private mutating func unicode() throws(ConfigurationError) -> [UInt8] {
        var code = try hexadecimal()
        if 0xD800..<0xDC00 ~= code {
            guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                throw failure("half a surrogate pair stands in a text")
            }
            let low = try hexadecimal()
            guard 0xDC00..<0xE000 ~= low else {
                throw failure("half a surrogate pair stands in a text")
            }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else {
            throw failure("half a surrogate pair stands in a text")
        }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(ConfigurationError) -> UInt32 {
        guard bytes.count - place >= 4 else { throw failure("a text has no closing quote") }
        let text = String(decoding: bytes[place..<place + 4], as: UTF8.self)
        // UInt32 takes a sign as well.
        guard text.utf8.allSatisfy({ Self.isDigit($0) || $0 >= UInt8(ascii: "A") }),
            let code = UInt32(text, radix: 16)
        else { throw failure("four hexadecimal digits are expected") }
        place += 4
        return code
    }

    // MARK: Bytes

    private static func isDigit(_ byte: UInt8) -> Bool {
        UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte
    }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next == byte else { return false }
        place += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = next {
            switch byte {
            case 10:
                line += 1
                place += 1
            case 9, 13, 32: place += 1
            default: return
            }
        }
    }

    private func failure(_ message: String, key: String? = nil) -> ConfigurationError {
        ConfigurationError(source: source, line: line, key: key, message)
    }
}
