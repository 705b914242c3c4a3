/// Inputs as they are kept in `Tests/DecoderTests/Corpus`: one in each line, in hexadecimal digits; lines
/// that begin with `#` say why it is there.
///
/// Of each decoder there are two files. `NAME.seeds.txt` is made of the tests' samples, and anew by
/// `CADASTRE_REWRITE=1 swift test --filter CorpusSeedTests`; `NAME.found.txt` has what fuzzing found and is kept.
package enum Corpus {
    /// The kinds of files of a decoder.
    package static func fileNames(of decoder: Decoder) -> [String] {
        ["\(decoder.rawValue).seeds.txt", "\(decoder.rawValue).found.txt"]
    }

    /// The inputs in the text of such a file; nil if a line is none.
    package static func inputs(in text: String) -> [[UInt8]]? {
        var inputs: [[UInt8]] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("#") {
            guard let input = input(line) else { return nil }
            inputs.append(input)
        }
        return inputs
    }

    /// The line of an input.
    package static func line(_ input: [UInt8]) -> String {
        input.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    private static func input(_ line: Substring) -> [UInt8]? {
        let digits = Array(line.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var input: [UInt8] = []
        for place in stride(from: 0, to: digits.count, by: 2) {
            guard let high = value(digits[place]), let low = value(digits[place + 1]) else {
                return nil
            }
            input.append(high << 4 | low)
        }
        return input
    }

    private static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
