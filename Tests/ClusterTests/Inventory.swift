import Foundation

/// An S3 inventory with names of many kinds.
struct Inventory {
    /// The CSV file.
    let file: URL
    /// Its rows by key: size, date, entity tag.
    let rows: [String: [String]]

    /// Writes `count` rows.
    init(count: Int, in folder: URL) throws {
        var text = ""
        var rows: [String: [String]] = [:]
        for number in 0..<count {
            let key = "y%3D\(number % 97)/caf%C3%A9+\(number % 7)/part-\(number)"
            let values = [
                "\(number &* 2_654_435_761 % 5_000_000_000)",
                "2026-\(Self.two(number % 12 + 1))-\(Self.two(number % 28 + 1))T"
                    + "\(Self.two(number % 24)):\(Self.two(number % 60)):07.\(100 + number % 900)Z",
                String(number &* 40_503 &+ 1_000_000_007, radix: 16),
            ]
            rows[key] = values
            text +=
                "\"archive\",\"\(key)\",\"\",\"true\",\"false\","
                + "\"\(values[0])\",\"\(values[1])\",\"\(values[2])\"\n"
        }
        file = folder.appending(path: "inventory.csv")
        try text.write(to: file, atomically: true, encoding: .utf8)
        self.rows = rows
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// The rows of an exported inventory, spelt like the imported ones.
    static func rows(_ text: String) -> [String: [String]] {
        var rows: [String: [String]] = [:]
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map {
                $0.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
            }
            guard fields.count == 8, fields[0] == "archive" else { continue }
            rows[fields[1].replacingOccurrences(of: "%20", with: "+")] = Array(fields[5...7])
        }
        return rows
    }
}
