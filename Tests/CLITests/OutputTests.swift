import Foundation
import Testing

@testable import cadastre

@Suite
struct `Output` {
    @Test(arguments: [
        ("plain-text_1.jpg", "plain-text_1.jpg"),
        ("café/été 東京", "café/été 東京"),
        ("a\nb", "a\\nb"), ("a\r\tb", "a\\r\\tb"), ("a\\b", "a\\\\b"),
        ("\u{1B}[2J\u{1B}]0;title\u{07}", "\\x1B[2J\\x1B]0;title\\x07"),
        ("\u{7F}", "\\x7F"), ("\u{85}", "\\u{85}"), ("\u{9B}31m", "\\u{9B}31m"),
        ("abc\u{202E}gpj.exe", "abc\\u{202E}gpj.exe"), ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
        ("\u{200B}\u{FEFF}", "\\u{200B}\\u{FEFF}"), ("\u{2028}", "\\u{2028}"),
        ("a\u{00A0}b", "a\\u{A0}b"), ("\u{E000}", "\\u{E000}"),
    ])
    func `names from outside cannot act on a terminal`(_ name: String, expected: String) {
        #expect(Escaped.text(name) == expected)
        #expect(Escaped.bytes(Array(name.utf8)) == expected)
    }

    @Test
    func `bytes that are no text are written out one by one`() {
        #expect(Escaped.bytes([0x61, 0xFF, 0x62]) == "a\\xFFb")
        #expect(Escaped.bytes([0xC3]) == "\\xC3")
        #expect(Escaped.bytes([0xC3, 0xA9, 0xC3]) == "é\\xC3")
        #expect(Escaped.bytes([0xED, 0xA0, 0x80]) == "\\xED\\xA0\\x80")
        #expect(Escaped.bytes([UInt8]()) == "")
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `whatever comes, only harmless characters go out`(seed: UInt64) {
        var generator = Seeded(seed)
        for _ in 0..<500 {
            let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for scalar in Escaped.bytes(bytes).unicodeScalars {
                #expect(scalar.value >= 0x20 && scalar.value != 0x7F)
                #expect(scalar.properties.generalCategory != .control)
                #expect(scalar.properties.generalCategory != .format)
            }
        }
    }

    @Test
    func `progress shows share, rate and time left within the width`() {
        var state = ProgressState(unit: "objects", done: 31_200, total: 60_000)
        state.elapsed = .seconds(2)
        let line = state.line(width: 100)
        #expect(line.contains("[==============="))
        #expect(line.contains(" 52 %  31,200 of 60,000 objects  15,600/s  1.8 s left"))
        #expect(state.line(width: 30).count <= 30)
        state.total = nil
        state.bytes = 3 << 20
        #expect(state.line(width: 100) == "31,200 objects  3.0 MiB  15,600/s")
    }

    @Test
    func `progress at its ends divides by nothing`() {
        let none = ProgressState(unit: "objects", done: 0, total: 0)
        #expect(none.line(width: 100) == "0 objects  0/s")
        let begin = ProgressState(unit: "objects", done: 0, total: 5)
        #expect(begin.line(width: 100).contains("0 of 5 objects  0/s"))
        var end = ProgressState(unit: "objects", done: 7, total: 5)
        end.elapsed = .seconds(1)
        #expect(end.line(width: 100).contains("100 %"))
        #expect(!end.line(width: 100).contains("left"))
    }

    @Test
    func `numbers read well`() {
        #expect(Readable.count(0) == "0")
        #expect(Readable.count(999) == "999")
        #expect(Readable.count(1000) == "1,000")
        #expect(Readable.count(1_234_567) == "1,234,567")
        #expect(Readable.size(1023) == "1023 B")
        #expect(Readable.size(1536) == "1.5 KiB")
        #expect(Readable.size(.max) == "15 EiB" || Readable.size(.max) == "16 EiB")
        #expect(Readable.time(.milliseconds(400)) == "0.4 s")
        #expect(Readable.time(.seconds(200)) == "3 min 20 s")
        #expect(Readable.time(.seconds(7500)) == "2 h 5 min")
        #expect(Readable.time(.seconds(90_000)) == "1 d 1 h")
        #expect(Readable.decimal(1.999, 1) == "2.0")
        #expect(Readable.decimal(-0.05, 2) == "-0.05")
        #expect(Readable.decimal(.nan, 2) == "?")
        #expect(Readable.decimal(268.6, 0) == "269")
    }

    @Test
    func `a table's columns are as wide as their cells`() {
        var table = Table([("NAME", .left), ("N", .right)])
        table.add(["a", "1"])
        table.add(["longer", "1000"])
        #expect(table.text == "NAME       N\na          1\nlonger  1000")
    }

    @Test
    func `names in JSON are text, or base64 if they are not`() {
        #expect(Console.encoded(["name": NameOutput(Array("é".utf8))]) == "{\"name\":\"é\"}")
        #expect(
            Console.encoded(["name": NameOutput([0xFF])]) == "{\"name\":{\"base64\":\"/w==\"}}"
        )
    }

    @Test
    func `JSON cannot act on a terminal and is still the same JSON`() throws {
        let name = "a\u{9B}31m\u{85}\u{202E}b\u{2066}\u{7F}é\u{E0001}東"
        let text = Console.encoded(["name": NameOutput(Array(name.utf8))])
        #expect(
            text == "{\"name\":\"a\\u009b31m\\u0085\\u202eb\\u2066\\u007fé\\udb40\\udc01東\"}"
        )
        let read = try JSONDecoder().decode([String: String].self, from: Data(text.utf8))
        #expect(read["name"] == name)
    }

    @Test
    func `progress by share alone shows the time left`() {
        var state = ProgressState(unit: "objects", done: 500)
        state.share = 0.25
        state.elapsed = .seconds(10)
        let line = state.line(width: 100)
        #expect(line.contains(" 25 %  500 objects  50/s  30 s left"))
        state.share = 1
        #expect(!state.line(width: 100).contains("left"))
    }

    @Test
    func `a failure is one sentence with what to do`() {
        let failure = Failure(.badData, "it is wrong", advice: "correct it")
        #expect(failure.sentence == "it is wrong; correct it.")
        #expect(
            Console.encoded(failure.json)
                == "{\"error\":{\"advice\":\"correct it\",\"code\":65,\"what\":\"it is wrong\"}}"
        )
    }

    @Test(arguments: [
        (Array("a/b-c_d.e~f".utf8), "a/b-c_d.e~f"), (Array("a b+c".utf8), "a%20b%2Bc"),
        ([0x00, 0xFF, 0x25], "%00%FF%25"), (Array("é".utf8), "%C3%A9"),
    ])
    func `keys are URL-encoded and come back`(_ key: [UInt8], encoded: String) {
        #expect(URLCoding.encode(key) == Array(encoded.utf8))
        #expect(URLCoding.decode(Array(encoded.utf8)) == key)
    }

    @Test
    func `hexadecimal digits come in pairs`() {
        #expect(Hexadecimal.decode("00fF") == [0, 255])
        #expect(Hexadecimal.encode([0, 255]) == "00ff")
        #expect(Hexadecimal.decode("0") == nil)
        #expect(Hexadecimal.decode("0g") == nil)
    }
}
