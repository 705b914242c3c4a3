internal import Foundation
internal import RaftCore

@testable internal import CadastreRuntime
@testable internal import cadastre

/// What operators write by hand, and what other stores say of their objects.
extension Rules {
    static func settings(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try isJSON(bytes)
        guard let values = try? SettingsCheck.file(bytes, source: "cadastred.json") else {
            return false
        }
        for (key, value) in values {
            guard let setting = Settings.table.first(where: { $0.key == key }) else {
                throw BrokenRule("a key that is no setting is let in")
            }
            try require(setting.mistake(in: value) == nil, "a value is let in that its key refuses")
            guard case .address = setting.kind, let name = SocketName(value) else { continue }
            try require(
                SocketName(name.description) == name,
                "an address is said otherwise than it was written"
            )
        }
        return true
    }

    static func genesis(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        try isJSON(bytes)
        guard let genesis = try? GenesisFile(bytes, source: "genesis.json") else { return false }
        try require(
            zip(genesis.members, genesis.members.dropFirst()).allSatisfy { $0.id < $1.id },
            "members that are not in order"
        )
        // The first entry of every log is this.
        try keepable(
            Configuration(members: genesis.members, featureLevel: 0, policy: genesis.policy)
        )
        return true
    }

    /// Strict: whatever is taken for JSON is JSON for others, too.
    private static func isJSON(_ bytes: [UInt8]) throws(BrokenRule) {
        guard let value = try? StrictJSON.parse(bytes, source: "file"), isPlain(value) else {
            return
        }
        let other = try? JSONSerialization.jsonObject(
            with: Data(bytes),
            options: .fragmentsAllowed
        )
        try require(other != nil, "what nobody else takes for JSON is let in")
    }

    /// Without numbers that are beyond what others count with.
    private static func isPlain(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members), .array(let members): members.allSatisfy { isPlain($0.value) }
        case .number: false
        case .string, .integer, .bool, .null: true
        }
    }

    /// However a stream is cut, the same records come of it; a record and a line are read again as
    /// what they were.
    static func inventoryLine(_ bytes: [UInt8]) throws(BrokenRule) -> Bool {
        let records = records(bytes, pieceSize: max(1, bytes.count))
        try require(
            records == Self.records(bytes, pieceSize: 1),
            "pieces of one byte make other records"
        )
        var isTaken = false
        for case .fields(let fields, _) in records {
            try require(
                (1...CSVReader.maximumFields).contains(fields.count)
                    && fields.reduce(0) { $0 + $1.count } <= CSVReader.maximumRecordSize,
                "a record beyond its limits"
            )
            var written: [UInt8] = []
            CSVWriter.append(fields, to: &written)
            try require(
                Self.records(written, pieceSize: written.count) == [.fields(fields, line: 1)],
                "a record is read again as another"
            )
            guard let line = try? InventoryLine(fields) else { continue }
            isTaken = true
            try require(line.size <= 1 << 62, "a size that could overflow")
            // Of quotes around a tag one pair is taken off: of two pairs, one each time.
            guard !line.etag.contains(UInt8(ascii: "\"")) else { continue }
            try require(
                (try? InventoryLine(line.fields)) == line,
                "a line is read again as another"
            )
        }
        return isTaken
    }

    private static func records(_ bytes: [UInt8], pieceSize: Int) -> [CSVReader.Record] {
        var reader = CSVReader()
        var records: [CSVReader.Record] = []
        for start in stride(from: 0, to: bytes.count, by: max(1, pieceSize)) {
            let piece = bytes[start..<min(start + max(1, pieceSize), bytes.count)]
            reader.read(piece) { records.append($0) }
        }
        reader.finish { records.append($0) }
        return records
    }
}
