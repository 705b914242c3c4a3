/// A value of JSON as histories use it: numbers are integers from 0 to 2^64 - 1.
enum JSONValue: Hashable {
    case null
    case boolean(Bool)
    case number(UInt64)
    case text(String)
    case array([JSONValue])
    /// In the order of the text; no name twice.
    case object([Member])

    /// One member of an object.
    struct Member: Hashable {
        var name: String
        var value: JSONValue
    }
}

/// Reads one value from bytes, and nothing behind it.
struct JSONParser {
    /// Why the bytes are no such value, for the end of a sentence.
    struct Fault: Error, Hashable {
        var reason: String
    }

    /// Deeper than any operation is.
    private static let maximumDepth = 8

    private let bytes: [UInt8]
    private var place = 0

    /// Reads all of these bytes.
    ///
    /// - Throws: `Fault` if they are not one value.
    static func parse(_ bytes: [UInt8]) throws(Fault) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value(depth: 0)
        parser.skipSpace()
        guard parser.place == bytes.count else { throw parser.fault("something follows the value") }
        return value
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private func fault(_ what: String) -> Fault { Fault(reason: "\(what) at byte \(place + 1)") }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private func isDigit(_ byte: UInt8) -> Bool { UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte }

    private mutating func skipSpace() {
        while let byte = next, byte == 0x20 || byte == 0x09 || byte == 0x0D { place += 1 }
    }

    private mutating func take(_ byte: Character) throws(Fault) {
        skipSpace()
        guard next == byte.asciiValue else { throw fault("'\(byte)' is missing") }
        place += 1
    }

    private mutating func value(depth: Int) throws(Fault) -> JSONValue {
        guard depth < Self.maximumDepth else { throw fault("values are nested too deep") }
        skipSpace()
        switch next {
        case UInt8(ascii: "{"): return .object(try members(depth: depth))
        case UInt8(ascii: "["): return .array(try elements(depth: depth))
        case UInt8(ascii: "\""): return .text(try text())
        case let byte? where isDigit(byte): return .number(try number())
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "t"): return try word("true", .boolean(true))
        case UInt8(ascii: "f"): return try word("false", .boolean(false))
        case UInt8(ascii: "-"): throw fault("a number below 0 stands")
        case nil: throw fault("the line ends too early")
        case _: throw fault("no value begins")
        }
    }

    private mutating func word(_ word: String, _ value: JSONValue) throws(Fault) -> JSONValue {
        guard bytes[place...].starts(with: word.utf8) else { throw fault("no value begins") }
        place += word.utf8.count
        return value
    }

    private mutating func number() throws(Fault) -> UInt64 {
        var result: UInt64 = 0
        let first = place
        while let byte = next, isDigit(byte) {
            let (product, isTooLarge) = result.multipliedReportingOverflow(by: 10)
            let digit = UInt64(byte - UInt8(ascii: "0"))
            let (sum, isSumTooLarge) = product.addingReportingOverflow(digit)
            guard !isTooLarge, !isSumTooLarge else { throw fault("a number is above 2^64 - 1") }
            result = sum
            place += 1
        }
        guard place == first + 1 || bytes[first] != UInt8(ascii: "0") else {
            throw fault("a number begins with 0")
        }
        if let byte = next, ".eE".utf8.contains(byte) { throw fault("a number is no integer") }
        return result
    }

    private mutating func elements(depth: Int) throws(Fault) -> [JSONValue] {
        try take("[")
        skipSpace()
        var all: [JSONValue] = []
        if next == UInt8(ascii: "]") {
            place += 1
            return all
        }
        while true {
            all.append(try value(depth: depth + 1))
            skipSpace()
            if next == UInt8(ascii: ",") {
                place += 1
            } else {
                try take("]")
                return all
            }
        }
    }

    private mutating func members(depth: Int) throws(Fault) -> [JSONValue.Member] {
        try take("{")
        skipSpace()
        var all: [JSONValue.Member] = []
        if next == UInt8(ascii: "}") {
            place += 1
            return all
        }
        while true {
            skipSpace()
            let name = try text()
            // Objects have a handful of members.
            guard !all.contains(where: { $0.name == name }) else {
                throw fault("\"\(Words.plain(name))\" stands twice")
            }
            guard all.count < 32 else { throw fault("an object has too many members") }
            try take(":")
            all.append(JSONValue.Member(name: name, value: try value(depth: depth + 1)))
            skipSpace()
            if next == UInt8(ascii: ",") {
                place += 1
            } else {
                try take("}")
                return all
            }
        }
    }

    private mutating func text() throws(Fault) -> String {
        guard next == UInt8(ascii: "\"") else { throw fault("'\"' is missing") }
        place += 1
        var result: [UInt8] = []
        while let byte = next {
            place += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: result, as: UTF8.self) else {
                    throw fault("a text is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): result += try escaped()
            case 0..<0x20: throw fault("a control character stands in a text")
            case _: result.append(byte)
            }
        }
        throw fault("a text does not end")
    }

    private mutating func escaped() throws(Fault) -> [UInt8] {
        guard let byte = next else { throw fault("a text does not end") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return [byte]
        case UInt8(ascii: "b"): return [0x08]
        case UInt8(ascii: "f"): return [0x0C]
        case UInt8(ascii: "n"): return [0x0A]
        case UInt8(ascii: "r"): return [0x0D]
        case UInt8(ascii: "t"): return [0x09]
        case UInt8(ascii: "u"):
            var unit = try hexadecimal()
            if 0xD800..<0xDC00 ~= unit, next == UInt8(ascii: "\\") {
                place += 1
                guard next == UInt8(ascii: "u") else { throw fault("half a character stands") }
                place += 1
                let low = try hexadecimal()
                guard 0xDC00..<0xE000 ~= low else { throw fault("half a character stands") }
                unit = 0x10000 + (unit - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(unit) else { throw fault("half a character stands") }
            return Array(String(Character(scalar)).utf8)
        case _: throw fault("'\\' is followed by what JSON does not know")
        }
    }

    private mutating func hexadecimal() throws(Fault) -> UInt32 {
        var result: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = next, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw fault("four hexadecimal digits are missing")
            }
            result = result << 4 + UInt32(digit)
            place += 1
        }
        return result
    }
}
