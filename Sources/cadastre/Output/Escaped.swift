/// Names and texts from outside, made harmless for a terminal: no controls, no line breaks, no
/// marks that change the direction of writing, nothing invisible.
enum Escaped {
    /// Bytes as text: valid, visible UTF-8 stays, everything else becomes `\xNN` or `\u{N}`.
    static func bytes(_ bytes: some Collection<UInt8>) -> String {
        let bytes = Array(bytes)
        if let text = String(validating: bytes, as: UTF8.self) { return self.text(text) }
        var result = ""
        var rest = bytes[...]
        while let first = rest.first {
            // The longest valid character at the front, or one byte as it is.
            let sizes = (1...4).filter { $0 <= rest.count }
            let size = sizes.first { String(validating: rest.prefix($0), as: UTF8.self) != nil }
            if let size, let text = String(validating: rest.prefix(size), as: UTF8.self) {
                result += self.text(text)
                rest = rest.dropFirst(size)
            } else {
                result += byte(first)
                rest = rest.dropFirst()
            }
        }
        return result
    }

    /// A text with everything that is not plainly visible written out.
    static func text(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: { !isHarmless($0) }) else { return text }
        var result = ""
        for scalar in text.unicodeScalars {
            if isHarmless(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                switch scalar {
                case "\n": result += "\\n"
                case "\r": result += "\\r"
                case "\t": result += "\\t"
                case "\\": result += "\\\\"
                default:
                    result +=
                        scalar.value < 0x80
                        ? byte(UInt8(scalar.value))
                        : "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
                }
            }
        }
        return result
    }

    /// JSON with everything outside ASCII that is not plainly visible as `\uNNNN`.
    ///
    /// Such characters stand within strings only, so it is still the same JSON.
    static func json(_ json: String) -> String {
        func isPlain(_ scalar: Unicode.Scalar) -> Bool {
            scalar.value < 0x7F || isHarmless(scalar)
        }
        guard json.unicodeScalars.contains(where: { !isPlain($0) }) else { return json }
        var result = ""
        for scalar in json.unicodeScalars {
            if isPlain(scalar) {
                result.unicodeScalars.append(scalar)
            } else {
                for unit in UTF16.encode(scalar) ?? .init() {
                    let digits = String(unit, radix: 16)
                    result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            }
        }
        return result
    }

    private static func byte(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "\\x" + (digits.count == 1 ? "0" : "") + digits
    }

    private static func isHarmless(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.value < 0x80 { return 0x20...0x7E ~= scalar.value && scalar != "\\" }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse,
            .unassigned:
            return false
        case .spaceSeparator:
            return false
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .letterNumber,
            .otherNumber, .connectorPunctuation, .dashPunctuation, .openPunctuation,
            .closePunctuation, .initialPunctuation, .finalPunctuation, .otherPunctuation,
            .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
            return !scalar.properties.isDefaultIgnorableCodePoint
        @unknown default:
            return false
        }
    }
}
