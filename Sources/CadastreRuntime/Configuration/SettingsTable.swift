extension Settings {
    /// The table for a terminal.
    package static var plainTable: String {
        var rows = [["SETTING", "ENVIRONMENT", "VALUES", "DEFAULT"]]
        rows += table.map { [$0.key, $0.environmentName, $0.range, $0.defaultText] }
        let widths = (0..<4).map { column in rows.map { $0[column].count }.max() ?? 0 }
        var text = ""
        for (place, row) in rows.enumerated() {
            var line = ""
            for (column, cell) in row.enumerated() {
                line += cell + String(repeating: " ", count: widths[column] - cell.count + 2)
            }
            while line.hasSuffix(" ") { line.removeLast() }
            text += line + "\n"
            if place > 0 { text += "    " + table[place - 1].help + "\n" }
        }
        return text
    }

    /// The table for the README.
    package static var markdownTable: String {
        var text = "| setting | environment | values | default | meaning |\n|---|---|---|---|---|\n"
        for setting in table {
            text += "| `\(setting.key)` | `\(setting.environmentName)` | \(setting.range) |"
            text += " \(setting.defaultText) | \(setting.help) |\n"
        }
        return text
    }
}
