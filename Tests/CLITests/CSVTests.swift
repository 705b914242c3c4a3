import Testing

@testable import cadastre

@Suite
struct `CSV` {
    private func records(_ text: String, pieces: Int = .max) -> [CSVReader.Record] {
        var reader = CSVReader()
        var records: [CSVReader.Record] = []
        let bytes = Array(text.utf8)
        var start = 0
        while start < bytes.count {
            let end = start + min(pieces, bytes.count - start)
            reader.read(bytes[start..<end]) { records.append($0) }
            start = end
        }
        reader.finish { records.append($0) }
        return records
    }

    private func fields(_ fields: String..., line: Int = 1) -> CSVReader.Record {
        .fields(fields.map { Array($0.utf8) }, line: line)
    }

    @Test
    func `plain and quoted fields are read`() {
        #expect(records("a,b,c\n") == [fields("a", "b", "c")])
        #expect(records("\"a\",\"b,c\",\"d\"\"e\"\r\n") == [fields("a", "b,c", "d\"e")])
        #expect(records(",,\n") == [fields("", "", "")])
        #expect(records("a,b") == [fields("a", "b")])
        #expect(records("a,") == [fields("a", "")])
        #expect(records("\"\"") == [fields("")])
        #expect(records("") == [])
        #expect(records("\n\r\n\n") == [])
    }

    @Test
    func `a quote that is not closed costs its own line alone`() {
        let unclosed = "a quoted field is not closed"
        #expect(
            records("\"a\",\"b\n\"c\",\"d\"\n")
                == [.wrong(unclosed, line: 1), fields("c", "d", line: 2)]
        )
        #expect(
            records("a,\"b,c\r\nd\n\"e") == [
                .wrong(unclosed, line: 1), fields("d", line: 2), .wrong(unclosed, line: 3),
            ]
        )
    }

    @Test
    func `the return before the end is no part of the last field, whatever the end is`() {
        #expect(records("a,b\r\nc,d\r") == [fields("a", "b"), fields("c", "d", line: 2)])
        #expect(records("a,b\r\n\r") == [fields("a", "b")])
        #expect(records("a,\"b\"\r") == [fields("a", "b")])
        #expect(records("a\rb\n") == [fields("a\rb")])
    }

    @Test(arguments: [
        ("a\"b,c", "a quote stands within a field that is not quoted"),
        ("\"a\"b,c", "something follows the quote that closes a field"),
        ("\"abc", "a quoted field is not closed"),
    ])
    func `a wrong record is named by its line and the next is read`(_ text: String, reason: String)
    {
        let read = records("x,y\n" + text)
        #expect(read == [fields("x", "y"), .wrong(reason, line: 2)])
        #expect(
            records("x,y\n\(text)\nz\n")
                == [fields("x", "y"), .wrong(reason, line: 2), fields("z", line: 3)]
        )
    }

    @Test
    func `a line without end is refused in bounded memory`() {
        let long = String(repeating: "x", count: CSVReader.maximumRecordSize * 3)
        let read = records(long + "\na,b\n")
        #expect(read.count == 2)
        guard case .wrong(_, line: 1) = read[0] else {
            Issue.record("the long line was taken")
            return
        }
        #expect(read[1] == fields("a", "b", line: 2))
        let many = String(repeating: ",", count: CSVReader.maximumFields + 5)
        guard case .wrong(_, line: 1) = records(many)[0] else {
            Issue.record("too many fields were taken")
            return
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5])
    func `what is written is read again, however it is split`(seed: UInt64) {
        var generator = Seeded(seed)
        for _ in 0..<100 {
            let written = (0..<Int.random(in: 1...8, using: &generator)).map { _ in
                (0..<Int.random(in: 0...20, using: &generator)).map { _ in
                    Array("ab,\"\r \u{00}é".utf8).randomElement(using: &generator) ?? 0
                }
            }
            var bytes: [UInt8] = []
            CSVWriter.append(written, to: &bytes)
            var reader = CSVReader()
            var read: [CSVReader.Record] = []
            var rest = bytes[...]
            while !rest.isEmpty {
                let size = min(rest.count, Int.random(in: 1...7, using: &generator))
                reader.read(rest.prefix(size)) { read.append($0) }
                rest = rest.dropFirst(size)
            }
            reader.finish { read.append($0) }
            #expect(read == [.fields(written, line: 1)])
        }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `random bytes never trap and never make more records than lines`(seed: UInt64) {
        var generator = Seeded(seed)
        for _ in 0..<300 {
            let bytes = (0..<200).map { _ in
                Array("a,\"\n\r\\x".utf8).randomElement(using: &generator) ?? 0
            }
            var count = 0
            var reader = CSVReader()
            reader.read(bytes) { _ in count += 1 }
            reader.finish { _ in count += 1 }
            #expect(count <= bytes.filter { $0 == 0x0A }.count + 1)
        }
    }
}

/// Random numbers from one seed.
struct Seeded: RandomNumberGenerator {
    private var state: UInt64
    init(_ seed: UInt64) { state = seed }
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
