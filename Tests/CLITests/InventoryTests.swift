import Foundation
import Testing

@testable import cadastre

@Suite
struct `Inventory` {
    private func line(_ fields: String...) throws -> InventoryLine {
        try InventoryLine(fields.map { Array($0.utf8) })
    }

    @Test
    func `a full line is read`() throws {
        let entry = try line(
            "photos",
            "2026/caf%C3%A9+1%2B.jpg",
            "v1",
            "true",
            "false",
            "42",
            "2026-03-01T12:34:56.789Z",
            "\"d41d8cd9\""
        )
        #expect(entry.bucket == Array("photos".utf8))
        #expect(entry.key == Array("2026/café 1+.jpg".utf8))
        #expect(entry.kind == .current)
        #expect(entry.size == 42)
        #expect(entry.modifiedMilliseconds == 1_772_368_496_789)
        #expect(entry.etag == Array("d41d8cd9".utf8))
    }

    @Test
    func `older versions and delete markers are told apart`() throws {
        #expect(
            try line("photos", "a", "v", "false", "false", "1", "", "").kind == .older
        )
        #expect(try line("photos", "a", "v", "true", "true", "", "", "").kind == .deleteMarker)
        #expect(try line("photos", "a", "", "", "", "1", "", "").kind == .current)
    }

    @Test(arguments: [
        ["photos", "a"],
        ["photos", "a", "", "true", "false", "1", "", "", ""],
        ["ab", "a", "", "true", "false", "1", "", ""],
        ["photos", "", "", "true", "false", "1", "", ""],
        ["photos", "%zz", "", "true", "false", "1", "", ""],
        ["photos", "%4", "", "true", "false", "1", "", ""],
        ["photos", String(repeating: "a", count: 1025), "", "true", "false", "1", "", ""],
        ["photos", "a", "", "perhaps", "false", "1", "", ""],
        ["photos", "a", "", "true", "false", "", "", ""],
        ["photos", "a", "", "true", "false", "-1", "", ""],
        ["photos", "a", "", "true", "false", "+1", "", ""],
        ["photos", "a", "", "true", "false", "1.5", "", ""],
        ["photos", "a", "", "true", "false", "99999999999999999999", "", ""],
        ["photos", "a", "", "true", "false", "1", "yesterday", ""],
        ["photos", "a", "", "true", "false", "1", "2026-02-29T00:00:00.000Z", ""],
        ["photos", "a", "", "true", "false", "1", "", String(repeating: "e", count: 129)],
    ])
    func `a wrong line says what is wrong`(_ fields: [String]) {
        #expect(throws: InventoryLine.Wrong.self) {
            try InventoryLine(fields.map { Array($0.utf8) })
        }
    }

    @Test
    func `columns are taken by their names, in any order and among others`() throws {
        let columns = try InventoryColumns(
            naming: ["Size", "StorageClass", "Key", "Bucket", "ETag"]
        )
        let entry = try InventoryLine(
            ["7", "STANDARD", "a%2Fb", "photos", "e"].map { Array($0.utf8) },
            columns: columns
        )
        #expect(entry.bucket == Array("photos".utf8))
        #expect(entry.key == Array("a/b".utf8))
        #expect(entry.size == 7)
        #expect(entry.etag == Array("e".utf8))
        #expect(entry.kind == .current)
        #expect(entry.modifiedMilliseconds == nil)
        #expect(try InventoryColumns(naming: InventoryColumns.names) == .standard)
        #expect(InventoryColumns.isHeading(["Key", "Size", "Bucket"].map { Array($0.utf8) }))
        #expect(!InventoryColumns.isHeading(["photos", "Key"].map { Array($0.utf8) }))
    }

    @Test(arguments: [["Bucket", "Key"], ["Bucket", "Size"], ["Bucket", "Key", "Size", "Key"]])
    func `columns that are missing or named twice are refused`(_ names: [String]) {
        #expect(throws: InventoryLine.Wrong.self) { try InventoryColumns(naming: names) }
    }

    @Test(arguments: [UInt64(1), 2, 3])
    func `every object comes back as it was written`(seed: UInt64) throws {
        var generator = Seeded(seed)
        for _ in 0..<300 {
            let key = (0..<Int.random(in: 1...40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            let line = InventoryLine(
                bucket: Array("photos".utf8),
                key: key,
                size: UInt64.random(in: 0...(1 << 62), using: &generator),
                modifiedMilliseconds: UInt64.random(in: 0...Timestamp.maximum, using: &generator),
                etag: Array("0a1b".utf8)
            )
            #expect(try InventoryLine(line.fields) == line)
            var bytes: [UInt8] = []
            CSVWriter.append(line.fields, to: &bytes)
            var read: [CSVReader.Record] = []
            var reader = CSVReader()
            reader.read(bytes) { read.append($0) }
            #expect(read == [.fields(line.fields, line: 1)])
        }
    }

    @Test(arguments: [
        ("1970-01-01T00:00:00Z", UInt64(0)), ("1970-01-01T00:00:00.5Z", 500),
        ("2000-02-29T23:59:59.999Z", 951_868_799_999),
        ("2026-03-01T12:34:56.789123Z", 1_772_368_496_789),
        ("9999-12-31T23:59:59.999Z", Timestamp.maximum),
    ])
    func `times are read`(_ text: String, milliseconds: UInt64) {
        #expect(Timestamp.milliseconds(Array(text.utf8)) == milliseconds)
        #expect(Timestamp.milliseconds(Array(Timestamp.text(milliseconds).utf8)) == milliseconds)
    }

    @Test(arguments: [
        "", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z",
        "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00+01:00",
        "2026-01-01T00:00:00.000000000000000Z", "2x26-01-01T00:00:00Z",
    ])
    func `what is no time is refused`(_ text: String) {
        #expect(Timestamp.milliseconds(Array(text.utf8)) == nil)
    }
}
