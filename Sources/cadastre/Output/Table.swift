/// Rows of text under headings, in columns as wide as their widest cell.
struct Table {
    /// How a column's cells stand.
    enum Alignment {
        case left
        case right
    }

    private let headings: [(String, Alignment)]
    private var rows: [[String]] = []

    /// Begins a table with its headings.
    init(_ headings: [(String, Alignment)]) {
        self.headings = headings
    }

    /// Adds a row; missing cells are empty.
    mutating func add(_ cells: [String]) {
        rows.append(cells)
    }

    /// The lines.
    var text: String {
        let all = [headings.map(\.0)] + rows
        let widths = headings.indices.map { column in
            all.map { $0.indices.contains(column) ? $0[column].count : 0 }.max() ?? 0
        }
        return all.map { row in
            let cells = headings.indices.map { column in
                let cell = row.indices.contains(column) ? row[column] : ""
                let padding = String(repeating: " ", count: widths[column] - cell.count)
                return headings[column].1 == .left ? cell + padding : padding + cell
            }
            let line = cells.joined(separator: "  ")
            return String(line.reversed().drop { $0 == " " }.reversed())
        }.joined(separator: "\n")
    }
}

/// Numbers as people read them.
enum Readable {
    /// `1,234,567`.
    static func count(_ value: UInt64) -> String {
        var digits = Array(String(value))
        var place = digits.count - 3
        while place > 0 {
            digits.insert(",", at: place)
            place -= 3
        }
        return String(digits)
    }

    /// `512 B`, `1.5 KiB`, `23 MiB`.
    static func size(_ bytes: UInt64) -> String {
        guard bytes >= 1024 else { return "\(bytes) B" }
        var value = Double(bytes)
        var unit = -1
        let units = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
        while value >= 1024, unit < units.count - 1 {
            value /= 1024
            unit += 1
        }
        return value < 10 ? "\(decimal(value, 1)) \(units[unit])" : "\(Int(value)) \(units[unit])"
    }

    /// `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
    static func time(_ duration: Duration) -> String {
        let (seconds, attoseconds) = duration.components
        switch seconds {
        case ..<10: return "\(decimal(Double(seconds) + Double(attoseconds) / 1e18, 1)) s"
        case ..<60: return "\(seconds) s"
        case ..<3600: return "\(seconds / 60) min \(seconds % 60) s"
        case ..<86_400: return "\(seconds / 3600) h \(seconds % 3600 / 60) min"
        default: return "\(seconds / 86_400) d \(seconds % 86_400 / 3600) h"
        }
    }

    /// With this many digits after the point.
    static func decimal(_ value: Double, _ digits: Int) -> String {
        guard value.isFinite else { return "?" }
        var scale = 1.0
        for _ in 0..<digits { scale *= 10 }
        let rounded = (value * scale).rounded() / scale
        guard abs(rounded) < 1e15 else { return "\(rounded)" }
        guard digits > 0 else { return "\(Int64(rounded))" }
        let whole = Int64(rounded.magnitude)
        let fraction = Int64(((rounded.magnitude - Double(whole)) * scale).rounded())
        let text = String(fraction)
        let zeros = String(repeating: "0", count: max(0, digits - text.count))
        return "\(rounded < 0 ? "-" : "")\(whole).\(zeros)\(text)"
    }
}
