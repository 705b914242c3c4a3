/// Texts for histories and about them.
package enum Words {
    private static let digits = Array("0123456789ABCDEF".utf8)

    /// Bytes as text: printable ASCII but `%` as it is, every other byte as `%NN`.
    package static func encode(_ bytes: some Sequence<UInt8>) -> String {
        var result: [UInt8] = []
        for byte in bytes {
            if 0x20...0x7E ~= byte, byte != UInt8(ascii: "%") {
                result.append(byte)
            } else {
                result += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The bytes that a text stands for; nil if a `%` is followed by no two hexadecimal digits.
    static func decode(_ text: some StringProtocol) -> [UInt8]? {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                result.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(value),
                let low = rest.popFirst().flatMap(value)
            else { return nil }
            result.append(high << 4 | low)
        }
        return result
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        Character(Unicode.Scalar(digit)).hexDigitValue.map { UInt8($0) }
    }

    /// A text from outside for people: what is not printable ASCII as `%NN`, and not without end.
    static func plain(_ text: String) -> String {
        let short = encode(text.utf8.prefix(80))
        return text.utf8.count > 80 ? "\(short)…" : short
    }

    /// A time in words: seconds with microseconds.
    static func moment(_ nanoseconds: UInt64) -> String {
        let fraction = String(nanoseconds / 1_000 % 1_000_000)
        let zeros = String(repeating: "0", count: 6 - fraction.count)
        return "\(nanoseconds / 1_000_000_000).\(zeros)\(fraction) s"
    }

    /// A text as a JSON string.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case _ where scalar.value < 0x20:
                let number = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - number.count) + number
            case _: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
